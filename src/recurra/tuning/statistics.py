"""Statistics of a search; nothing is drawn here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recurra.stats.ranks import rank_correlation
from recurra.tuning.space import SettingValue
from recurra.tuning.spec import StudySpec
from recurra.tuning.trials import DIVERGED, DONE, Trial

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RungCorrelation:
    """How well the order at a rung foretells the order at the end.

    Attributes:
        rung: characters.
        trials: how many have both a loss at the rung and a final one. Those that were pruned have
            none, so that after pruning this is about the best ones only, whose order is harder.
        rho: Spearman's rank correlation, from -1 to 1; None for fewer than three trials, or where
            all are equal.
    """

    rung: int
    trials: int
    rho: float | None


def rung_correlations(spec: StudySpec, trials: Sequence[Trial]) -> list[RungCorrelation]:
    """For every rung, how well it foretells the final loss."""
    done = [trial for trial in trials if trial.state == DONE and trial.loss is not None]
    found = []
    for rung in spec.pruner.rungs:
        both = [(t.rungs[rung], t.loss) for t in done if rung in t.rungs and t.loss is not None]
        rho = rank_correlation([r for r, _ in both], [loss for _, loss in both])
        found.append(RungCorrelation(rung, len(both), rho))
    return found


def history(trials: Sequence[Trial]) -> tuple[list[int], list[float], list[float]]:
    """The course of a search, in the order in which trials were done.

    Returns:
        For each: characters that all together had trained on by then, its loss, and the lowest
        loss so far.
    """
    finished = sorted(
        (t for t in trials if t.finished and t.ended), key=lambda t: (t.ended, t.number)
    )
    characters, losses, lowest, total = [], [], [], 0
    for trial in finished:
        total += trial.characters
        if trial.loss is not None:
            characters.append(total)
            losses.append(trial.loss)
            lowest.append(min(losses))
    return characters, losses, lowest


def compared(trials: Sequence[Trial]) -> tuple[list[Trial], Array]:
    """Trials that can be compared with one another, and their losses.

    Those that are done; where these are too few to see anything, all that came to the first rung,
    with their loss there.
    """
    done = [trial for trial in trials if trial.loss is not None and trial.setting is not None]
    first = min((min(t.rungs) for t in trials if t.rungs), default=None)
    reached = [t for t in trials if first is not None and first in t.rungs]
    if len(reached) > 2 * len(done):
        assert first is not None
        return reached, np.array([t.rungs[first] for t in reached])
    return done, np.array([t.loss for t in done], np.float64)


def losses_of_search(trials: Sequence[Trial]) -> Array:
    """Losses that a search found, for `expected_best`: infinity where one diverged.

    Of trials that were pruned only what `compared` takes.
    """
    chosen, losses = compared(trials)
    numbers = {trial.number for trial in chosen}
    diverged = [t for t in trials if t.state == DIVERGED and t.number not in numbers]
    return np.concatenate([losses, np.full(len(diverged), math.inf)])


def importance(spec: StudySpec, trials: Sequence[Trial]) -> dict[str, float]:
    """How much of the loss's variance each parameter alone explains, highest first.

    The variance of the mean loss of each value over the whole variance, as of a main effect in an
    analysis of variance, minus what as many values explain by chance; ranges in eight parts.
    """
    chosen, losses = compared(trials)
    finite = np.isfinite(losses)
    losses = losses[finite]
    chosen = [trial for trial, ok in zip(chosen, finite, strict=True) if ok]
    total = float(np.sum((losses - losses.mean()) ** 2)) if len(losses) > 2 else 0.0
    found = {}
    for name in spec.space.parameters:
        _, groups = _axis([trial.setting[name] for trial in chosen if trial.setting])
        count = len(set(groups))
        if total == 0.0 or not 1 < count < len(losses):
            found[name] = 0.0
            continue
        labels = np.array(groups)
        parts = [losses[labels == label] for label in set(groups)]
        between = sum(len(part) * (part.mean() - losses.mean()) ** 2 for part in parts)
        # epsilon squared (Kelley 1935): eta squared without its bias
        chance = (count - 1) * (total - between) / (len(losses) - count)
        found[name] = max(0.0, float((between - chance) / total))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def pair_table(
    trials: Sequence[Trial], one: str, other: str
) -> tuple[list[SettingValue], list[SettingValue], Array]:
    """Lowest loss for each pair of values: the rows' values, the columns' and the table.

    Where no trial has a pair it holds NaN. Numbers are sorted; many different ones are put into
    eight parts, named by their mean.
    """
    chosen, losses = compared(trials)
    settings = [trial.setting or {} for trial in chosen]
    rows, row_of = _axis([setting[one] for setting in settings])
    columns, column_of = _axis([setting[other] for setting in settings])
    table = np.full((len(rows), len(columns)), math.nan)
    for row, column, loss in zip(row_of, column_of, losses, strict=True):
        table[row, column] = np.fmin(table[row, column], loss)
    return rows, columns, table


def _axis(values: Sequence[SettingValue], parts: int = 8) -> tuple[list[SettingValue], list[int]]:
    """The distinct values, sorted, and the place of each; many numbers in parts of equal count."""
    distinct = sorted(set(values), key=lambda v: (isinstance(v, str), v))
    if len(distinct) <= 20 or any(isinstance(v, str) for v in distinct):
        place = {value: i for i, value in enumerate(distinct)}
        return distinct, [place[value] for value in values]
    numbers = np.array(values, np.float64)
    edges = np.quantile(numbers, np.linspace(0, 1, parts + 1)[1:-1])
    labels = np.searchsorted(edges, numbers, side="right")
    names: list[SettingValue] = [
        float(f"{numbers[labels == i].mean():.3g}") for i in np.unique(labels)
    ]
    return names, np.unique(labels, return_inverse=True)[1].tolist()
