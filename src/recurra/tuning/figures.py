"""The figures of a search; the numbers come from `recurra.tuning.statistics`."""

import math
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

from recurra.errors import RunError
from recurra.stats.expected_best import expected_best
from recurra.storage.files import cannot_write
from recurra.storage.folder import write_atomic
from recurra.tuning.space import Range
from recurra.tuning.statistics import compared, history, importance, losses_of_search
from recurra.tuning.study_spec import StudySpec
from recurra.tuning.trials import Trial
from recurra.view.axes import Figure
from recurra.view.charts import Curve, bars, curves, points
from recurra.view.export import check_format, encode
from recurra.view.heatmaps import Setting, heat_map
from recurra.view.words import Words


def search_figures(spec: StudySpec, trials: Sequence[Trial], words: Words) -> list[Figure]:
    """Every figure of a search; those that have nothing to show yet are left out."""
    figures = [
        _course(trials, words),
        _expected_best(trials, words),
        _importance(spec, trials, words),
        *_pairs(spec, trials, words),
    ]
    return [figure for figure in figures if figure.svg]


def draw_all(folder: Path, spec: StudySpec, trials: Sequence[Trial], format: str) -> list[Path]:
    """Draw every figure of a search into a folder, which is made; their paths.

    Args:
        format: "svg"; or "pdf" or "png", for which the extra `figures` has to be installed.

    Raises:
        RunError: there is nothing to draw yet, or the folder cannot be written.
        SettingError: there is no such format, or its package is missing.
    """
    check_format(format)
    if len(compared(trials)[0]) < 2:
        raise RunError("figures need at least two trials that came to a rung or to their end")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    paths = []
    for figure in search_figures(spec, trials, Words()):
        paths.append(folder / f"{figure.name}.{format}")
        write_atomic(paths[-1], encode(figure.svg, format))
    return paths


def _course(trials: Sequence[Trial], words: Words) -> Figure:
    """Every loss by the characters that the search had read, and the lowest so far, as stairs."""
    characters, losses, lowest = history(trials)
    known = [(x, y) for x, y in zip(characters, lowest, strict=True) if math.isfinite(y)]
    stairs = known[:1]
    for (_, before), (x, y) in pairwise(known):
        stairs += [(x, before), (x, y)]
    lines = [
        Curve(characters, losses, dots=True),
        Curve(*_columns(stairs), label=words("best so far")),
    ]
    axes = words("all characters axis"), words("nats axis")
    drawn = curves(lines, *axes, above=words("points above"))
    return Figure("history", drawn, words("course"), points(lines))


def _expected_best(trials: Sequence[Trial], words: Words) -> Figure:
    """Expected best loss of a smaller search."""
    losses = expected_best(losses_of_search(trials)).tolist()
    found = [(k, loss) for k, loss in enumerate(losses, 1) if math.isfinite(loss)]
    line = Curve(*_columns(found), label=words("expected"))
    many = len(found) > 12
    axes = words("trials axis"), words("nats axis")
    drawn = curves([line], *axes, log_x=many, marks=not many)
    return Figure("expected-best", drawn, words("smaller search"), points([line]))


def _importance(spec: StudySpec, trials: Sequence[Trial], words: Words) -> Figure:
    shares = list(importance(spec, trials).items())
    return Figure("importance", bars(shares, words("importance axis")), words("importance"))


def _pairs(spec: StudySpec, trials: Sequence[Trial], words: Words) -> list[Figure]:
    """The loss by each pair of the parameters that were searched."""
    chosen, losses = compared(trials)
    settings = [trial.setting or {} for trial in chosen]
    searched = {name: p for name, p in spec.space.parameters.items() if len(set(p.ends)) > 1}
    found = []
    for names in combinations(searched, 2):
        both = [i for i, setting in enumerate(settings) if setting.keys() >= set(names)]
        y, x = (
            Setting(
                name,
                [settings[i][name] for i in both],
                continuous=isinstance(searched[name], Range) and searched[name].grid is None,
                log=isinstance(parameter := searched[name], Range) and parameter.log,
            )
            for name in names
        )
        caption = words("heat map", one=y.name, other=x.name)
        drawn = heat_map(x, y, losses[both].tolist(), caption)
        found.append(Figure(f"{y.name}-{x.name}", drawn, caption))
    return found


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in pairs], [y for _, y in pairs]
