"""Figures of a search; the numbers come from `recurra.tuning.statistics`."""

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recurra.errors import RunError
from recurra.stats.expected_best import expected_best
from recurra.storage.files import cannot_write
from recurra.tuning.statistics import compared, history, importance, losses_of_search, pair_table
from recurra.tuning.study import Study
from recurra.tuning.trials import Trial

NATS = "held-out nats per character"


def draw_all(study: Study, trials: Sequence[Trial]) -> list[Path]:
    """Draw every figure into the study's folder ``figures``, as PNG; their paths.

    Raises:
        RunError: there is nothing to draw yet, or the folder cannot be written.
    """
    if len(compared(trials)[0]) < 2:
        raise RunError("figures need at least two trials that came to a rung or to their end")
    space = study.spec.space.parameters
    varied = [name for name, parameter in space.items() if len(set(parameter.ends)) > 1]
    figures: dict[str, Callable[[Axes], None]] = {
        "history": lambda axes: _history(axes, trials),
        "importance": lambda axes: _importance(axes, study, trials),
        "expected-best": lambda axes: _expected_best(axes, trials),
    }
    for one, other in combinations(varied, 2):
        figures[f"{one}-{other}"] = lambda axes, pair=(one, other): _heat_map(  # type: ignore[misc]
            axes, trials, *pair
        )
    folder = study.folder / "figures"
    return [_draw(folder / f"{name}.png", draw) for name, draw in figures.items()]


def _draw(path: Path, draw: Callable[[Axes], None]) -> Path:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    draw(figure.add_subplot())
    try:
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise cannot_write(path, error) from None
    return path


def _history(axes: Axes, trials: Sequence[Trial]) -> None:
    characters, losses, lowest = history(trials)
    axes.plot(characters, losses, "o", markersize=3, alpha=0.5, label="a trial trained in full")
    axes.step(characters, lowest, where="post", label="best so far")
    axes.set(title="Search", xlabel="characters trained on, all trials together", ylabel=NATS)
    if losses:
        axes.legend()


def _importance(axes: Axes, study: Study, trials: Sequence[Trial]) -> None:
    parts = importance(study.spec, trials)
    names = list(parts)[::-1]
    axes.barh(names, [parts[name] for name in names])
    axes.set(title="Importance", xlabel="part of the loss's variance that it explains alone")


def _expected_best(axes: Axes, trials: Sequence[Trial]) -> None:
    expected = expected_best(losses_of_search(trials))
    axes.plot(range(1, len(expected) + 1), expected)
    axes.set(
        title="What a smaller search would have found",
        xlabel="trials, drawn at random",
        ylabel=f"expected lowest {NATS}",
    )


def _heat_map(axes: Axes, trials: Sequence[Trial], one: str, other: str) -> None:
    rows, columns, table = pair_table(trials, one, other)
    shown = np.ma.masked_invalid(table)
    image = axes.imshow(shown, aspect="auto", origin="lower", cmap="viridis_r")
    axes.set_xticks(range(len(columns)), [f"{value}" for value in columns], rotation=60)
    axes.set_yticks(range(len(rows)), [f"{value}" for value in rows])
    axes.set(title=f"Lowest loss for {one} and {other}", xlabel=other, ylabel=one)
    assert axes.figure is not None
    axes.figure.colorbar(image, ax=axes, label=NATS)
