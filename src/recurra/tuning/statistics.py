"""Statistics of a search; nothing is drawn here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recurra.stats.ranks import rank_correlation
from recurra.tuning.space import SettingValue
from recurra.tuning.study_spec import StudySpec
from recurra.tuning.trials import DIVERGED, DONE, Trial

Array = NDArray[np.float64]
FEWEST = 8  # losses from which on a share of their variance is told


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
    """The course of a search, in the order in which its trials ended.

    Returns:
        For each that has a loss: the characters that all together had trained on by then, its
        loss, of a pruned one that of its last rung, and the lowest loss so far of those that were
        trained in full, at first infinite.
    """
    finished = sorted(
        (t for t in trials if t.finished and t.ended), key=lambda t: (t.ended, t.number)
    )
    characters, losses, lowest, total = [], [], [], 0
    best = math.inf
    for trial in finished:
        total += trial.characters
        if trial.best_known is not None:
            best = min(best, trial.best_known if trial.loss is not None else best)
            characters.append(total)
            losses.append(trial.best_known)
            lowest.append(best)
    return characters, losses, lowest


def compared(trials: Sequence[Trial]) -> tuple[list[Trial], Array]:
    """Trials that can be compared with one another, and their losses.

    Those that are done; where these are too few to see anything, all that came to the first rung,
    with their loss there.
    """
    done = [trial for trial in trials if trial.loss is not None and trial.setting is not None]
    first = min((min(t.rungs) for t in trials if t.rungs), default=None)
    reached = [t for t in trials if first in t.rungs and t.setting is not None]
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
    analysis of variance, minus what as many values explain by chance. Of numbers too many for that
    a group is a part of their range.

    Returns:
        Parameter -> share; empty with fewer than `FEWEST` finite losses, which tell nothing.
    """
    chosen, losses = compared(trials)
    finite = np.isfinite(losses)
    losses = losses[finite]
    chosen = [trial for trial, ok in zip(chosen, finite, strict=True) if ok]
    if len(losses) < FEWEST:
        return {}
    total = float(np.sum((losses - losses.mean()) ** 2))
    found = {}
    for name in spec.space.parameters:
        having = [name in (trial.setting or {}) for trial in chosen]
        own = losses[having]
        groups = _groups([t.setting[name] for t in chosen if t.setting and name in t.setting])
        count = len(set(groups))
        if total == 0.0 or not 1 < count < len(own):
            found[name] = 0.0
            continue
        labels = np.array(groups)
        parts = [own[labels == label] for label in set(groups)]
        between = sum(len(part) * (part.mean() - own.mean()) ** 2 for part in parts)
        within = float(np.sum((own - own.mean()) ** 2)) - between
        # epsilon squared (Kelley 1935): eta squared without its bias
        chance = (count - 1) * within / (len(own) - count)
        found[name] = max(0.0, float((between - chance) / total))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _groups(values: Sequence[SettingValue]) -> list[int]:
    """The group of each value: equal ones, or of many numbers parts with as many in each."""
    distinct = sorted(set(values), key=lambda v: (isinstance(v, str), v))
    parts = min(8, max(2, len(values) // 4))
    if len(distinct) <= parts or any(isinstance(v, str) for v in distinct):
        return [distinct.index(value) for value in values]
    numbers = np.array(values, np.float64)
    edges = np.quantile(numbers, np.linspace(0, 1, parts + 1)[1:-1])
    groups: list[int] = np.searchsorted(edges, numbers, side="right").tolist()
    return groups
