"""A training as it is asked for, by options, in a notebook or a studio: data, checked once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from recurra.compute.registry import DEFAULT_ENGINE, available_threads, require_engine
from recurra.errors import RequestError, RunError
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.storage.runs import Run
from recurra.text.corpus import DEFAULT_SPLIT, Corpus, Split, load_corpus
from recurra.text.download import Progress
from recurra.text.sources import Source
from recurra.training.finished_run import FinishedRun
from recurra.training.presets import Preset, preset
from recurra.training.recipe import BUDGETS, MODERN, Recipe, RecipeValue, make_recipe
from recurra.training.records import Compiling, Finished, Record
from recurra.training.sessions import resume, start
from recurra.training.speed import TimeEstimate, estimate_time, training_speed
from recurra.training.stopping import DIVERGED
from recurra.training.trackers.registry import open_tracker
from recurra.training.trackers.tensorboard import require_package
from recurra.training.trainer import Trainer
from recurra.training.warm_start import WarmStart
from recurra.training.winner import Winner

NETWORK = "wrnn"  # where none is named


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """A training; what is None or empty was not asked for.

    Once it is checked, equal requests are equal: defaults stand where they were left out, and the
    settings are part of the recipe, unless a preset or a winner is still to bring one.

    Attributes:
        texts: files, folders, URLs or "shakespeare".
        network: equations, a library network's name, or the path of a ``.eq`` file; default:
            "wrnn", or that of the preset.
        choices: of the equations.
        preset: "fast", "good" or "best".
        recipe: a recipe, "modern" or "classic".
        settings: fields of the recipe, with the values that replace its own.
        resume: the folder of a run to go on with; only its texts may be named, if they were moved,
            another budget, in the settings, and another engine.
        winner: opens the best trial of a search, as `recurra.tuning.study.StudyWinner` does; it
            brings network, recipe and texts.
        init_from: the folder of a run whose network, sizes and weights it begins with; its recipe,
            too, unless one is named.
        keep_optimizer: go on with the state of that run's optimiser, too.
        out: the new run folder.
        encoding, split, engine, threads: see `recurra.start`.
        fetch: download texts that a folder names by address.
        log: "csv", "tensorboard" or a folder; see `recurra.training.trackers.registry`.

    Raises:
        RequestError: fields that do not go together.
        SettingError: a setting that makes no sense.
    """

    texts: Sequence[Source] = ()
    network: Network | Source | None = None
    choices: Mapping[str, str | float] = field(default_factory=dict)
    preset: str | None = None
    recipe: Recipe | str | None = None
    settings: Mapping[str, RecipeValue] = field(default_factory=dict)
    resume: Source | None = None
    winner: Callable[[], Winner] | None = None
    init_from: Source | None = None
    keep_optimizer: bool = False
    out: Source | None = None
    encoding: str | None = None
    split: Split | None = None
    engine: str | None = None
    threads: int | None = None
    fetch: bool = False
    log: str | None = None

    def __post_init__(self) -> None:
        fill = vars(self).update  # the fields of frozen data, on the way to their only value
        fill(texts=as_sources(self.texts), split=as_shares(self.split))
        if self.resume is not None:
            kept = "a resumed run keeps what it began with; train a new one to change that"
            refuse_beside(self, {"resume", "texts", "fetch", "settings", "engine", "log"}, kept)
            for name in sorted(self.settings.keys() - self.budget.keys()):
                raise RequestError(name, kept)
            return
        if self.keep_optimizer and self.init_from is None:
            raise RequestError("keep_optimizer", "name the run it comes from, with --init-from")
        if self.init_from is not None:
            why = "the run that the weights come from brings its own"
            refuse_beside(self, {*vars(self)} - {"network", "preset", "choices"}, why)
            if "hidden" in self.settings:
                raise RequestError("hidden", why)
        if self.winner is not None:
            own = {"network", "preset", "choices", "recipe", "encoding", "split", "init_from"}
            refuse_beside(self, {*vars(self)} - own, "a search's winner brings its own")
        elif not self.texts:
            raise RequestError("texts", "name what to train on, or use --resume or --from")
        elif self.preset is not None:
            refuse_beside(self, {*vars(self)} - {"recipe"}, "a preset brings its own")
        elif self.init_from is None or self.recipe is not None:
            recipe = make_recipe(self.recipe or MODERN, self.settings)
            fill(recipe=recipe, settings={})
        if not (self.winner or self.preset or self.init_from):
            fill(network=self.network or NETWORK)
        if isinstance(self.network, Network) and (self.choices or self.preset):
            raise RequestError("network", "name it: choices and presets read its equations")
        if self.winner is None:
            fill(split=self.split or as_shares(DEFAULT_SPLIT))
        fill(engine=self.engine or DEFAULT_ENGINE)

    @property
    def budget(self) -> dict[str, int | float]:
        """The budgets among the settings."""
        items = self.settings.items()
        return {n: v for n, v in items if n in BUDGETS and isinstance(v, int | float)}

    def start(self, progress: Progress | None = None, corpus: Corpus | None = None) -> Trainer:
        """The trainer that does what was asked for, with its run folder.

        Args:
            progress: called several times a second while a text is downloaded or read.
            corpus: the texts, if they have been read.

        Raises:
            RecurraError: a text, a network, a setting or a folder is refused.
        """
        if self.resume is not None:
            return resume(
                Run.open(self.resume),
                self.texts or None,
                corpus=corpus,
                fetch=self.fetch,
                budget=self.budget,
                engine=self.engine,
            )
        require_engine(self.engine or DEFAULT_ENGINE, self.threads)
        if self.log not in (None, "csv"):
            require_package()  # before there is a folder
        texts, encoding, split = self.texts, self.encoding, self.split or DEFAULT_SPLIT
        warm = None
        if self.winner is not None:
            winner = self.winner()
            text, network, recipe = winner.text, winner.network, winner.recipe
            if not texts:
                texts = text.sources
                corpus = corpus or text.load(winner.folder, fetch=self.fetch)
            encoding, split = text.encoding, text.split
        elif self.preset is not None:
            corpus = corpus or load_corpus(texts, encoding, split, progress=progress)
            network, recipe = self._preset(corpus, progress)
        elif self.init_from is not None:
            warm = WarmStart.of(FinishedRun.open(self.init_from), self.keep_optimizer)
            network = warm.source.network
            recipe = make_recipe(self.recipe or warm.recipe)
        else:
            named, recipe = self.network or NETWORK, make_recipe(self.recipe or MODERN)
            network = named if isinstance(named, Network) else load_network(named, self.choices)
        recipe = recipe.with_(**self.settings)
        return start(
            texts,
            network,
            recipe,
            out=self.out,
            encoding=encoding,
            split=split,
            corpus=corpus or load_corpus(texts, encoding, split, progress=progress),
            engine=self.engine or DEFAULT_ENGINE,
            threads=self.threads,
            warm=warm,
        )

    def _preset(self, corpus: Corpus, progress: Progress | None) -> tuple[Network, Recipe]:
        """Network and recipe of the preset, for the time there is on this machine."""

        def measure(usual: Preset) -> float:
            trainer = Trainer(
                usual.network,
                corpus,
                usual.recipe,
                engine=self.engine or DEFAULT_ENGINE,
                threads=self.threads or available_threads(),
            )
            for record in trainer.records(1):
                if progress is not None and isinstance(record, Compiling) and not record.kernel:
                    progress(str(record))
            return training_speed(trainer)

        assert self.preset is not None
        assert not isinstance(self.network, Network)
        chosen = preset(
            self.preset,
            corpus,
            self.network,
            self.choices,
            minutes=self.budget.get("minutes"),
            measure=None if self.settings.keys() & {"hidden", "steps", "epochs"} else measure,
        )
        return chosen.network, chosen.recipe

    def estimate(self) -> TimeEstimate:
        """Estimate how long it takes; nothing is kept, and it trains for about a second.

        Raises:
            RecurraError: see `start`; and a run that is to go on, which has told its time.
        """
        if self.resume is not None:
            raise RequestError("resume", "only the time of a new training is estimated")
        with TemporaryDirectory() as folder:
            return estimate_time(replace(self, out=Path(folder, "estimate")).start())


def train(
    sources: Source | Sequence[Source],
    network: Network | Source | None = None,
    recipe: Recipe | str | None = None,
    *,
    choices: Mapping[str, str | float] | None = None,
    report: Callable[[Record], object] | None = None,
    out: Source | None = None,
    encoding: str | None = None,
    split: Split | None = None,
    corpus: Corpus | None = None,
    engine: str | None = None,
    threads: int | None = None,
    log: str | None = None,
) -> Finished:
    """Train a network on texts, from beginning to end.

    Args:
        sources: files, folders, URLs or "shakespeare".
        network: the equations, the name of a library network, or the path of a ``.eq`` file.
        recipe: how to train: a recipe, "modern", which is the default, or "classic".
        choices: of the equations, such as ``{"f1": "sigmoid"}``.
        report: called with every record on the way.
        out, encoding, split, corpus, engine, threads: see `start`.
        log: "csv", "tensorboard" or a folder; see `recurra.training.trackers.registry`.

    Returns:
        The figures of the run; its folder is ``.run``.

    Raises:
        RecurraError: a text, a setting or the folder is refused, or the training diverged.
    """
    request = TrainRequest(
        texts=as_sources(sources),
        network=network,
        choices=choices or {},
        recipe=recipe,
        out=out,
        encoding=encoding,
        split=split,
        engine=engine,
        threads=threads,
        log=log,
    )
    trainer = request.start(corpus=corpus)
    with open_tracker(log, trainer) as track:
        for record in trainer.records():
            track(record)
            if report is not None:
                report(record)
    assert isinstance(record, Finished)
    refuse_divergence(record)
    return record


def refuse_divergence(finished: Finished) -> None:
    """Make an error of a training whose loss grew without bound.

    Raises:
        RunError: with its likely cause and cure.
    """
    if finished.stopped_by == DIVERGED:
        raise RunError(finished.message)


def refuse_beside(request: object, allowed: set[str], why: str) -> None:
    """Refuse every field of a request that was asked for, but for some.

    Raises:
        RequestError: with the name of the field, or of the setting, and `why`.
    """
    for name in sorted(vars(request).keys() - allowed):
        value = vars(request)[name]
        if value is not None and value is not False and value not in ({}, ()):
            raise RequestError(next(iter(value)) if name == "settings" else name, why)


def check_starters(storage: str | None, dask: str | None, sbatch: bool) -> None:
    """Refuse workers on many machines that share no database, or are to be started twice.

    Raises:
        RequestError: one of these.
    """
    if (dask is not None or sbatch) and storage is None:
        raise RequestError("storage", "many machines share a database")
    if dask is not None and sbatch:
        raise RequestError("sbatch", "Dask or SLURM starts the workers: give one of the two")


def as_sources(sources: Source | Sequence[Source]) -> tuple[Source, ...]:
    """Sources of texts; one may stand alone."""
    return (sources,) if isinstance(sources, Source) else tuple(sources)


def as_shares(split: Split | None) -> str | None:
    """A split as it is typed: ``(90, 5, 5)`` -> ``"90/5/5"``."""
    return split if split is None or isinstance(split, str) else "/".join(map(str, split))
