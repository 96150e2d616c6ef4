"""The verdict on a difference, in words that say no more than its numbers."""

import math
from typing import Final, Literal

from recurra.stats.intervals import Interval
from recurra.view import numbers
from recurra.view.words import Words

Verdict = Literal["lower", "higher", "none", "one seed", "missing"]

LOWER: Final = "lower"
HIGHER: Final = "higher"
NONE: Final = "none"
ONE_SEED: Final = "one seed"
MISSING: Final = "missing"


def verdict_of(difference: Interval | None, seeds: int) -> Verdict:
    """The verdict that the interval of ``one - other`` allows."""
    if difference is None:
        return MISSING
    if seeds < 2:
        return ONE_SEED
    if difference.high < 0.0:
        return LOWER
    return HIGHER if difference.low > 0.0 else NONE


def sentence(
    one: str,
    other: str,
    difference: Interval | None,
    seeds: int,
    confidence: float,
    language: str = "en",
) -> str:
    """The verdict on ``one - other`` as a sentence, in a language."""
    kind = verdict_of(difference, seeds)
    found = difference or Interval(math.nan, math.nan, math.nan)
    if kind == HIGHER:
        kind, one, other = LOWER, other, one
        found = Interval(-found.mean, -found.high, -found.low)
    signed, size = numbers.gap, numbers.loss
    return Words(language)(
        f"verdict {kind}",
        one=one,
        other=other,
        mean=signed(found.mean),
        low=signed(found.low),
        high=signed(found.high),
        gap=size(-found.mean),
        near=size(-found.high),
        far=size(-found.low),
        seeds=seeds,
        confidence=f"{100 * confidence:.3g}",
    )
