"""Numbers with their uncertainty: over seeds, over the text, over both, over a search.

Nothing here knows networks or files. Random numbers come from the generator that is passed in.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CONFIDENCE = 0.95
RESAMPLES = 10_000
# Characters of a block of text, whose losses are taken to depend on each other, and how many
# blocks suffice: more would only cost time.
BLOCK = 1000
BLOCKS = 400


_rule = cache(lambda: np.polynomial.legendre.leggauss(64))


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval that holds the truth with some confidence."""

    mean: float
    low: float
    high: float


def student_quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t for a probability of 0.5 or more and any degrees of freedom >= 1.

    With t = sqrt(freedom) tan(angle) the density is cos(angle)^(freedom - 1) over a constant: a
    smooth function that Gauss and Legendre's rule integrates to rounding.
    """
    if freedom > 1e6:
        return NormalDist().inv_cdf(probability)
    nodes, weights = _rule()
    log_constant = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    constant = math.exp(log_constant) / math.sqrt(math.pi)

    def above_half(angle: float) -> float:
        heights = np.cos((nodes + 1) * angle / 2) ** (freedom - 1)
        return float(constant * (weights @ heights) * angle / 2)

    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if above_half(middle) > probability - 0.5 else (middle, high)
    return math.sqrt(freedom) * math.tan(low)


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Mean of a few independent values, such as one loss a seed, with Student's interval.

    One value says nothing about the others: its interval is infinite.
    """
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return Interval(mean, -math.inf, math.inf)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    half = student_quantile((1 + confidence) / 2, count - 1) * error
    return Interval(mean, mean - half, mean + half)


def cut_blocks(
    losses: Array, documents: Sequence[int], length: int | None = None
) -> tuple[Array, Array]:
    """Sums over contiguous blocks of text that do not reach from one document into the next.

    Args:
        losses: ``(..., n)``, one for each character.
        documents: characters of each document; together n.
        length: characters of a block; None: ``BLOCK``, or as many as make ``BLOCKS`` blocks. A
            document is cut into equal blocks of about that length, at least one.

    Returns:
        Sums ``(..., K)`` and the characters of every block ``(K,)``.
    """
    length = length or max(BLOCK, sum(documents) // BLOCKS)
    starts, begin = [], 0
    for characters in documents:
        count = max(1, round(characters / length))
        if characters:
            starts += [begin + characters * i // count for i in range(count)]
        begin += characters
    sizes = np.diff([*starts, begin])
    return np.add.reduceat(losses.astype(np.float64), starts, axis=-1), sizes


def paired_bootstrap(
    one: Array,
    other: Array,
    sizes: Array,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> Interval:
    """Difference of two mean losses per character, over seeds and over text at once.

    Seeds and blocks are resampled independently of each other, the same for both sides (a paired
    pigeonhole bootstrap, Owen 2007), one fewer than there are, which makes the variance of so few
    seeds unbiased (Rao & Wu 1988). The interval is that standard error times Student's quantile,
    the mean of those for seeds and for blocks weighed by their variances (Cochran & Cox 1950).
    Percentiles of the resamples would not do: once in sixteen the truth lies outside all of five
    seeds, and so outside every mean of them.

    Args:
        one, other: summed losses ``(S, K)`` of S paired seeds in K blocks of text.
        sizes: characters of every block ``(K,)``.
        rng: draws the resamples.
        confidence: of the interval.
        resamples: how many.

    Returns:
        ``one - other`` per character. With one seed the interval is over text alone; with one
        block, over seeds alone; with one of each it is infinite.
    """
    difference = (one - other).astype(np.float64)
    seeds, blocks = difference.shape
    mean = float(difference.sum() / (seeds * sizes.sum()))
    if seeds == blocks == 1:
        return Interval(mean, -math.inf, math.inf)
    error = _bootstrap_error(difference, sizes, rng, resamples)
    half = _quantile(difference, sizes, mean, confidence) * error
    return Interval(mean, mean - half, mean + half)


def _bootstrap_error(
    difference: Array, sizes: Array, rng: np.random.Generator, resamples: int
) -> float:
    """Standard deviation of the mean difference over resamples of seeds and blocks."""
    of_seeds = _resample(difference.shape[0], rng, resamples)
    of_blocks = _resample(difference.shape[1], rng, resamples)
    nats = np.sum((of_seeds @ difference) * of_blocks, axis=1)
    characters = (of_blocks @ sizes) * of_seeds.sum(axis=1)
    return float(np.std(nats / characters, ddof=1))


def _resample(count: int, rng: np.random.Generator, resamples: int) -> Array:
    """How often each of ``count`` things is drawn, ``(resamples, count)``."""
    if count == 1:
        return np.ones((resamples, 1))
    return rng.multinomial(count - 1, np.full(count, 1 / count), resamples).astype(np.float64)


def _quantile(difference: Array, sizes: Array, mean: float, confidence: float) -> float:
    """Student's quantiles for the seeds and for the blocks, weighed by their variances."""
    seeds, blocks = difference.shape
    over = []
    if seeds > 1:
        means = difference.sum(axis=1) / sizes.sum()
        over.append((float(np.var(means, ddof=1)) / seeds, seeds - 1))
    if blocks > 1:
        excess = difference.mean(axis=0) - mean * sizes
        variance = blocks * float(np.var(excess, ddof=1)) / float(sizes.sum()) ** 2
        over.append((variance, blocks - 1))
    total = sum(variance for variance, _ in over)
    if total == 0.0:  # then there is no error that it could multiply
        return 0.0
    quantiles = [v * student_quantile((1 + confidence) / 2, freedom) for v, freedom in over]
    return float(sum(quantiles) / total)
