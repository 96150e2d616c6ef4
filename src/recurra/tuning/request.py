"""The request for a search: names become networks, budgets become characters."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from recurra.compute.registry import DEFAULT_ENGINE, available_threads, require_engine
from recurra.errors import RequestError, SettingError
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.text.corpus import DEFAULT_SPLIT, Split, TextSpec
from recurra.text.download import Progress
from recurra.text.sources import Source
from recurra.training.recipe import CLASSIC, MODERN, Recipe, RecipeValue, make_recipe
from recurra.training.request import (
    NETWORK,
    as_shares,
    as_sources,
    check_starters,
    refuse_beside,
)
from recurra.tuning.cluster import require_dask
from recurra.tuning.optuna_storage import require_driver
from recurra.tuning.pruners import PRUNERS
from recurra.tuning.pruners.base import Goal
from recurra.tuning.samplers import SAMPLERS
from recurra.tuning.space import Range, Space, Values, classic_space, load_space, parse_space
from recurra.tuning.study import Study
from recurra.tuning.study_spec import RECIPE_NAMES, StudySpec
from recurra.tuning.trials import Trial
from recurra.tuning.workers import search, search_with_dask

CLASSIC_GRID = "classic"
PASSES = 4  # times through the text, for a recipe that has no budget of its own


@dataclass(frozen=True, kw_only=True)
class TuneRequest:
    """A search as a user asks for it; None stands for a default that depends on the rest.

    Attributes:
        resume: the folder of a study to go on with; only workers, devices, budgets and the address
            of its database may be named.
        texts: files, folders, URLs or "shakespeare".
        network: equations, the name of a library network, or the path of a ``.eq`` file; None
            where the space names networks, else "wrnn".
        space: what to search: the path of a TOML file, or plain values as they stand in one.
        choices: of the equations, the same in every trial; of one network "scrn.alpha".
        grid: "classic", instead of a space: see `recurra.classic_space`.
        recipe: what all trials share, its seed the search too: a recipe, "modern" or "classic";
            default: "modern", with a grid "classic".
        settings: fields of the recipe, with the values that replace its own. A warm-up that
            neither names is shortened so that it ends before the first rung.
        sampler: name of a sampler; default: "grid" if the space has one, else "random".
        pruner: name of a pruner; default: "rounds", with a sampler that learns "halving".
        trials: how many; default: the whole grid, or 64.
        length: characters of a training in full; default: the recipe's steps or epochs, or four
            times through the text where it has neither.
        rung, factor, keep, within: see `recurra.tuning.pruners.base.Pruner.create`.
        finalists: so many of the best are trained in full, wherever they were pruned.
        max_in_flight: trials that may run at a time where they depend on earlier ones; default:
            4, or twice the cores if that is more.
        encoding, split: of the texts.
        engine: what computes.
        out: the study's folder; default: one below ``studies`` that depends on all of the above.
        storage: address of a PostgreSQL database to keep the trials in, instead of the folder.
        workers: processes; default: one a core, or one a device of several.
        devices: of the engine, by number or name, which the workers share in turn: "0,1".
        dask: address of a Dask cluster that starts them.
        sbatch: SLURM starts them, by a script: see `sbatch_script`.
        minutes, characters: budgets; what they leave undone, the same request goes on with.

    Raises:
        RequestError: fields that do not go together.
        SettingError: a setting of the recipe that makes no sense.
    """

    texts: Sequence[Source] = ()
    resume: Source | None = None
    network: Network | Source | None = None
    space: Space | Mapping[str, Any] | Source | None = None
    choices: Mapping[str, str | float] = field(default_factory=dict)
    grid: str | None = None
    recipe: Recipe | str | None = None
    settings: Mapping[str, RecipeValue] = field(default_factory=dict)
    sampler: str | None = None
    pruner: str | None = None
    trials: int | None = None
    length: int | None = None
    rung: int | None = None
    factor: int = 3
    keep: int | None = None
    within: str | None = None
    finalists: int = 3
    max_in_flight: int | None = None
    encoding: str | None = None
    split: Split = DEFAULT_SPLIT
    engine: str = DEFAULT_ENGINE
    out: Source | None = None
    storage: str | None = None
    workers: int | None = None
    devices: str | None = None
    dask: str | None = None
    sbatch: bool = False
    minutes: float | None = None
    characters: int | None = None
    _own_warmup: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.resume is not None:
            kept = "a study keeps what it began with; begin a new one to change that"
            free = {"resume", "storage", "workers", "devices", "minutes", "characters"}
            usual = {f.name for f in fields(self) if f.init and getattr(self, f.name) == f.default}
            refuse_beside(self, free | usual, kept)
            return
        if not self.texts:
            raise RequestError("texts", "name what to search on, or use --resume")
        if (self.space is None) == (self.grid is None) or self.grid not in (None, CLASSIC_GRID):
            raise RequestError("space", "give --space FILE or --grid classic")
        check_starters(self.storage, self.dask, self.sbatch)
        if self.devices is not None and (self.dask is not None or self.sbatch):
            raise RequestError("devices", "Dask or SLURM gives a worker its device: leave it out")
        if self.devices is not None and self.engine == DEFAULT_ENGINE:
            vars(self)["engine"] = "torch"
        recipe = self.recipe or (MODERN if self.grid is None else CLASSIC)
        standard = MODERN if self.grid is None else CLASSIC
        own = isinstance(recipe, Recipe) and recipe.warmup != standard.warmup
        vars(self).update(
            texts=as_sources(self.texts),
            split=as_shares(self.split),
            recipe=make_recipe(recipe, self.settings),
            settings={},
            _own_warmup=own or "warmup" in self.settings,
        )

    @property
    def processes(self) -> int:
        """How many work at a time."""
        return self.workers or len(self.engines) or available_threads()

    @property
    def engines(self) -> list[str]:
        """The engine on each of several devices."""
        devices = self.devices.split(",") if self.devices else []
        kind, _, device = self.engine.partition(":")
        return [
            f"{kind}:{device or 'cuda'}:{one}" if one.isdecimal() else f"{kind}:{one}"
            for one in map(str.strip, devices)
        ]

    def spec(self, progress: Progress | None = None) -> StudySpec:
        """Resolve what is searched, how, and on which texts.

        Args:
            progress: see `recurra.load_corpus`.

        Raises:
            TextError: a text cannot be read.
            SettingError: settings that contradict one another, the space or the networks.
        """
        if self.resume is not None:
            return self.open_study().spec
        for engine in self.engines or [self.engine]:
            require_engine(engine)
        networks, space = _networks(self.network, self._space())
        recipe = make_recipe(self.recipe or MODERN)
        text = TextSpec.of(self.texts, self.encoding, self.split, progress=progress)
        one_pass = sum(len(part) for part in text.load("the study").train)
        length = _length(recipe, one_pass) if self.length is None else self.length
        sampler = SAMPLERS.get(self.sampler or ("random" if space.size is None else "grid"))()
        trials = sampler.default_trials(space) if self.trials is None else self.trials
        grouped = space.parameters.get(self.within or "")
        if not sampler.exhaustive and isinstance(grouped, Range) and grouped.step is None:
            raise SettingError(
                f"rounds within {self.within}, drawn at random: give it a list or a step"
            )
        pruner = PRUNERS.get(self.pruner or ("halving" if sampler.uses_history else "rounds"))
        spec = StudySpec(
            networks=networks,
            text=text,
            recipe=recipe if self._own_warmup else recipe.with_(warmup=0),
            space=space,
            sampler=sampler,
            pruner=pruner.create(
                Goal(length, one_pass, trials),
                first=self.rung,
                factor=self.factor,
                keep=self.keep,
                within=self.within,
            ),
            trials=trials,
            length=length,
            max_in_flight=self.max_in_flight or max(4, 2 * available_threads()),
            finalists=self.finalists,
            seed=recipe.seed,
            engine=self.engine,
        )
        if self._own_warmup:
            return spec
        return replace(spec, recipe=recipe.with_(warmup=min(recipe.warmup, spec.longest_warmup)))

    def open_study(self, progress: Progress | None = None) -> Study:
        """Begin the study, or open the one to go on with, or that the same request began.

        Args:
            progress: see `recurra.load_corpus`.

        Raises:
            RecurraError: see `spec` and `Study.create`.
        """
        if self.resume is not None:
            return Study.open(self.resume, self.storage)
        if self.dask is not None:
            require_dask()
        if self.storage is not None:
            require_driver(self.storage)
        return Study.create(self.spec(progress), self.out, self.storage)

    def search(self, study: Study) -> Iterator[list[Trial]]:
        """Work on the study; its trials as they stand, again and again.

        Raises:
            RecurraError: see `recurra.tuning.workers.search`, or `search_with_dask`.
        """
        workers, minutes, characters = self.processes, self.minutes, self.characters
        if self.dask is None:
            return search(
                study,
                workers=workers,
                minutes=minutes,
                characters=characters,
                engines=self.engines,
            )
        return search_with_dask(
            study, self.dask, workers=workers, minutes=minutes, characters=characters
        )

    def _space(self) -> Space:
        searched = self._searched().parameters
        for name in self.choices:
            if name in searched:
                raise RequestError("choices", f"the space has {name}, too: name it in one place")
            if name in RECIPE_NAMES:
                raise RequestError(
                    "choices", f"{name} belongs to the recipe: it has its own option"
                )
        return Space({**searched, **{name: Values((one,)) for name, one in self.choices.items()}})

    def _searched(self) -> Space:
        match self.space:
            case None:
                name = self.network.name if isinstance(self.network, Network) else self.network
                return classic_space(str(name or NETWORK))
            case Space():
                return self.space
            case str() | Path():
                return load_space(self.space)
        return parse_space(self.space)


def tune(request: TuneRequest, report: Callable[[list[Trial]], object] | None = None) -> Study:
    """Search for good settings, from beginning to end, or on from where the request was stopped.

    Args:
        request: what to search, and with what budgets.
        report: called with all trials again and again.

    Raises:
        RecurraError: something is refused, or no trial came to an end.
    """
    study = request.open_study()
    for trials in request.search(study):
        if report is not None:
            report(trials)
    return study


def _length(recipe: Recipe, one_pass: int) -> int:
    if recipe.steps is not None:
        return recipe.steps * recipe.batch * recipe.seq_len
    if recipe.epochs is not None:
        return math.ceil(recipe.epochs * one_pass)
    if recipe.minutes is not None:
        raise SettingError(
            "a trial cannot have a budget of minutes, which buy more on an idle machine: give "
            "steps, epochs or a length in characters"
        )
    return PASSES * one_pass


def _networks(network: Network | Source | None, space: Space) -> tuple[dict[str, str], Space]:
    """The equations of each network by its name, and the space with these names."""
    named = space.parameters.get("network")
    if named is not None:
        if network is not None or not isinstance(named, Values):
            raise SettingError(
                "the space searches the network, as a list of names: name none beside it"
            )
        loaded = {str(typed): load_network(str(typed)) for typed in named.values}
        space = space.renamed({typed: one.name for typed, one in loaded.items()})
        networks = {one.name: one for one in loaded.values()}
        if len(networks) < len(loaded):
            raise SettingError(
                f"two of the networks {', '.join(loaded)} have one name: rename a file"
            )
    else:
        one = network if isinstance(network, Network) else load_network(network or NETWORK)
        networks = {one.name: one}
    layered = {name for name in space.parameters if name.rpartition(".")[2] == "layers"}
    # a number of layers is written out; to be searched, it has to stand as typed
    return {
        name: one.text if layered & {"layers", f"{name}.layers"} else one.source
        for name, one in networks.items()
    }, space
