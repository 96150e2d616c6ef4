"""Trains what a comparison still lacks: the search first, then the finalists; never one twice."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from recurra.comparison.comparison import Comparison, Trial
from recurra.comparison.create import Networks, plan_comparison
from recurra.comparison.results import Results, settle
from recurra.errors import RunError
from recurra.storage.runs import Run
from recurra.text.corpus import Corpus
from recurra.text.sources import Source
from recurra.training.records import Record
from recurra.training.sessions import resume, start
from recurra.training.trainer import Trainer


def trainers(
    comparison: Comparison, sources: Sequence[Source] | None = None, *, fetch: bool = False
) -> Iterator[tuple[Trial, Trainer]]:
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
    searched = [trial for *_, trials in comparison.searches() for trial in trials]
    for trial in comparison.given:
        trial.finished()
    pending = [t for t in [*searched, *comparison.finalists()] if t.outcome() is None]
    compiled: set[str] = set()
    for trial in pending:
        corpus = comparison.text.load(comparison.folder, sources, fetch=fetch)
        trainer = _trainer(comparison, trial, corpus)
        if trainer.recipe.minutes is not None and trial.contestant not in compiled:
            _compile(comparison, trainer)
            compiled.add(trial.contestant)
        yield trial, trainer
        if trial.outcome() is None:
            return


def compare(
    networks: Networks,
    sources: Sequence[Source],
    *,
    report: Callable[[Trial, Record], object] | None = None,
    **options: Any,
) -> Results:
    """Compare networks from beginning to end: search, train, and open the test part once.

    Args:
        networks, sources: see :func:`recurra.plan_comparison`.
        report: called with every record of every run.
        options: see :func:`recurra.plan_comparison`.

    Raises:
        RecurraError: a network, text or setting is refused, or a search found no rate.
    """
    comparison = plan_comparison(networks, sources, **options)
    for trial, trainer in trainers(comparison):
        for record in trainer.records():
            if report is not None:
                report(trial, record)
    return settle(comparison)


def best_rate(comparison: Comparison, budget: str, contestant: str) -> float | None:
    """The learning rate of a network's finalists: the search's best, else the recipe's.

    None: the recipe has none, its size decides.

    Raises:
        RunError: no rate of the search led to a validation loss.
    """
    searched = comparison.search(budget, contestant)
    if not searched:
        return comparison.recipe.lr
    losses = {trial.rate: trial.validation_loss() for trial in searched}
    rate = min(losses, key=losses.__getitem__)
    if rate is None or math.isinf(losses[rate]):
        raise RunError(
            f"every learning rate made {contestant} diverge at budget {budget}: compare again "
            "with lower rates"
        )
    return rate


def count_trials(comparison: Comparison) -> tuple[int, int]:
    """How many runs have finished, and how many there are in all."""
    trials = [trial for *_, search in comparison.searches() for trial in search]
    trials += comparison.finalists()
    return sum(trial.outcome() is not None for trial in trials), len(trials)


def _trainer(comparison: Comparison, trial: Trial, corpus: Corpus) -> Trainer:
    if trial.folder.exists():
        return resume(Run.open(trial.folder), corpus=corpus)
    budget, own = comparison.budget(trial.budget), comparison.recipes.get(trial.contestant)
    if own is None:
        rate = trial.rate or best_rate(comparison, trial.budget, trial.contestant)
        size = budget.sizes[trial.contestant]
        recipe = comparison.recipe.with_(**budget.limit, hidden=size, seed=trial.seed, lr=rate)
    else:
        recipe = own.with_(seed=trial.seed)
    text = comparison.text
    return start(
        text.sources,
        comparison.contestant(trial.contestant).parsed,
        recipe,
        out=trial.folder,
        encoding=text.encoding,
        split=text.split,
        corpus=corpus,
        engine=comparison.engine,
        threads=comparison.threads,
    )


def _compile(comparison: Comparison, trainer: Trainer) -> None:
    """Compile, or load, all kernels before the clock of a budget of minutes runs."""
    recipe = trainer.recipe
    once = Trainer(
        trainer.model.network,
        trainer.corpus,
        # one step, the held-out loss and, if samples are written, one
        recipe.with_(steps=1, sample_every=min(1, recipe.sample_every), sample_characters=1),
        engine=comparison.engine,
        threads=comparison.threads,
    )
    for _ in once.records():
        pass
