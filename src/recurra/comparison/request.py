"""A comparison as it is asked for, by options, in a notebook or a studio: data, checked once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from recurra.comparison.budgets import LimitName, Match, Sizes, timed
from recurra.comparison.comparison import Comparison, PlannedRun
from recurra.comparison.cost import ComparisonCost, estimate_cost
from recurra.comparison.create import SEEDS, Networks, compare_runs, plan_comparison
from recurra.comparison.results import Results, evaluate_test
from recurra.comparison.runner import pending_runs
from recurra.comparison.workers import train_with_workers
from recurra.compute.registry import DEFAULT_ENGINE, available_threads
from recurra.errors import RequestError, RunError
from recurra.lang.network import Network
from recurra.text.corpus import DEFAULT_SPLIT, Split
from recurra.text.download import Progress
from recurra.text.sources import Source
from recurra.training.recipe import BUDGETS, MODERN, Recipe, RecipeValue, make_recipe
from recurra.training.records import Record
from recurra.training.request import as_shares, as_sources, check_starters, refuse_beside
from recurra.tuning.study_spec import FILE as STUDY_FILE

Runs = Sequence[Source] | Mapping[str, Sequence[Source]]
Studies = Sequence[Source] | Mapping[str, Source]
Kind = Literal["networks", "runs", "studies"]


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """A comparison of networks, of runs, or of the winners of studies; or one to go on with.

    What is None or empty was not asked for. Once it is checked, equal requests are equal.

    Attributes:
        networks: names of the library, ``.eq`` files or parsed networks, two or more, which are
            trained on `texts`; as a mapping, or as in ``"mine=my.eq"``, under names of their own.
        runs: run folders that have finished; as a mapping, or as in ``"mine=runs/rnn-1"``, name ->
            runs of one network, else grouped by network.
        studies: folders of studies whose winners are trained in full; named as networks are.
        resume: the folder of a comparison to go on with; only its texts may be named, if they were
            moved.
        texts: files, folders, URLs or "shakespeare".
        recipe: what all runs have in common: a recipe, "modern" or "classic".
        settings: fields of the recipe, with the values that replace its own.
        choices: name -> choices of its equations.
        hidden: sizes of the first network, each a budget of its own.
        steps, epochs, minutes: lengths of training, each a budget of its own.
        match, seeds, rates: see `recurra.plan_comparison`.
        out: the new folder.
        encoding, split, engine, threads: see `recurra.start`; with workers one thread by default.
        workers: processes that train runs side by side; None: one run after the other, or with
            `storage` one process a core.
        storage: address of a PostgreSQL database through which workers on several machines share
            the runs.
        dask: address of a Dask cluster that starts them.
        sbatch: SLURM starts them, by a script: see `recurra.tuning.cluster.sbatch_script`.
        fetch: download texts that a folder names by address.

    Raises:
        RequestError: fields that do not go together.
        SettingError: a setting of the recipe that makes no sense.
    """

    networks: Networks = ()
    runs: Runs = ()
    studies: Studies = ()
    resume: Source | None = None
    texts: Sequence[Source] = ()
    recipe: Recipe | str | None = None
    settings: Mapping[str, RecipeValue] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, str | float]] = field(default_factory=dict)
    hidden: Sequence[Sizes] = ()
    steps: Sequence[int] = ()
    epochs: Sequence[float] = ()
    minutes: Sequence[float] = ()
    match: Match | None = None
    seeds: int | None = None
    rates: Sequence[float] = ()
    out: Source | None = None
    encoding: str | None = None
    split: Split | None = None
    engine: str | None = None
    threads: int | None = None
    workers: int | None = None
    storage: str | None = None
    dask: str | None = None
    sbatch: bool = False
    fetch: bool = False

    def __post_init__(self) -> None:
        fill = vars(self).update  # the fields of frozen data, on the way to their only value
        for name in ("hidden", "rates", *BUDGETS):
            fill({name: tuple(getattr(self, name))})
        fill(texts=as_sources(self.texts), split=as_shares(self.split))
        if self.workers is not None and self.workers < 1:
            raise RequestError("workers", "a whole number, 1 or more, has to train the runs")
        check_starters(self.storage, self.dask, self.sbatch)
        if self.storage is not None and self.workers is None and self.resume is None:
            fill(workers=available_threads())
        shared = {"workers", "storage", "dask", "sbatch"}
        if self.resume is not None:
            kept = "a resumed comparison keeps what it began with; begin a new one to change that"
            refuse_beside(self, {"resume", "texts", "fetch", *shared}, kept)
        elif self.studies:
            kept = "the winners of studies keep their settings; to set others, add --text"
            refuse_beside(self, {"studies", "out", "fetch", "seeds", "threads", *shared}, kept)
            fill(studies=_named(self.studies), seeds=SEEDS if self.seeds is None else self.seeds)
        elif self.runs:
            kept = (
                "without --text these are runs, which stay as they were; to train networks, add "
                "--text"
            )
            refuse_beside(self, {"runs", "out", "fetch"}, kept)
            fill(runs=_grouped(self.runs))
        elif not self.networks:
            raise RequestError("networks", "name two networks, or use --resume")
        elif not self.texts:
            raise RequestError("texts", "name what to train the networks on")
        else:
            self._check_training()

    def _check_training(self) -> None:
        if self.rates and "lr" in self.settings:
            raise RequestError("rates", "give lr and rates not both: rates are tried for lr")
        # a recipe without stop rules needs an end of its own
        first = {str(name): end for limit in self.limits[:1] for name, end in limit.items()}
        vars(self).update(
            networks=_named(self.networks),
            recipe=make_recipe(self.recipe or MODERN, {**self.settings, **first}),
            settings={},
            match=self.match or "parameters",
            seeds=SEEDS if self.seeds is None else self.seeds,
            split=self.split or as_shares(DEFAULT_SPLIT),
            engine=self.engine or DEFAULT_ENGINE,
        )

    @property
    def limits(self) -> list[dict[LimitName, int | float]]:
        """Lengths of training."""
        lengths: dict[LimitName, Sequence[float]] = {
            "steps": self.steps, "epochs": self.epochs, "minutes": self.minutes
        }  # fmt: skip
        return [{name: length} for name, given in lengths.items() for length in given]

    def open(self, progress: Progress | None = None) -> Comparison:
        """The comparison that was asked for; in a new one nothing is trained yet.

        Args:
            progress: see `recurra.load_corpus`.

        Raises:
            RecurraError: a network, text, folder or setting is refused.
        """
        if self.storage is not None:
            from recurra.tuning.optuna_storage import full_address, require_database

            require_database(self.storage)
        if self.dask is not None:
            from recurra.tuning.cluster import require_dask

            require_dask()
        if self.resume is not None:
            comparison = Comparison.open(self.resume)
            if self.storage is not None:
                full_address(comparison.folder, comparison.storage, self.storage)
            return comparison
        if self.studies:
            from recurra.comparison.from_studies import compare_studies
            from recurra.tuning.study import Study  # with Optuna, which takes a second

            assert isinstance(self.studies, Mapping)
            studies = {name: Study.open(folder) for name, folder in self.studies.items()}
            return compare_studies(
                studies,
                seeds=self.seeds or SEEDS,
                out=self.out,
                threads=self._threads,
                fetch=self.fetch,
                storage=self.storage,
            )
        if self.runs:
            return compare_runs(self.runs, self.out)
        return plan_comparison(
            self.networks,
            self.texts,
            make_recipe(self.recipe or MODERN),
            choices=self.choices,
            hidden=self.hidden,
            limits=self.limits,
            match=self.match or "parameters",
            seeds=SEEDS if self.seeds is None else self.seeds,
            rates=self.rates,
            out=self.out,
            encoding=self.encoding,
            split=self.split or DEFAULT_SPLIT,
            engine=self.engine or DEFAULT_ENGINE,
            threads=self._threads,
            workers=self.workers,
            storage=self.storage,
            progress=progress,
        )

    def join(self) -> Comparison:
        """The comparison to go on with, which others may be training, too.

        Raises:
            RunError: minutes end its runs.
            RecurraError: see `open`.
        """
        comparison = self.open()
        if timed(comparison.budget_recipes):
            raise RunError(
                f"minutes end the runs of {comparison.folder}, and each has to have as many beside "
                "it: recurra compare --resume goes on"
            )
        return comparison

    def processes(self, comparison: Comparison) -> int | None:
        """How many train the runs of a comparison; None: this one does."""
        shared = comparison.storage is not None
        return self.workers or (available_threads() if shared else None)

    def train(self, comparison: Comparison) -> Iterator[list[PlannedRun]]:
        """Train with `processes` what is missing; see `recurra.comparison.workers`."""
        return train_with_workers(
            comparison,
            self.processes(comparison) or 1,
            self.texts or None,
            fetch=self.fetch,
            storage=self.storage,
            dask=self.dask,
        )

    def estimate(self) -> ComparisonCost:
        """Estimate the time of all runs; nothing is written, and each network trains for a second.

        Raises:
            RecurraError: see `open`.
        """
        with TemporaryDirectory() as folder:
            out = Path(folder, "estimate") if self.resume is None else None
            request = replace(self, out=out, storage=None, dask=None, sbatch=False)
            comparison = request.open()
            texts = self.texts if self.resume is not None else ()
            corpus = comparison.text.load(comparison.folder, texts or None, fetch=self.fetch)
            return estimate_cost(comparison, corpus, self.processes(comparison) or 1)

    @property
    def _threads(self) -> int | None:
        return self.threads or (None if self.workers is None else 1)


def compare(
    what: Comparison | CompareRequest,
    report: Callable[[PlannedRun, Record], object] | None = None,
) -> Results:
    """Train what a comparison still lacks, then open its test part, once.

    Args:
        what: a comparison as it is asked for; or one that is planned, or opened to go on.
        report: called with every record of every run.

    Raises:
        RecurraError: something is refused, or a search found no rate.
    """
    request = what if isinstance(what, CompareRequest) else CompareRequest(resume=what.folder)
    comparison = what if isinstance(what, Comparison) else what.open()
    texts, fetch = request.texts or None, request.fetch
    if request.processes(comparison) is not None:
        for finished in request.train(comparison):
            for planned in finished:
                if report is not None:
                    report(planned, planned.finished())
    for planned, trainer in pending_runs(comparison, texts, fetch=fetch):
        for record in trainer.records():
            if report is not None:
                report(planned, record)
    return evaluate_test(comparison, texts, fetch=fetch)


def entrant_kind(entrants: Sequence[str], texts: Sequence[Source]) -> Kind:
    """Tell what is compared: with texts networks, else studies, if all of them are; else runs."""
    if texts or not entrants:
        return "networks"
    folders = (_split_name(entrant)[1] for entrant in entrants)
    return "studies" if all(Path(folder, STUDY_FILE).exists() for folder in folders) else "runs"


def _split_name(entrant: Source) -> tuple[str | None, Source]:
    """``"mine=my.eq"`` -> ``("mine", "my.eq")``; a path with an equals sign is no name."""
    name, equals, what = str(entrant).partition("=")
    return (name, what) if equals and not {*name} & {*"/\\"} else (None, entrant)


def _named(
    entrants: Sequence[Network | Source] | Mapping[str, Network | Source],
) -> dict[str, Network | Source]:
    """``["wrnn", "mine=my.eq"]`` -> ``{"wrnn": "wrnn", "mine": "my.eq"}``."""
    if isinstance(entrants, Mapping):
        return dict(entrants)
    named: dict[str, Network | Source] = {}
    for entrant in entrants:
        name, what = (
            (entrant.name, entrant) if isinstance(entrant, Network) else _split_name(entrant)
        )
        name = name or Path(str(what)).stem
        if name in named:
            message = f"two are called {name}: name one, as in other={what}"
            raise RequestError("networks", message)
        named[name] = what
    return named


def _grouped(runs: Runs) -> dict[str, tuple[Source, ...]] | tuple[Source, ...]:
    """Run folders, by name where they have one."""
    if isinstance(runs, Mapping):
        return {name: tuple(group) for name, group in runs.items()}
    groups: dict[str, tuple[Source, ...]] = {}
    for run in runs:
        name, folder = _split_name(run)
        if name is not None:
            groups[name] = (*groups.get(name, ()), folder)
        elif groups or any(_split_name(other)[0] for other in runs):
            message = f"{run} has no name, but others have: give all a name, or none"
            raise RequestError("runs", message)
    return groups or tuple(runs)
