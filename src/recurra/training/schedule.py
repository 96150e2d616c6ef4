"""Learning-rate schedule."""

import math


def learning_rate(
    peak: float, step: int, progress: float, *, warmup: int = 0, final: float = 1.0
) -> float:
    """Linear warm-up times half a cosine.

    Args:
        peak: the highest rate.
        step: updates done so far; the warm-up ends at ``step == warmup - 1``.
        progress: the part of the budget that is used up, 0 to 1, whatever the budget counts.
        warmup: updates until the peak.
        final: the part of the peak that is left at ``progress == 1``; 1 is a constant rate.
    """
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    fall = final + (1.0 - final) * (1.0 + math.cos(math.pi * min(progress, 1.0))) / 2.0
    return peak * rise * fall
