"""A finished comparison as plain numbers: every run, every network, every difference."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.comparison.budgets import TOLERANCE
from recurra.comparison.character_losses import Scores, measure_test_losses
from recurra.comparison.comparison import Comparison, PlannedRun
from recurra.comparison.verdict import Verdict, sentence, verdict_of
from recurra.stats.expected_best import expected_best
from recurra.stats.intervals import (
    CONFIDENCE,
    Interval,
    cut_blocks,
    mean_interval,
    paired_bootstrap,
)
from recurra.text.sources import Source
from recurra.view.words import Words


@dataclass(frozen=True)
class Row:
    """One finalist, as its run and the test part tell; losses in nats per character.

    Attributes:
        key: its name within the comparison.
        min_smooth_loss: the classic figure: lowest smoothed training loss of a whole sequence.
        test: None if the run diverged before its first checkpoint, or has no finite loss.
    """

    key: str
    budget: str
    contestant: str
    seed: int
    hidden: int | dict[str, int]
    parameters: int
    lr: float | None
    steps: int
    characters: int
    seconds: float
    chars_per_second: float
    train: float
    validation: float | None
    test: float | None
    min_smooth_loss: float
    min_smooth_loss_step: int
    stopped_by: str


@dataclass(frozen=True)
class Summary:
    """A network at a budget, over its seeds.

    Attributes:
        chars_per_second: mean of its runs.
        test: mean test loss; None if a seed has none.
    """

    budget: str
    contestant: str
    hidden: int | dict[str, int]
    parameters: int
    lr: float | None
    chars_per_second: float
    test: Interval | None

    @property
    def bits(self) -> float | None:
        """The mean in bits per character."""
        return None if self.test is None else self.test.mean / math.log(2.0)

    @property
    def perplexity(self) -> float | None:
        """How many characters the network is torn between: ``exp`` of the mean."""
        return None if self.test is None else math.exp(min(self.test.mean, 700.0))


@dataclass(frozen=True)
class Difference:
    """Test loss of one network less that of another, at a budget, per character.

    Attributes:
        interval: over paired seeds and blocks of text; None if a run has no test loss.
        confidence: of this interval alone, such that all intervals of the comparison together
            hold with 95 % (Bonferroni).
        seeds: pairs.
        verdict: on ``one``.
    """

    budget: str
    one: str
    other: str
    interval: Interval | None
    confidence: float
    seeds: int
    verdict: Verdict

    def sentence(self, language: str = "en") -> str:
        """The verdict in words, English ("en") or Chinese ("zh")."""
        return sentence(self.one, self.other, self.interval, self.seeds, self.confidence, language)


@dataclass(frozen=True)
class Search:
    """The learning rates tried for a network at a budget.

    Attributes:
        rates: in the order given.
        validation: loss of each, infinite where it diverged.
        expected_best: lowest loss that 1, 2, ... runs drawn from these can expect.
    """

    budget: str
    contestant: str
    rates: tuple[float, ...]
    validation: tuple[float, ...]
    expected_best: tuple[float, ...]

    @property
    def at_the_edge(self) -> bool:
        """Whether the best rate is the lowest or the highest."""
        best = self.rates[self.validation.index(min(self.validation))]
        return best in (min(self.rates), max(self.rates))


@dataclass(frozen=True)
class Results:
    """All numbers of a comparison.

    Attributes:
        folder: of the comparison.
        characters: of the test part that were predicted.
        blocks: of text in the bootstrap.
    """

    folder: str
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    differences: tuple[Difference, ...]
    searches: tuple[Search, ...]
    characters: int
    blocks: int

    def rows_of(self, budget: str, contestant: str) -> list[Row]:
        """The runs of one network at one budget."""
        return [r for r in self.rows if (r.budget, r.contestant) == (budget, contestant)]

    def sentences(self, language: str = "en") -> list[str]:
        """The verdicts in words, each with its budget."""
        colon = Words(language)("colon")
        return [f"{d.budget}{colon}{d.sentence(language)}" for d in self.differences]

    def notes(self, budget: str, language: str = "en") -> list[str]:
        """Warnings about a budget, in words: not equal, or not searched to its end.

        Minutes that are equal make characters differ, as they should.
        """
        rows = [row for row in self.rows if row.budget == budget]
        words, notes = Words(language), []
        low, high = min(r.parameters for r in rows), max(r.parameters for r in rows)
        if high > (1.0 + 2.0 * TOLERANCE) * low:
            notes.append(words("note parameters", low=f"{low:,}", high=f"{high:,}"))
        low, high = min(r.characters for r in rows), max(r.characters for r in rows)
        # sequences of other lengths do not end at the same character
        if high > 1.001 * low and any(row.stopped_by != "minutes" for row in rows):
            notes.append(words("note characters", low=f"{low:,}", high=f"{high:,}"))
        edge = [s.contestant for s in self.searches if s.budget == budget and s.at_the_edge]
        if edge:
            notes.append(words("note edge", names=words("comma").join(edge)))
        return notes

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, with the verdicts in words."""
        budgets = dict.fromkeys(row.budget for row in self.rows)
        notes = {budget: self.notes(budget) for budget in budgets}
        return {**asdict(self), "verdicts": self.sentences(), "notes": notes}


