"""The orthogonal matrix nearest to a given one, by products alone (Newton-Schulz)."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Odd polynomials ``a s + b s**3 + c s**5`` of the singular values, one after the other. Each is the
# one that leaves the least distance from 1 to any value between what the one before has left, at
# first 0.005 to 1 (a linear program; the "Polar Express" of Amsel et al. 2025): 0.083 in the end.
POLYNOMIALS: Final = (
    (8.2987, -24.4305, 18.0903),
    (3.9152, -2.9211, 0.5592),
    (3.1746, -2.3804, 0.4978),
    (2.1895, -1.5672, 0.4079),
)
# The norm is made so much smaller than 1, for the rounding of float32.
MARGIN: Final = 1.02


def orthogonal(z: Array) -> Array:
    """The matrix nearest to z whose rows, or columns if those are fewer, are orthogonal.

    With ``z = U S V.T`` that is about ``U V.T``; it is scaled so that the root mean square of its
    numbers is 1 (Liu et al. 2025). Zeros stay zeros.

    Args:
        z: (n, m), float.
    """
    x = z / (np.abs(z).max() or 1.0)  # so that no square is too large or too small
    x = x / (MARGIN * (np.sqrt(np.square(x).sum()) or 1.0))
    wide = x.shape[0] <= x.shape[1]
    for a, b, c in POLYNOMIALS:
        gram = x @ x.T if wide else x.T @ x
        factor = b * gram + c * gram @ gram
        x = a * x + (factor @ x if wide else x @ factor)
    scaled: Array = z.dtype.type(max(x.shape) ** 0.5) * x
    return scaled
