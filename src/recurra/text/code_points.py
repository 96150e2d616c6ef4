"""Text as numbers: the Unicode code points of its characters."""

from typing import Any

import numpy as np
import numpy.typing as npt

_UTF32 = "utf-32-le", "surrogatepass"


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """The Unicode code point of every character."""
    return np.frombuffer(text.encode(*_UTF32), "<u4")


def characters(points: npt.NDArray[np.uint32]) -> str:
    """The text of code points."""
    return points.tobytes().decode(*_UTF32)


def census(points: npt.NDArray[np.uint32]) -> npt.NDArray[Any]:
    """How often each code point occurs."""
    return np.bincount(points, minlength=0x110000)
