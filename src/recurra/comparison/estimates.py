"""Results of a comparison as estimates to draw."""

from recurra.comparison.results import Results
from recurra.view.figures import Estimate

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
                    f"{summary.contestant}  {found.mean:.4f}",
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
            f"{d.one} − {d.other}  " + f"{d.interval.mean:+.4f}".replace("-", "−"),
            d.interval.mean,
            d.interval.low,
            d.interval.high,
            GREY,
        )
        for d in results.differences
        if d.budget == budget and d.interval is not None
    ]
