"""Numbers as people read them: the only place that decides on digits."""

import math

LOSS_DECIMALS = 4
DASH = "–"


def number(value: object) -> str:
    """Any value: whole numbers with thousands marked, others with three digits that count."""
    match value:
        case None:
            return DASH
        case bool():
            return str(value).lower()
        case int():
            return f"{value:,}"
        case float() if not math.isfinite(value):
            return DASH
        case float() if abs(value) >= 1000.0:
            return f"{value:,.0f}"
        case float():
            return f"{value:.3f}" if abs(value) >= 0.1 or value == 0.0 else f"{value:.3g}"
    return str(value)


def loss(value: float | None) -> str:
    """A loss per character, in nats or bits."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:.{LOSS_DECIMALS}f}" if abs(value) < 1e6 else f"{value:.3g}"


def gap(value: float | None) -> str:
    """The difference of two losses, with its sign."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:+.{LOSS_DECIMALS}f}".replace("-", "−")


def losses(interval: tuple[float, float] | None) -> str:
    """An interval of losses; a dash for one without ends."""
    if interval is None or not all(map(math.isfinite, interval)):
        return DASH
    return f"{loss(interval[0])} – {loss(interval[1])}"


def whole(value: float | None) -> str:
    """A count, a speed, a time: no decimals, thousands marked."""
    return DASH if value is None or not math.isfinite(value) else f"{value:,.0f}"


def counted(count: int, noun: str) -> str:
    """``1 seed``, ``1,234 seeds``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def summed(value: float | None) -> str:
    """The loss of a whole sequence."""
    return DASH if value is None or not math.isfinite(value) else f"{value:,.2f}"


def setting(value: object) -> str:
    """A value that somebody set: all the digits that it takes, but few of one drawn at random."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={n}" if name else f"{n}" for name, n in value.items())
    return f"{value:.4g}" if isinstance(value, float) else number(value)


def duration(seconds: float | None) -> str:
    """``m:ss``, or ``h:mm:ss``."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def shape(sizes: tuple[int, ...]) -> str:
    """``65 x 256``."""
    return " x ".join(f"{size}" for size in sizes)


def tick(value: float) -> str:
    """A number at an axis, short: ``2500000`` -> ``2.5M``; ``-0.02`` -> ``−0.02``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.10g}{unit}".replace("-", "−")
    return f"{round(value, 10):.10g}".replace("-", "−")
