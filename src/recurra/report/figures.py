"""The figures of a report: which numbers stand in which drawing."""

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from recurra.report.content import Content, RunPart
from recurra.report.searches import SearchPart
from recurra.report.words import Words
from recurra.stats.expected_best import expected_best
from recurra.tuning.statistics import history, losses_of_search, pair_table
from recurra.view.figures import Curve, curves
from recurra.view.heatmaps import heat_map

Points = Sequence[tuple[float, float, float]]


def searches(content: Content, budget: str, words: Words) -> tuple[str, str]:
    """Validation loss by learning rate, and the lowest to expect by number of trials."""
    by_rate, best = [], []
    for search in content.results.searches if content.results else ():
        if search.budget != budget:
            continue
        colour = content.names.index(search.contestant)
        pairs = sorted(zip(search.rates, search.validation, strict=True))
        finite = [(rate, loss) for rate, loss in pairs if math.isfinite(loss)]
        if finite:
            x, y = zip(*finite, strict=True)
            by_rate.append(Curve(x, y, colour, search.contestant))
        expected = [
            (k, loss) for k, loss in enumerate(search.expected_best, 1) if math.isfinite(loss)
        ]
        if expected:
            x, y = zip(*expected, strict=True)
            best.append(Curve(x, y, colour, search.contestant))
    return (
        curves(by_rate, words("rate axis"), words("nats axis"), log_x=True, marks=True),
        curves(best, words("trials axis"), words("nats axis"), marks=True),
    )


def search_course(search: SearchPart, words: Words) -> tuple[str, str]:
    """The lowest loss so far by characters trained on; what a smaller search would have found."""
    characters, _, lowest = history(search.trials)
    expected = [
        (k, loss)
        for k, loss in enumerate(expected_best(losses_of_search(search.trials)).tolist(), 1)
        if math.isfinite(loss)
    ]
    counts, best = zip(*expected, strict=True) if expected else ((), ())
    return (
        curves(
            [Curve(characters, lowest, label=words("best so far"))] if characters else [],
            words("all characters axis"), words("nats axis"), marks=True,
        ),
        curves(
            [Curve(counts, best, label=words("expected"))] if expected else [],
            words("trials axis"), words("nats axis"), log_x=True,
        ),
    )  # fmt: skip


def heat_maps(search: SearchPart, words: Words) -> list[tuple[str, str]]:
    """Lowest loss for each pair of the parameters that were searched, and a caption."""
    space = search.spec.space.parameters
    varied = [name for name, parameter in space.items() if len(set(parameter.ends)) > 1]
    drawn = []
    for one, other in combinations(varied, 2):
        caption = words("heat map", one=one, other=other)
        table = pair_table(search.trials, one, other)
        drawn.append((heat_map(*table, one, other, caption), caption))
    return drawn


def training(content: Content, budget: str, words: Words) -> tuple[str, str]:
    """Held-out and training loss on the way, by characters, or by seconds if those are equal."""
    timed = any(run.recipe.minutes is not None for run in content.runs if run.budget == budget)
    axis = words("seconds axis" if timed else "characters axis")
    return (
        curves(_lines(content, budget, lambda r: r.held_out, timed), axis, words("nats axis")),
        curves(_lines(content, budget, lambda r: r.train, timed), axis, words("nats axis")),
    )


def _lines(
    content: Content, budget: str, points: Callable[[RunPart], Points], timed: bool
) -> list[Curve]:
    """Each seed as a thin line and their mean as a thick one."""
    thin, thick = [], []
    for colour, name in enumerate(content.names):
        runs = [r for r in content.runs if (r.network, r.budget) == (name, budget)]
        paths = []
        for run in runs:
            path = [(p[1] if timed else p[0], p[2]) for p in points(run)]
            if path:
                paths.append(([x for x, _ in path], [y for _, y in path]))
        if len(paths) > 1:
            thin += [Curve(x, y, colour) for x, y in paths]
        if paths:
            thick.append(Curve(*_mean(paths), colour, name))
    return thin + thick


def _mean(paths: Sequence[tuple[list[float], list[float]]]) -> tuple[list[float], list[float]]:
    """The mean of several paths where all of them have been."""
    if len(paths) == 1:
        return paths[0]
    begin, end = max(x[0] for x, _ in paths), min(x[-1] for x, _ in paths)
    grid = np.unique([*(n for n in paths[0][0] if begin <= n <= end), begin, end])
    mean = np.mean([np.interp(grid, x, y) for x, y in paths], axis=0)
    return grid.tolist(), mean.tolist()
