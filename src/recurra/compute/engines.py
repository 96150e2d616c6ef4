"""Registry of engines: name -> class. A folder and a line here make one more."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recurra.compute.base import Engine
from recurra.compute.plan import Plan
from recurra.errors import SettingError
from recurra.lang.shapes import Shapes

DEFAULT_ENGINE = "compiled"
MAX_THREADS = 1024


@dataclass(frozen=True)
class EngineEntry:
    """An engine that can be asked for by name.

    Attributes:
        help: one line for people.
        load: imports its class, which may take a second, and returns it.
    """

    help: str
    load: Callable[[], type[Engine]]


def _compiled() -> type[Engine]:
    from recurra.compute.numba.engine import CompiledEngine

    return CompiledEngine


def _reference() -> type[Engine]:
    from recurra.compute.reference import ReferenceEngine

    return ReferenceEngine


ENGINES: dict[str, EngineEntry] = {
    "compiled": EngineEntry("kernels made for the network: the fast one", _compiled),
    "reference": EngineEntry("plain NumPy: the readable one", _reference),
}


def register_engine(name: str, help: str, load: Callable[[], type[Engine]]) -> None:
    """Make an engine known by a name; see `EngineEntry`.

    Raises:
        SettingError: there is an engine of that name.
    """
    if name in ENGINES:
        raise SettingError(f"there is an engine {name} already: choose another name")
    ENGINES[name] = EngineEntry(help, load)


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
    """The engine of that name for a plan and its shapes, without any numbers yet.

    Args:
        name: ``"compiled"`` (the fast one), ``"reference"`` (the readable one), or one of your own.
        plan: what to compute.
        shapes: sizes of its vectors and parameters.
        dtype: float32 to train, float64 to check.
        threads: how many threads may share a batch; None: as many as there are cores.

    Raises:
        SettingError: no engine of that name, or a number of threads that makes no sense.
    """
    check_engine(name, threads)
    return ENGINES[name].load()(plan, shapes, dtype, threads or available_threads())
