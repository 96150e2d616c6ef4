"""The training of what a comparison still lacks: the search first, then the finalists."""

import math
from collections.abc import Iterator, Sequence

from recurra.comparison.comparison import Comparison, PlannedRun
from recurra.errors import RunError
from recurra.storage.runs import Run
from recurra.text.corpus import Corpus
from recurra.text.sources import Source
from recurra.training.recipe import Recipe
from recurra.training.sessions import resume, start
from recurra.training.trainer import Trainer


def pending_runs(
    comparison: Comparison, sources: Sequence[Source] | None = None, *, fetch: bool = False
) -> Iterator[tuple[PlannedRun, Trainer]]:
    """A trainer for each run that has not finished, in order.

    Each has to be trained to its end before the next is asked for; one that is not, because it
    was interrupted, ends this. Killed at any moment, the same call goes on where it was.

    Args:
        comparison: opened.
        sources: where its texts are now, if they were moved.
        fetch: download texts that the comparison has at an address.

    Raises:
        RunError: a run is damaged, in use or not there any more, the texts have changed, or a
            search found no rate.
    """
    for planned in unfinished_runs(comparison):
        corpus = comparison.text.load(comparison.folder, sources, fetch=fetch)
        yield planned, open_trainer(comparison, planned, corpus)
        if planned.outcome() is None:
            return


def all_runs(comparison: Comparison) -> list[PlannedRun]:
    """All runs in order: those of the searches, then the finalists."""
    searched = [planned for *_, runs in comparison.searches() for planned in runs]
    return [*searched, *comparison.finalists()]


def unfinished_runs(comparison: Comparison) -> list[PlannedRun]:
    """The runs that are still to be trained, in order.

    Raises:
        RunError: a given run is not there any more, or has not finished.
    """
    if comparison.given:
        for planned in comparison.finalists():
            planned.finished()
    return [planned for planned in all_runs(comparison) if planned.outcome() is None]


def is_ready(comparison: Comparison, planned: PlannedRun) -> bool:
    """Whether a run can be trained: a finalist needs the rate that its search finds."""
    searched = comparison.search(planned.budget, planned.contestant)
    return planned.lr is not None or all(run.outcome() is not None for run in searched)


def best_learning_rate(comparison: Comparison, budget: str, contestant: str) -> float | None:
    """The learning rate of a network's finalists: the search's best, else the recipe's.

    None: the recipe has none, its size decides.

    Raises:
        RunError: no rate of the search led to a validation loss.
    """
    searched = comparison.search(budget, contestant)
    if not searched:
        return comparison.recipe.lr
    losses = {planned.lr: planned.validation_loss() for planned in searched}
    rate = min(losses, key=losses.__getitem__)
    if rate is None or math.isinf(losses[rate]):
        raise RunError(
            f"every learning rate made {contestant} diverge at budget {budget}: compare again "
            "with lower rates"
        )
    return rate


def count_runs(comparison: Comparison) -> tuple[int, int]:
    """How many runs have finished, and how many there are in all."""
    runs = all_runs(comparison)
    return sum(planned.outcome() is not None for planned in runs), len(runs)


def recipe_of(comparison: Comparison, planned: PlannedRun, rate: float | None) -> Recipe:
    """The recipe of a run.

    Args:
        comparison: opened.
        planned: one of its runs.
        rate: its learning rate, unless a search or its network's own recipe gives another.
    """
    own = comparison.recipes.get(planned.contestant)
    if own is not None:
        return own.with_(seed=planned.seed)
    budget = comparison.budget(planned.budget)
    size = budget.sizes[planned.contestant]
    lr = planned.lr or rate
    return comparison.recipe.with_(**budget.limit, hidden=size, seed=planned.seed, lr=lr)


def open_trainer(comparison: Comparison, planned: PlannedRun, corpus: Corpus) -> Trainer:
    """The trainer of a run: a new one, or the one that is there."""
    if planned.folder.exists():
        return resume(Run.open(planned.folder), corpus=corpus)
    rate = planned.lr
    if rate is None and planned.contestant not in comparison.recipes:
        rate = best_learning_rate(comparison, planned.budget, planned.contestant)
    recipe, text = recipe_of(comparison, planned, rate), comparison.text
    return start(
        text.sources,
        comparison.contestant(planned.contestant).parsed,
        recipe,
        out=planned.folder,
        encoding=text.encoding,
        split=text.split,
        corpus=corpus,
        engine=comparison.engine,
        threads=comparison.threads,
    )
