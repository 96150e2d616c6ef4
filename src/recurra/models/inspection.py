"""A look inside a trained network: what its units do over a text, and how far it remembers.

Karpathy et al. 2016 coloured texts by one unit of a network and found some that follow quotes,
brackets or the position in a line; Strobelt et al. 2018 (LSTMVis) looked for passages in which the
same units are on. The reach of the gradient is that of Bengio et al. 1994: how fast the derivative
of a loss by earlier states becomes small.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recurra.compute.plan import make_plan
from recurra.compute.reference import ReferenceEngine
from recurra.errors import RunError
from recurra.models.model import Model

Array = NDArray[Any]
Feature = Literal["quotes", "line", "word", "brackets"]
FEATURES: tuple[Feature, ...] = get_args(Feature)

_OPEN, _CLOSE = "([{<（【《〈", ")]}>）】》〉"
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“", "「": "」", "『": "』"}


def inspector(model: Model) -> ReferenceEngine:
    """An engine that tells the values of every vector of a model."""
    engine = ReferenceEngine(make_plan(model.network), model.shapes, model.dtype)
    engine.load({f"parameter/{name}": value for name, value in model.parameters.items()})
    return engine


def activity(model: Model, numbers: Array) -> dict[str, Array]:
    """The values of every unit after each character of a text.

    Args:
        model: reads it, from zeros on.
        numbers: of the characters, ``(T,)``.

    Returns:
        Vector of the equations -> ``(T, n)``, in the order of the equations.

    Raises:
        RunError: a unit has no finite value.
    """
    engine = inspector(model)
    values = engine.trace(numbers[:, None], engine.zero_state(1))
    found = {e.name: values[e.name][:, 0] for e in model.network.equations}
    for name, units in found.items():
        if not np.isfinite(units).all():
            raise RunError(f"a unit of {name} is no finite number: train the model again")
    return found


def feature(text: str, which: Feature) -> Array:
    """Something to follow in a text, ``(T,)``, as it is known after each character.

    Args:
        text: T characters.
        which: ``quotes``: 1 inside quotation marks; ``brackets``: how many are open; ``line`` and
            ``word``: characters since the line or the word began.
    """
    match which:
        case "quotes":
            return np.array([*_inside_quotes(text)], float)
        case "brackets":
            steps = [(one in _OPEN) - (one in _CLOSE) for one in text]
            return np.array([*_depth(steps)], float)
        case "line":
            return np.array([*_since(one == "\n" for one in text)], float)
        case "word":
            return np.array([*_since(not one.isalnum() for one in text)], float)


def _inside_quotes(text: str) -> Iterator[bool]:
    end = ""
    for one in text:
        closed = one in (end, "\n")
        end = ("" if closed else end) if end else _QUOTES.get(one, "")
        yield bool(end)


def _depth(steps: Sequence[int]) -> Iterator[int]:
    depth = 0
    for step in steps:
        depth = max(0, depth + step)
        yield depth


def _since(ends: Iterator[bool]) -> Iterator[int]:
    count = 0
    for end in ends:
        count = 0 if end else count + 1
        yield count


def follow(values: Array, wanted: Array) -> Array:
    """The correlation of each unit with a feature, ``(n,)``.

    A unit or a feature that never changes follows nothing: 0.
    """
    units, wanted = values - values.mean(0), wanted - wanted.mean()
    scale = np.sqrt((units**2).sum(0) * (wanted**2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.where(scale > 1e-12, (units * wanted[:, None]).sum(0) / scale, 0.0)
    return found


@dataclass(frozen=True)
class Passage:
    """A passage of a text in which some units are on.

    Attributes:
        start, end: its characters, ``text[start:end]``.
        share: of the units that are on there, on average.
    """

    start: int
    end: int
    share: float


def units_on(values: Array, start: int, end: int, threshold: float = 1.0) -> list[int]:
    """The units that are on in a passage, the clearest first.

    A unit is on where it is above its mean over the text by ``threshold`` standard deviations; in
    a passage it is, if it is so on average.
    """
    high = _standard(values)[start:end].mean(0)
    return [int(unit) for unit in np.argsort(-high) if high[unit] >= threshold]


def passages(
    values: Array, units: Sequence[int], length: int, limit: int = 12, threshold: float = 1.0
) -> list[Passage]:
    """The passages of a text in which the same units are on, those with most of them first.

    Args:
        values: of the units over the text, ``(T, n)``.
        units: have to be on.
        length: of a passage, about.
        limit: of passages.
        threshold: see `units_on`.
    """
    on = (_standard(values)[:, list(units)] >= threshold).mean(1)
    window = np.convolve(on, np.ones(length) / length, "valid")
    found = list[Passage]()
    for start in np.argsort(-window, kind="stable"):
        if len(found) >= limit or window[start] <= 0.0:
            break
        if all(abs(start - other.start) >= length for other in found):
            found.append(Passage(int(start), int(start) + length, float(window[start])))
    return found


def _standard(values: Array) -> Array:
    deviation = values.std(0)
    found: Array = (values - values.mean(0)) / np.where(deviation > 1e-12, deviation, np.inf)
    return found


def gradient_reach(model: Model, numbers: Array, length: int = 100) -> dict[str, Array]:
    """The mean norm of ``d loss[t] / d h[t-k]`` over k: how far back the gradient reaches.

    Args:
        model: reads the text.
        numbers: of its characters, at least two.
        length: the largest k, at most.

    Returns:
        Vector that is carried from step to step -> norms, ``(K + 1,)``, k = 0 first.
    """
    engine = inspector(model)
    length = min(length, len(numbers) - 2)
    # up to 64 places t, spread over the text, each with the characters before it
    ends = np.unique(np.linspace(length + 1, len(numbers) - 1, 64).astype(int))
    windows = np.stack([numbers[end - length - 1 : end] for end in ends], axis=1)
    found = engine.reach(windows, numbers[ends], engine.zero_state(len(ends)))
    names = [e.name for e in model.network.equations if e.name in engine.plan.state]
    return {n: np.linalg.norm(found[n], axis=2).mean(1)[::-1] for n in names}
