"""Layer normalisation of rows, in place (Ba et al. 2016, without gain and bias)."""

from typing import Any

import numpy as np

from recurra.compute.numba.kernels.jit import jit
from recurra.lang.functions import NORM_EPS

__all__ = ["normalise", "normalise_backward"]


@jit
def normalise(a: Any, i: Any, rows: Any, inv_std: Any, o: Any) -> None:
    """``y = (z - mean z) / sqrt(variance of z + eps)`` in the rows of ``a`` from i on.

    1 / that root goes to ``inv_std`` from o on, for the way back.
    """
    real = a.dtype.type
    n = a.shape[1]
    for row in range(rows):
        total = real(0)
        for j in range(n):
            total += a[i + row, j]
        mean = total / real(n)
        squares = real(0)
        for j in range(n):
            z = a[i + row, j] - mean
            a[i + row, j] = z
            squares += z * z
        scale = real(1) / np.sqrt(squares / real(n) + real(NORM_EPS))
        inv_std[o + row] = scale
        for j in range(n):
            a[i + row, j] *= scale


@jit
def normalise_backward(d: Any, i: Any, rows: Any, y: Any, k: Any, inv_std: Any, o: Any) -> None:
    """``dz = (dy - mean dy - y mean(y dy)) * inv_std`` in the rows of ``d`` from i on."""
    real = d.dtype.type
    n = d.shape[1]
    for row in range(rows):
        total, along = real(0), real(0)
        for j in range(n):
            total += d[i + row, j]
            along += d[i + row, j] * y[k + row, j]
        total, along, scale = total / real(n), along / real(n), inv_std[o + row]
        for j in range(n):
            d[i + row, j] = (d[i + row, j] - total - y[k + row, j] * along) * scale
