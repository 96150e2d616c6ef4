"""Results of a comparison as estimates to draw."""

from recurra.comparison.results import Results
from recurra.view import numbers
from recurra.view.charts import Estimate

GREY = -1


def loss_estimates(results: Results, budget: str) -> list[Estimate]:
    """Mean test loss of each network at a budget, its interval and its seeds."""
    names = list(dict.fromkeys(summary.contestant for summary in results.summaries))
    estimates = []
    for summary in results.summaries:
        if summary.budget == budget and summary.test is not None:
            found = summary.test
            losses = [row.test for row in results.rows_of(budget, summary.contestant)]
            estimates.append(
                Estimate(
                    f"{summary.contestant}  {numbers.loss(found.mean)}",
                    found.mean,
                    found.low,
                    found.high,
                    names.index(summary.contestant),
                    [loss for loss in losses if loss is not None],
                )
            )
    return estimates


def difference_estimates(results: Results, budget: str) -> list[Estimate]:
    """Difference of test loss of each pair at a budget, with its interval."""
    return [
        Estimate(
            f"{d.one} − {d.other}  {numbers.gap(d.interval.mean)}",
            d.interval.mean,
            d.interval.low,
            d.interval.high,
            GREY,
        )
        for d in results.differences
        if d.budget == budget and d.interval is not None
    ]
