"""The figures of a report: which numbers stand in which drawing."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from recurra.comparison.estimates import difference_estimates, loss_estimates
from recurra.comparison.results import Results
from recurra.report.content import Content, RunPart
from recurra.training.finished_run import Losses
from recurra.view.axes import Figure
from recurra.view.charts import Curve, bounds, curves, intervals, points
from recurra.view.words import Words

Path = tuple[NDArray[np.float64], NDArray[np.float64]]


def verdicts(results: Results, budget: str, words: Words) -> list[Figure]:
    """Test losses and their differences, with intervals."""
    losses, gaps = loss_estimates(results, budget), difference_estimates(results, budget)
    tests = intervals(losses, words("nats axis"))
    differences = intervals(gaps, words("difference axis"), zero=True)
    return [
        Figure("test", tests, words("test by network"), bounds(losses)),
        Figure("differences", differences, words("differences"), bounds(gaps)),
    ]


def searches(results: Results, names: Sequence[str], budget: str, words: Words) -> list[Figure]:
    """Validation loss by learning rate, and the lowest to expect by number of trials."""
    by_rate, best = list[Curve](), list[Curve]()
    for search in results.searches:
        if search.budget != budget:
            continue
        pairs = sorted(zip(search.rates, search.validation, strict=True))
        for lines, found in ((by_rate, pairs), (best, enumerate(search.expected_best, 1))):
            finite = [(x, y) for x, y in found if math.isfinite(y)]
            if finite:
                x, y = zip(*finite, strict=True)
                lines.append(Curve(x, y, names.index(search.contestant), search.contestant))
    rates = curves(by_rate, words("rate axis"), words("nats axis"), log_x=True, marks=True)
    expected = curves(best, words("trials axis"), words("nats axis"), marks=True)
    return [
        Figure("rates", rates, words("by rate"), points(by_rate)),
        Figure("expected-best", expected, words("expected best"), points(best)),
    ]


def training(content: Content, budget: str, words: Words) -> list[Figure]:
    """Held-out and training loss on the way, by characters, or by seconds if those are equal."""
    timed = any(run.recipe.minutes is not None for run in content.runs if run.budget == budget)
    axis = words("seconds axis" if timed else "characters axis")
    held_out = _lines(content, budget, lambda run: run.held_out, timed)
    train = _lines(content, budget, lambda run: run.train, timed)
    labels, above = (axis, words("nats axis")), words("points above")
    return [
        Figure(name, curves(lines, *labels, above=above), words(f"{name} curve"), points(lines))
        for name, lines in (("held-out", held_out), ("train", train))
    ]


def _lines(
    content: Content, budget: str, of_run: Callable[[RunPart], Losses], timed: bool
) -> list[Curve]:
    """Each seed as a thin line and their mean as a thick one."""
    thin, thick = [], []
    for colour, name in enumerate(content.names):
        runs = [r for r in content.runs if (r.network, r.budget) == (name, budget)]
        found = [of_run(run) for run in runs]
        paths = [(p.seconds if timed else p.characters, p.nats) for p in found if len(p.nats)]
        if len(paths) > 1:
            thin += [Curve(x, y, colour) for x, y in paths]
        if paths:
            thick.append(Curve(*_mean(paths), colour, name))
    return thin + thick


def _mean(paths: Sequence[Path]) -> Path:
    """The mean of several paths where all of them have been."""
    if len(paths) == 1:
        return paths[0]
    begin, end = max(x[0] for x, _ in paths), min(x[-1] for x, _ in paths)
    first = paths[0][0]
    grid = np.unique(np.r_[first[(begin <= first) & (first <= end)], begin, end])
    return grid, np.mean([np.interp(grid, x, y) for x, y in paths], axis=0)
