"""Dropout: masks drawn once a step, the same for every engine.

Where the equations have ``dropout(...)`` edges, those drop, each at its own rate or the recipe's.
Else every non-recurrent edge does (Zaremba et al. 2014): what products outside its block see of a
vector. Masks are new at every time step, or one for a whole sequence (Gal & Ghahramani 2016).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.compute.plan import Plan


@dataclass(frozen=True)
class Masks:
    """Masks of one training step of T x B characters.

    Attributes:
        scale: what kept values of ``arrays`` are multiplied with, 1 / (probability to keep).
        arrays: vector name -> ``(lags + T, B, n)`` uint8, 1 = kept, first rows for carried state.
        edges: mask of a dropout edge -> ``(T, B, n)`` float32, 0 or 1 / (probability to keep).
    """

    scale: float
    arrays: Mapping[str, npt.NDArray[np.uint8]]
    edges: Mapping[str, npt.NDArray[np.float32]]


def draw_masks(
    plan: Plan,
    sizes: Mapping[str, int],
    widths: Mapping[str, int],
    rate: float,
    steps: int,
    batch: int,
    rng: np.random.Generator,
    same_over_time: bool,
) -> Masks | None:
    """Masks for one step of ``steps`` x ``batch`` characters; None where nothing is dropped.

    A rate is rounded to a multiple of 1/256, so that one random byte decides a value.
    """
    if not plan.edges and _scale(rate) == 1.0:
        return None

    def kept(rate: float, times: int, size: int) -> npt.NDArray[Any]:
        drawn = (1 if same_over_time else times, batch, size)
        mask = (rng.integers(0, 256, drawn, np.uint8) >= _dropped(rate)).view(np.uint8)
        # not always: the view is read-only, for which kernels would be compiled once more
        return np.broadcast_to(mask, (times, batch, size)) if same_over_time else mask

    if plan.edges:
        edges = {}
        for name, edge in plan.edges.items():
            own = rate if edge.rate is None else edge.rate
            if _scale(own) > 1.0:
                edges[name] = kept(own, steps, widths[edge.owner]) * np.float32(_scale(own))
        return Masks(1.0, {}, edges) if edges else None
    arrays = {name: kept(rate, plan.lags[name] + steps, sizes[name]) for name in plan.dropped}
    return Masks(_scale(rate), arrays, {})


def _dropped(rate: float) -> int:
    """How many of 256 values are dropped; never all of them."""
    return min(round(rate * 256), 255)


def _scale(rate: float) -> float:
    return 256.0 / (256 - _dropped(rate))
