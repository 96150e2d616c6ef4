"""Element-wise programs as CUDA kernels, compiled while running; elsewhere plain operations."""

from collections.abc import Callable
from typing import Any

from recurra.compute.torch.elements import ElementPrograms, PlainPrograms
from recurra.compute.torch.layout import BlockLayout, Fusion


def make_programs(device: Any, dtype: str) -> Callable[[BlockLayout, Fusion], ElementPrograms]:
    """What computes the element-wise part of a fusion on a device."""
    return lambda layout, fusion: PlainPrograms(fusion)
