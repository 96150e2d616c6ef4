"""How long a comparison takes: by its budgets of minutes, by runs that have ended, or measured."""

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass

from recurra.comparison.budgets import RunCost
from recurra.comparison.comparison import Comparison, PlannedRun
from recurra.comparison.runner import all_runs, recipe_of, unfinished_runs
from recurra.text.corpus import Corpus
from recurra.training.recipe import Recipe
from recurra.training.records import Progress
from recurra.training.speed import estimate_time
from recurra.training.trainer import Trainer


@dataclass(frozen=True)
class ComparisonCost:
    """The runs that a comparison still lacks, and how long they take.

    Attributes:
        runs: of each network at each budget.
        workers: how many are trained side by side.
    """

    runs: list[RunCost]
    workers: int

    @property
    def count(self) -> int:
        """How many runs there are."""
        return sum(cost.runs for cost in self.runs)

    @property
    def seconds(self) -> float:
        """Of all of them, without those that only a stop rule ends."""
        free = [0.0] * self.workers
        for cost in self.runs:
            for _ in range(cost.runs):
                heapq.heapreplace(free, free[0] + (cost.seconds or 0.0))
        return max(free)


def estimate_cost(comparison: Comparison, corpus: Corpus, workers: int = 1) -> ComparisonCost:
    """Measure what is left of a comparison; takes about a second for each network and budget.

    Args:
        comparison: opened.
        corpus: its texts.
        workers: as for `recurra.comparison.workers.train_with_workers`.

    Raises:
        RecurraError: a network cannot be trained on them.
    """
    costs = []
    pending = unfinished_runs(comparison)
    for (budget, name), runs in Counter((p.budget, p.contestant) for p in pending).items():
        first = next(p for p in pending if (p.budget, p.contestant) == (budget, name))
        recipe = recipe_of(comparison, first, comparison.recipe.lr)
        trainer = Trainer(
            comparison.contestant(name).parsed,
            corpus,
            recipe,
            engine=comparison.engine,
            threads=comparison.threads,
        )
        time = estimate_time(trainer)
        parameters = comparison.budget(budget).parameters[name]
        costs.append(RunCost(budget, name, parameters, runs, time.chars_per_second, time.seconds))
    return ComparisonCost(costs, comparison.fair_workers(workers))


class TimeLeft:
    """The time that all runs of a comparison still take, as they end one after the other.

    Args:
        comparison: opened.
    """

    def __init__(self, comparison: Comparison) -> None:
        self._minutes: dict[tuple[str, str], float] = {}
        self._seconds = defaultdict[tuple[str, str], list[float]](list)
        self._pending: list[PlannedRun] = []
        for planned in all_runs(comparison):
            kind = planned.budget, planned.contestant
            recipe: Recipe = recipe_of(comparison, planned, comparison.recipe.lr)
            if recipe.minutes is not None:
                self._minutes[kind] = 60.0 * recipe.minutes
            outcome = planned.outcome()
            if outcome is None:
                self._pending.append(planned)
            else:
                self._seconds[kind].append(outcome.seconds)

    def end(self, planned: PlannedRun, seconds: float) -> None:
        """Take in the length of a run that has ended."""
        self._pending = [one for one in self._pending if one.key != planned.key]
        self._seconds[planned.budget, planned.contestant].append(seconds)

    def seconds(self, present: PlannedRun, progress: Progress | None = None) -> float | None:
        """Seconds until all runs have ended; None where nothing tells.

        Args:
            present: the run that goes on.
            progress: how far it is.
        """
        own = progress.seconds_left if progress else None
        whole = None if own is None or progress is None else progress.seconds + own
        if own is None and (own := self._expected(present, None)) is None:
            return None
        others = [self._expected(one, whole) for one in self._pending if one.key != present.key]
        return None if None in others else own + sum(one for one in others if one is not None)

    def _expected(self, planned: PlannedRun, other: float | None) -> float | None:
        """Seconds of a run: its budget, or a mean of those like it, else of any."""
        kind = planned.budget, planned.contestant
        if kind in self._minutes:
            return self._minutes[kind]
        ended = self._seconds.get(kind) or [s for each in self._seconds.values() for s in each]
        return sum(ended) / len(ended) if ended else other
