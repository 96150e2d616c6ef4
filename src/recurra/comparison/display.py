"""A comparison's results as estimates to draw, and as what a notebook shows."""

from typing import TYPE_CHECKING

from recurra.comparison.verdict import HIGHER, LOWER
from recurra.html import table
from recurra.html.cards import card, paragraph
from recurra.html.figures import Estimate, intervals

if TYPE_CHECKING:
    from recurra.comparison.results import Results

GREY = -1
COLUMNS = ("network", "parameters", "lr", "test nats/char", "bits/char")


def loss_estimates(results: "Results", budget: str) -> list[Estimate]:
    """Mean test loss of each network at a budget, its interval and its seeds."""
    names = list(dict.fromkeys(summary.contestant for summary in results.summaries))
    estimates = []
    for summary in results.summaries:
        if summary.budget == budget and summary.test is not None:
            found = summary.test
            losses = [row.test for row in results.rows_of(budget, summary.contestant)]
            estimates.append(
                Estimate(
                    f"{summary.contestant}  {found.mean:.4f}",
                    found.mean,
                    found.low,
                    found.high,
                    names.index(summary.contestant),
                    [loss for loss in losses if loss is not None],
                )
            )
    return estimates


def difference_estimates(results: "Results", budget: str) -> list[Estimate]:
    """Difference of test loss of each pair at a budget, with its interval."""
    return [
        Estimate(
            f"{d.one} − {d.other}  " + f"{d.interval.mean:+.4f}".replace("-", "−"),
            d.interval.mean,
            d.interval.low,
            d.interval.high,
            GREY,
        )
        for d in results.differences
        if d.budget == budget and d.interval is not None
    ]


def show_results(results: "Results") -> str:
    """What a notebook shows: the verdicts, the means and the differences of every budget."""
    parts: list[str] = []
    for budget in dict.fromkeys(summary.budget for summary in results.summaries):
        parts.append(paragraph(f"budget {budget}"))
        parts += [
            paragraph(d.sentence(), strong=d.verdict in (LOWER, HIGHER))
            for d in results.differences
            if d.budget == budget
        ]
        parts += map(paragraph, results.notes(budget))
        rows = [
            (s.contestant, s.parameters, s.lr, s.test and s.test.mean, s.bits)
            for s in results.summaries
            if s.budget == budget
        ]
        parts.append(table(COLUMNS, rows))
        parts.append(intervals(loss_estimates(results, budget), "nats per character"))
        estimates = difference_estimates(results, budget)
        parts.append(intervals(estimates, "difference, nats per character", zero=True))
    names = dict.fromkeys(summary.contestant for summary in results.summaries)
    return card(" · ".join(names), parts)
