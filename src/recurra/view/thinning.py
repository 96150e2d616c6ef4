"""Curves of many points, thinned to what a screen shows."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def thin(x: ArrayLike, y: ArrayLike, columns: int) -> tuple[Array, Array]:
    """Of every column of a screen the first, the lowest, the highest and the last point.

    Args:
        x: ``(n,)``, rising.
        y: ``(n,)``.
        columns: of equal width, from the first x to the last.

    Returns:
        At most four points a column, in their order; all of them where they are no more.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(x) <= 4 * columns:
        return x, y
    edges = np.linspace(x[0], x[-1], columns + 1)[1:-1]
    column = np.searchsorted(edges, x, side="right")
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    order = np.lexsort((y, column))  # within a column from the lowest to the highest
    ends = np.append(starts[1:], len(x)) - 1
    kept = np.unique(np.concatenate([starts, ends, order[starts], order[ends]]))
    return x[kept], y[kept]
