"""The devices of PyTorch: which there are, and a sentence for what can be wrong with one."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from recurra.errors import SettingError

Tensor = Any  # torch.Tensor: PyTorch's types are not read, see pyproject.toml
ADD_ONS = {"cuda": "an NVIDIA or AMD", "xpu": "an Intel", "mps": "an Apple"}


def is_there(kind: str) -> bool:
    """Whether this machine, and this PyTorch, have a device of a kind."""
    if kind == "mps":
        return bool(torch.backends.mps.is_available())
    return bool(getattr(torch, kind).is_available())


def find_device(name: str) -> Any:
    """The device of a name: "auto", "cpu", or "cuda", "xpu", "mps" with or without a number.

    Raises:
        SettingError: it is not there.
    """
    if name == "auto":
        name = next(filter(is_there, ADD_ONS), "cpu")
    kind, _, number = name.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    if not is_there(kind):
        raise SettingError(
            f"no device {name}: this machine has no GPU for it, or PyTorch {torch.__version__} is "
            f"not the build for {ADD_ONS[kind]} GPU: use --device cpu, or install that build"
        )
    count = getattr(torch, kind).device_count()
    if int(number or 0) >= count:
        raise SettingError(f"no device {name}: there are {count}, counted from 0")
    return torch.device(name)


def check_dtype(device: Any, dtype: Any) -> None:
    """Refuse numbers that a device cannot compute with.

    Raises:
        SettingError: float64 on a GPU of Apple.
    """
    if device.type == "mps" and dtype.itemsize > 4:
        raise SettingError("the device mps has no float64: use --dtype float32, or --device cpu")


@contextlib.contextmanager
def computing(device: Any, threads: int) -> Iterator[None]:
    """Compute with a number of threads; memory that runs out is told in one sentence.

    Raises:
        SettingError: the device has too little memory.
    """
    if device.type == "cpu" and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    here = torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
    try:
        with here:
            yield
    except RuntimeError as error:  # torch.OutOfMemoryError, or that of the CPU's allocator
        if "out of memory" in str(error) or "can't allocate memory" in str(error):
            raise SettingError(
                f"the device {device} has too little memory for this network: use a smaller "
                "--batch, --seq-len or --hidden"
            ) from None
        raise
