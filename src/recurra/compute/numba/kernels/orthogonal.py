"""The orthogonal matrix nearest to a given one; see `recurra.compute.optimizers.orthogonal`."""

from typing import Any

import numpy as np

from recurra.compute.numba.kernels.gemm import gemm
from recurra.compute.numba.kernels.jit import inlined, jit
from recurra.compute.optimizers.orthogonal import MARGIN, POLYNOMIALS

# So many rows of a symmetric product at a time: only what lies on and left of its diagonal.
BAND = 96


@jit
def orthogonalise(z: Any, rows: Any, columns: Any) -> None:
    """Replace the ``rows * columns`` numbers of z by those of the nearest orthogonal matrix."""
    real = z.dtype.type
    n, other = min(rows, columns), max(rows, columns)
    # rows of x, if they are fewer than its columns; else columns
    step, along = (columns, 1) if rows <= columns else (1, columns)
    gram, square = np.empty(n * n, z.dtype), np.empty(n * n, z.dtype)
    product = np.empty(z.size, z.dtype)
    _scale(z, 1.0 / MARGIN)
    for a, b, c in POLYNOMIALS:
        _symmetric(n, other, z, step, along, gram)
        _symmetric(n, n, gram, n, 1, square)
        for i in range(n * n):
            gram[i] = real(b) * gram[i] + real(c) * square[i]
        if rows <= columns:
            gemm(n, columns, n, product, 0, columns, gram, 0, n, 1, z, 0, columns, 1, False)
        else:
            gemm(rows, n, n, product, 0, n, z, 0, n, 1, gram, 0, n, 1, False)
        for i in range(z.size):
            z[i] = real(a) * z[i] + product[i]
    length = real(np.sqrt(other))
    for i in range(z.size):
        z[i] *= length


@inlined
def _scale(z: Any, norm: Any) -> None:
    """Scale z to a norm; first to 1 at most, so that no square is too large or too small."""
    peak = z.dtype.type(0.0)
    for i in range(z.size):
        peak = max(peak, abs(z[i]))
    squares = 0.0
    for i in range(z.size):
        z[i] = z[i] / peak if peak > 0.0 else z[i]
        squares += np.float64(z[i]) * np.float64(z[i])
    factor = z.dtype.type(norm / np.sqrt(squares) if squares > 0.0 else 0.0)
    for i in range(z.size):
        z[i] *= factor


@inlined
def _symmetric(n: Any, depth: Any, x: Any, step: Any, along: Any, out: Any) -> None:
    """``out = x @ x.T`` for n rows, ``step`` numbers apart, of numbers that are ``along`` apart."""
    for top in range(0, n, BAND):
        high = min(BAND, n - top)
        gemm(
            high, top + high, depth, out, top * n, n, x, top * step, step, along, x, 0, along, step,
            False,
        )  # fmt: skip
    for i in range(n):
        for j in range(i + 1, n):
            out[i * n + j] = out[j * n + i]
