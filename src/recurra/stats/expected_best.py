"""Expected best loss of a search of some size."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def expected_best(losses: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected lowest loss after 1, 2, ..., n trials of a search that took n, at random.

    Unbiased: the mean over all sets of k of the n losses without repetition (Tang et al. 2020,
    "Showing Your Work Doesn't Always Work"); not the biased one of Dodge et al. 2019, which draws
    with repetition. The i-th lowest loss is the lowest of C(n - i, k - 1) of the C(n, k) sets.

    Args:
        losses: final losses, in any order; one that diverged may be infinite.

    Returns:
        (n,) values; infinite where a set may hold nothing finite.
    """
    ordered = np.sort(np.asarray(losses, np.float64))
    n = len(ordered)
    expected = np.empty(n)
    for k in range(1, n + 1):
        # C(n - i, k - 1) / C(n, k) for i = 1, 2, ...: k / n, and then from one i to the next
        i = np.arange(1, n - k + 1)
        weights = k / n * np.cumprod(np.concatenate([[1.0], (n - i - k + 1) / (n - i)]))
        reached = weights > 0.0  # where a weight underflows, an infinite loss must not count
        expected[k - 1] = weights[reached] @ ordered[: len(weights)][reached]
    return expected
