"""Weights in fewer bytes, for pages."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.export.base import WeightFormat

Array = NDArray[Any]


def quantise(array: Array, format: WeightFormat) -> tuple[WeightFormat, bytes, Array]:
    """A parameter in a format: what it became, its bytes, and the numbers that these stand for.

    int8 has a factor for every row, in front; vectors, and what float16 cannot hold, stay float32.
    """
    numbers = np.asarray(array, np.float32, order="C")
    largest = np.abs(numbers).max(initial=0.0)
    if format == "int8" and numbers.ndim == 2:
        factors = np.abs(numbers).max(axis=1, initial=0.0, keepdims=True) / np.float32(127)
        safe = np.where(factors > 0, factors, np.float32(1))
        rounded = np.rint(numbers / safe).astype(np.int8)
        data = factors.astype("<f4").tobytes() + rounded.tobytes()
        return "int8", data, rounded * factors
    if format == "float16" and largest <= np.finfo(np.float16).max:
        half = numbers.astype("<f2")
        return "float16", half.tobytes(), half.astype(np.float32)
    return "float32", numbers.astype("<f4").tobytes(), numbers


def pack(parameters: Mapping[str, Array], format: WeightFormat) -> tuple[list[list[Any]], str]:
    """All parameters as one text in base64, and before it ``[format, rows, columns]`` of each."""
    layout, parts = [], []
    for array in parameters.values():
        kind, data, _ = quantise(array, format)
        layout.append([kind, len(array), array.size // len(array)])
        parts.append(data)
    return layout, base64.b64encode(b"".join(parts)).decode("ascii")