def evaluate_test(
    comparison: Comparison,
    sources: Sequence[Source] | None = None,
    seed: int = 0,
    *,
    fetch: bool = False,
) -> Results:
    """The results of a comparison whose runs have all finished; opens its test part, once.

    Args:
        comparison: opened.
        sources: where its texts are now, if they were moved.
        seed: of the bootstrap.
        fetch: download texts that the comparison has at an address.

    Raises:
        RunError: a run has not finished, or is damaged.
        TextError: a text is missing, the first time.
    """
    scores = measure_test_losses(comparison, sources, fetch=fetch)
    rng = np.random.default_rng(seed)
    rows = tuple(_row(planned, scores) for planned in comparison.finalists())
    names = [budget.name for budget in comparison.budgets]
    _, sizes = cut_blocks(np.zeros(sum(scores.documents)), scores.documents)
    return Results(
        folder=str(comparison.folder),
        rows=rows,
        summaries=tuple(
            _summary(budget, name, [r for r in rows if (r.budget, r.contestant) == (budget, name)])
            for budget, name in itertools.product(names, comparison.names)
        ),
        differences=tuple(_differences(comparison, scores, rng)),
        searches=tuple(_search(budget, name, runs) for budget, name, runs in comparison.searches()),
        characters=sum(scores.documents),
        blocks=len(sizes),
    )


def _row(planned: PlannedRun, scores: Scores) -> Row:
    outcome = planned.finished()  # else there would be no scores, unless somebody removed it since
    recipe = planned.run.config.recipe
    losses = _finite(scores.losses.get(planned.key))
    return Row(
        key=planned.key,
        budget=planned.budget,
        contestant=planned.contestant,
        seed=planned.seed,
        hidden=recipe.hidden,
        parameters=outcome.parameters,
        lr=recipe.lr,
        steps=outcome.steps,
        characters=outcome.characters,
        seconds=outcome.seconds,
        chars_per_second=outcome.chars_per_second,
        train=outcome.train_nats_per_char,
        validation=outcome.val_nats_per_char,
        test=None if losses is None else float(losses.mean(dtype=np.float64)),
        min_smooth_loss=outcome.min_smooth_loss,
        min_smooth_loss_step=outcome.min_smooth_loss_step,
        stopped_by=outcome.stopped_by,
    )


def _finite(losses: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Losses that a run can be compared by: none of a network whose numbers grew out of bounds."""
    return losses if losses is not None and np.isfinite(losses).all() else None


def _summary(budget: str, contestant: str, rows: Sequence[Row]) -> Summary:
    losses = [row.test for row in rows if row.test is not None]
    return Summary(
        budget,
        contestant,
        hidden=rows[0].hidden,
        parameters=rows[0].parameters,
        lr=rows[0].lr,
        chars_per_second=float(np.mean([row.chars_per_second for row in rows])),
        test=mean_interval(losses) if len(losses) == len(rows) else None,
    )


def _differences(
    comparison: Comparison, scores: Scores, rng: np.random.Generator
) -> list[Difference]:
    pairs = list(itertools.combinations(comparison.names, 2))
    confidence = 1.0 - (1.0 - CONFIDENCE) / (len(pairs) * len(comparison.budgets))
    found = []
    for budget, (one, other) in itertools.product(comparison.budgets, pairs):
        sides = [_losses(comparison, scores, budget.name, name) for name in (one, other)]
        interval = None
        if sides[0] is not None and sides[1] is not None:
            first, sizes = cut_blocks(sides[0], scores.documents)
            second, _ = cut_blocks(sides[1], scores.documents)
            interval = paired_bootstrap(first, second, sizes, rng, confidence)
        seeds = len(comparison.seeds)
        found.append(
            Difference(
                budget.name, one, other, interval, confidence, seeds, verdict_of(interval, seeds)
            )
        )
    return found


def _losses(
    comparison: Comparison, scores: Scores, budget: str, contestant: str
) -> NDArray[np.float32] | None:
    """``(S, n)`` in the order of the seeds; None if a seed has none."""
    runs = [r for r in comparison.finalists() if (r.budget, r.contestant) == (budget, contestant)]
    rows = [_finite(scores.losses.get(r.key)) for r in sorted(runs, key=lambda r: r.seed)]
    present = [row for row in rows if row is not None]
    return np.stack(present) if len(present) == len(rows) else None


def _search(budget: str, contestant: str, runs: Sequence[PlannedRun]) -> Search:
    losses = tuple(run.validation_loss() for run in runs)
    return Search(
        budget,
        contestant,
        tuple(run.lr or math.nan for run in runs),
        losses,
        tuple(expected_best(losses).tolist()),
    )
