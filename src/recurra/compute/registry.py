"""Registry of engines: name -> class. A folder and a line here make one more."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from recurra.compute.base import Engine
from recurra.compute.plan import Plan
from recurra.errors import SettingError, unknown
from recurra.lang.shapes import Shapes

DEFAULT_ENGINE = "compiled"
MAX_THREADS = 1024


@dataclass(frozen=True)
class EngineEntry:
    """An engine that can be asked for by name.

    Attributes:
        help: one line for people.
        load: imports its class, which may take a second, and returns it.
        devices: what it can run on, the first unless another one is asked for; none: it is not
            asked. Its class takes one as ``device``.
    """

    help: str
    load: Callable[[], type[Engine]]
    devices: tuple[str, ...] = ()


def _compiled() -> type[Engine]:
    from recurra.compute.numba.engine import CompiledEngine

    return CompiledEngine


def _reference() -> type[Engine]:
    from recurra.compute.reference import ReferenceEngine

    return ReferenceEngine


def _torch() -> type[Engine]:
    try:
        from recurra.compute.torch.engine import TorchEngine
    except ImportError as error:
        if error.name != "torch":
            raise
        raise SettingError(
            "the engine torch needs PyTorch, which is not installed: pip install 'recurra[gpu]', "
            "or use the engine compiled"
        ) from None
    return TorchEngine


DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
ENGINES: dict[str, EngineEntry] = {
    "compiled": EngineEntry("kernels made for the network: the fast one", _compiled),
    "reference": EngineEntry("plain NumPy: the readable one", _reference),
    "torch": EngineEntry("PyTorch's tensors: for a GPU", _torch, DEVICES),
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


def engine_on(engine: str | None, device: str | None) -> str | None:
    """The full name of an engine on a device: ``"torch:cuda"``. A device alone implies torch.

    Raises:
        SettingError: the engine does not run on devices, or not on this one.
    """
    if device is None:
        return engine
    name = f"{engine or 'torch'}:{device}"
    check_engine(name)
    return name


def check_engine(name: str, threads: int | None = None) -> None:
    """See `make_engine`; whether a device is there is not asked.

    Raises:
        SettingError: no engine or device of that name, or a number of threads that makes no sense.
    """
    kind, colon, device = name.partition(":")
    if kind not in ENGINES:
        raise unknown("engine", kind, ENGINES)
    devices = ENGINES[kind].devices
    if colon and not devices:
        others = [name for name, entry in ENGINES.items() if entry.devices]
        raise SettingError(
            f"the engine {kind} does not run on devices: leave the device {device} out, or use "
            f"the engine {' or '.join(others)}"
        )
    numbered, _, number = device.partition(":")
    if colon and (numbered not in devices or (number and not number.isdecimal())):
        raise unknown("device", device, [*devices, "or one of several by its number: cuda:1"])
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise SettingError(
            f"threads have to be a whole number from 1 to {MAX_THREADS:,}, not {threads:,}"
        )


def require_engine(name: str, threads: int | None = None) -> None:
    """Refuse an engine that cannot compute here, before anything is begun with it.

    Raises:
        SettingError: see `check_engine`; or what it needs is not installed, or not in this machine.
    """
    check_engine(name, threads)
    kind, _, device = name.partition(":")
    if ENGINES[kind].devices:
        ENGINES[kind].load().check_device(device)


def make_engine(
    name: str,
    plan: Plan,
    shapes: Shapes,
    dtype: npt.DTypeLike = np.float32,
    threads: int | None = None,
) -> Engine:
    """The engine of that name for a plan and its shapes, without any numbers yet.

    Args:
        name: ``"compiled"`` (the fast one), ``"reference"`` (the readable one), ``"torch"`` with or
            without a device (``"torch:cuda"``), or one of your own.
        plan: what to compute.
        shapes: sizes of its vectors and parameters.
        dtype: float32 to train, float64 to check.
        threads: how many threads may share a batch; None: as many as there are cores.

    Raises:
        SettingError: no engine or device of that name, or a number of threads that makes no sense.
    """
    check_engine(name, threads)
    kind, _, device = name.partition(":")
    engine: Callable[..., Engine] = ENGINES[kind].load()
    if device:
        engine = partial(engine, device=device)
    return engine(plan, shapes, dtype, threads or available_threads())
