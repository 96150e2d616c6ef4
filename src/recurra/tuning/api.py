"""From what a user asks for to a study: names become networks, budgets become characters."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recurra.compute.engines import DEFAULT_ENGINE, available_threads
from recurra.errors import SettingError
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.text.corpus import DEFAULT_SPLIT, Split, TextSpec
from recurra.training.recipe import MODERN, Recipe
from recurra.tuning.pruning import make_pruner
from recurra.tuning.space import Range, Space, Values, parse_space
from recurra.tuning.spec import Protocol, len_of_grid
from recurra.tuning.study import Study
from recurra.tuning.trials import Trial
from recurra.tuning.workers import search

TRIALS = 64  # of a search that has no end of its own
PASSES = 4  # times through the text, for a recipe that has no budget of its own


def make_protocol(
    sources: Sequence[str | Path],
    network: Network | str | Path | None,
    space: Space | Mapping[str, Any],
    recipe: Recipe = MODERN,
    *,
    sampler: str | None = None,
    pruner: str | None = None,
    trials: int | None = None,
    length: int | None = None,
    rung: int | None = None,
    factor: int = 3,
    keep: int | None = None,
    within: str | None = None,
    finalists: int = 3,
    ahead: int | None = None,
    encoding: str | None = None,
    split: Split = DEFAULT_SPLIT,
    engine: str = DEFAULT_ENGINE,
) -> Protocol:
    """What a study is asked for, complete.

    Args:
        sources: files, folders, URLs or "shakespeare".
        network: equations, the name of a library network, or the path of a ``.eq`` file; None
            where the space names networks, else "wrnn".
        space: what to search; plain values as in a space's TOML will do.
        recipe: what all trials share, its seed the search too.
        sampler: "grid", "random" or "tpe"; default: the grid if there is one, else random.
        pruner: see `recurra.tuning.pruning`; default: "rounds", with TPE "halving".
        trials: how many; default: the whole grid, or 64.
        length: characters of a training in full; default: the recipe's steps or epochs, or four
            times through the text where it has neither.
        rung, factor, keep, within: see `recurra.tuning.pruning.make_pruner`.
        finalists: so many of the best are trained in full, wherever they were pruned.
        ahead: trials that may be under way at a time where they look back on one another; default:
            4, or twice the cores if that is more.
        encoding, split: of the texts.
        engine: what computes.

    Raises:
        TextError, SettingError: something is refused.
    """
    space = space if isinstance(space, Space) else parse_space(space)
    text = TextSpec.of(sources, encoding, split)
    one_pass = sum(len(part) for part in text.load("the study").train)
    if length is None:
        length = _length(recipe, one_pass)
    if sampler is None:
        sampler = "grid" if space.size is not None else "random"
    if trials is None:
        trials = len_of_grid(space) if sampler == "grid" else TRIALS
    grouped = space.parameters.get(within or "")
    if sampler != "grid" and isinstance(grouped, Range) and grouped.step is None:
        raise SettingError(f"rounds within {within}, drawn at random: give it a list or a step")
    chosen = make_pruner(
        pruner or ("halving" if sampler == "tpe" else "rounds"),
        length,
        one_pass,
        trials=trials,
        first=rung,
        factor=factor,
        keep=keep,
        within=within,
    )
    return Protocol(
        networks=_networks(network, space),
        text=text,
        recipe=recipe,
        space=space,
        sampler=sampler,
        pruner=chosen,
        trials=trials,
        length=length,
        ahead=ahead or max(4, 2 * available_threads()),
        finalists=finalists,
        seed=recipe.seed,
        engine=engine,
    )


def tune(
    sources: Sequence[str | Path],
    network: Network | str | Path | None,
    space: Space | Mapping[str, Any],
    recipe: Recipe = MODERN,
    *,
    out: str | Path | None = None,
    storage: str | None = None,
    workers: int | None = None,
    minutes: float | None = None,
    characters: int | None = None,
    report: Callable[[list[Trial]], object] | None = None,
    **options: Any,
) -> Study:
    """Search for good settings, from beginning to end, or on from where the same call was stopped.

    Args:
        sources, network, space, recipe, options: see `make_protocol`.
        out: the study's folder; default: one below ``studies`` that depends on all of these.
        storage: address of a PostgreSQL database to keep the trials in, instead of the folder.
        workers: processes; None: one a core.
        minutes, characters: budgets; what they leave undone, the same call goes on with.
        report: called with all trials again and again.

    Raises:
        RecurraError: something is refused, or no trial came to an end.
    """
    protocol = make_protocol(sources, network, space, recipe, **options)
    study = Study.create(protocol, out, storage)
    for trials in search(
        study, workers=workers or available_threads(), minutes=minutes, characters=characters
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
