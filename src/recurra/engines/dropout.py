"""Dropout on the non-recurrent edges: masks drawn once a step, the same for every engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.plan import Plan
from recurra.shapes import Shapes


@dataclass(frozen=True)
class Masks:
    """Which values products outside their block see (Zaremba et al. 2014).

    Attributes:
        scale: what kept values are multiplied with, 1 / (probability to keep).
        arrays: vector name -> ``(lags + T, B, n)`` uint8, 1 = kept, first rows for carried state.
    """

    scale: float
    arrays: Mapping[str, npt.NDArray[np.uint8]]


def draw_masks(
    plan: Plan, shapes: Shapes, rate: float, steps: int, batch: int, rng: np.random.Generator
) -> Masks | None:
    """Masks for one step of ``steps`` x ``batch`` characters; None for rate 0.

    The rate is rounded to a multiple of 1/256, so that one random byte decides a value.
    """
    dropped_bytes = round(rate * 256)
    if dropped_bytes == 0:
        return None
    sizes = plan.sizes(shapes)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name in plan.dropped:
        shape = (plan.lags[name] + steps, batch, sizes[name])
        arrays[name] = (rng.integers(0, 256, shape, np.uint8) >= dropped_bytes).view(np.uint8)
    return Masks(256.0 / (256 - dropped_bytes), arrays)
