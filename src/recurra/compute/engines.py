"""Registry of engines: what computes a plan's loss, gradients and next characters."""

import os

import numpy as np
import numpy.typing as npt

from recurra.compute.base import Engine
from recurra.compute.plan import Plan
from recurra.errors import SettingError
from recurra.lang.shapes import Shapes

ENGINES = ("compiled", "reference")
DEFAULT_ENGINE = "compiled"
MAX_THREADS = 1024


def available_threads() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_engine(name: str, threads: int | None = None) -> None:
    """See `make_engine`.

    Raises:
        SettingError: no engine of that name, or a number of threads that makes no sense.
    """
    if name not in ENGINES:
        raise SettingError(f"no engine {name}: choose one of {', '.join(ENGINES)}")
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise SettingError(
            f"threads have to be a whole number from 1 to {MAX_THREADS:,}, not {threads:,}"
        )


def make_engine(
    name: str,
    plan: Plan,
    shapes: Shapes,
    dtype: npt.DTypeLike = np.float32,
    threads: int | None = None,
) -> Engine:
    """The engine of that name for a plan and its shapes.

    Args:
        name: ``"compiled"`` (the fast one) or ``"reference"`` (the readable one).
        plan: what to compute.
        shapes: sizes of its vectors and parameters.
        dtype: float32 to train, float64 to check.
        threads: how many threads may share a batch; None: as many as there are cores.

    Raises:
        SettingError: no engine of that name, or a number of threads that makes no sense.
    """
    check_engine(name, threads)
    if name == "reference":
        from recurra.compute.reference import ReferenceEngine

        return ReferenceEngine(plan, shapes, dtype)
    from recurra.compute.numba.engine import CompiledEngine

    return CompiledEngine(plan, shapes, dtype, threads or available_threads())
