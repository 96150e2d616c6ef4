"""The request for a search: names become networks, budgets become characters."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from recurra.compute.engines import DEFAULT_ENGINE, available_threads, require_engine
from recurra.errors import SettingError
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.text.corpus import DEFAULT_SPLIT, Split, TextSpec
from recurra.training.recipe import MODERN, Recipe
from recurra.tuning.pruners import PRUNERS
from recurra.tuning.pruners.base import Goal
from recurra.tuning.samplers import SAMPLERS
from recurra.tuning.space import Range, Space, Values, parse_space
from recurra.tuning.spec import StudySpec
from recurra.tuning.study import Study
from recurra.tuning.trials import Trial
from recurra.tuning.workers import search

PASSES = 4  # times through the text, for a recipe that has no budget of its own


@dataclass(frozen=True)
class TuneRequest:
    """A search as a user asks for it; None stands for a default that depends on the rest.

    Attributes:
        sources: files, folders, URLs or "shakespeare".
        network: equations, the name of a library network, or the path of a ``.eq`` file; None
            where the space names networks, else "wrnn".
        space: what to search; plain values as in a space's TOML will do.
        recipe: what all trials share, its seed the search too.
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
        workers: processes; default: one a core.
        minutes, characters: budgets; what they leave undone, the same request goes on with.
    """

    sources: Sequence[str | Path]
    network: Network | str | Path | None
    space: Space | Mapping[str, Any]
    recipe: Recipe = MODERN
    _: KW_ONLY
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
    out: str | Path | None = None
    storage: str | None = None
    workers: int | None = None
    minutes: float | None = None
    characters: int | None = None

    def spec(self) -> StudySpec:
        """Resolve what is searched, how, and on which texts.

        Raises:
            TextError: a text cannot be read.
            SettingError: settings that contradict one another, the space or the networks.
        """
        require_engine(self.engine)
        space = self.space if isinstance(self.space, Space) else parse_space(self.space)
        text = TextSpec.of(self.sources, self.encoding, self.split)
        one_pass = sum(len(part) for part in text.load("the study").train)
        length = _length(self.recipe, one_pass) if self.length is None else self.length
        sampler = SAMPLERS.get(self.sampler or ("random" if space.size is None else "grid"))()
        trials = sampler.default_trials(space) if self.trials is None else self.trials
        grouped = space.parameters.get(self.within or "")
        if not sampler.exhaustive and isinstance(grouped, Range) and grouped.step is None:
            raise SettingError(
                f"rounds within {self.within}, drawn at random: give it a list or a step"
            )
        pruner = PRUNERS.get(self.pruner or ("halving" if sampler.uses_history else "rounds"))
        return StudySpec(
            networks=_networks(self.network, space),
            text=text,
            recipe=self.recipe,
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
            seed=self.recipe.seed,
            engine=self.engine,
        )

    def open_study(self) -> Study:
        """Begin the study, or open the one that the same request began.

        Raises:
            RecurraError: see `spec` and `Study.create`.
        """
        return Study.create(self.spec(), self.out, self.storage)


def tune(request: TuneRequest, report: Callable[[list[Trial]], object] | None = None) -> Study:
    """Search for good settings, from beginning to end, or on from where the request was stopped.

    Args:
        request: what to search, and with what budgets.
        report: called with all trials again and again.

    Raises:
        RecurraError: something is refused, or no trial came to an end.
    """
    study = request.open_study()
    for trials in search(
        study,
        workers=request.workers or available_threads(),
        minutes=request.minutes,
        characters=request.characters,
    ):
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


def _networks(network: Network | str | Path | None, space: Space) -> dict[str, str]:
    named = space.parameters.get("network")
    if named is not None:
        if network is not None or not isinstance(named, Values):
            raise SettingError(
                "the space searches the network, as a list of names: name none beside it"
            )
        return {str(name): load_network(str(name)).source for name in named.values}
    if not isinstance(network, Network):
        network = load_network(network or "wrnn")
    return {network.name: network.source}
