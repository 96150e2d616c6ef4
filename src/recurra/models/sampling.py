"""Continue a text, character by character, as a trained model would."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from recurra.compute.base import Engine
from recurra.errors import RunError, SettingError
from recurra.models.model import Model

Array = npt.NDArray[Any]
Item = TypeVar("Item")

# Characters of a prompt read in one call of the engine: bounds the logits it computes on the way.
_PIECE = 256


@dataclass(frozen=True)
class Sampling:
    """How the next character is drawn from the model's distribution.

    Attributes:
        temperature: below 1 more likely, above 1 more surprising; 0 always takes the likeliest.
        top_k: only among the k likeliest.
        top_p: only among the likeliest that together reach this probability (nucleus sampling,
            Holtzman et al. 2020), after temperature and ``top_k``.

    Raises:
        SettingError: a value that makes no sense.
    """

    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < math.inf:
            raise SettingError(f"temperature has to be a number, 0 or more, not {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise SettingError(f"top_k has to be a whole number, 1 or more, not {self.top_k}")
        if self.top_p is not None and not 0.0 < self.top_p <= 1.0:
            raise SettingError(f"top_p has to be a number above 0, up to 1, not {self.top_p}")

    def probabilities(self, log_p: Array) -> Array:
        """Probabilities to draw from, (V,) float64, given the model's log probabilities (V,)."""
        if self.temperature == 0.0:
            certain = np.zeros(len(log_p))
            certain[log_p.argmax()] = 1.0
            return certain
        relative = log_p.astype(np.float64) - log_p.max()
        with np.errstate(over="ignore"):
            p = np.exp(relative / self.temperature)
        if self.top_k is not None or self.top_p is not None:
            likeliest = np.argsort(-p, kind="stable")
            p[likeliest[self.top_k or len(p) :]] = 0.0
            # enough is kept once what is likelier already reaches top_p
            likelier = np.cumsum(p[likeliest]) - p[likeliest]
            p[likeliest[likelier >= (self.top_p or math.inf) * p.sum()]] = 0.0
        probabilities: Array = p / p.sum()
        return probabilities


class Writer:
    """A model in the midst of a text: it reads on, or writes on, from where it is.

    Args:
        model: what writes.
        sampling: how characters are drawn.
        seed: equal seeds write equal texts; None: another text every time.
        engine: an engine that has the model's parameters; None: the compiled one, on one core.
    """

    def __init__(
        self,
        model: Model,
        sampling: Sampling | None = None,
        seed: int | None = None,
        engine: Engine | None = None,
    ) -> None:
        if seed is not None and seed < 0:
            raise SettingError(f"seed has to be a whole number, 0 or more, not {seed}")
        self.model = model
        self.sampling = sampling or Sampling()
        self._engine = engine or model.engine(threads=1)
        self._rng = np.random.default_rng(seed)
        self._state = self._engine.zero_state(1)
        self._last: int | None = None  # the latest character, which the state does not hold yet

    def read(self, text: str, strict: bool = False) -> list[str]:
        """Read on, so that what is written next follows it.

        Returns:
            The distinct characters that the model does not know; they were skipped.

        Raises:
            TextError: ``strict``, and there is such a character.
        """
        vocabulary = self.model.vocabulary
        unknown = vocabulary.unknown(text)
        numbers = vocabulary.encode(text if strict else vocabulary.known(text))
        if len(numbers):
            before = [] if self._last is None else [self._last]
            numbers = np.concatenate([np.array(before, np.int32), numbers])
            for start in range(0, len(numbers) - 1, _PIECE):
                piece = numbers[start : start + _PIECE + 1, None]
                _, self._state = self._engine.losses(piece[:-1], piece[1:], self._state)
            self._last = int(numbers[-1])
        return unknown

    def write(self, characters: int, stop: str | Sequence[str] = "") -> Iterator[str]:
        """Write so many characters, one by one, or as far as a text, which is left out.

        With nothing read yet the text begins as after a line break; where the vocabulary has
        none, as after a random character.

        Raises:
            RunError: the model predicts no finite numbers.
        """
        stops = [stop] if isinstance(stop, str) else stop
        decode = self.model.vocabulary.decode
        drawn = (decode(np.array([number], np.int32)) for number, _ in self.draw(characters))
        yield from until(stops, drawn)

    def draw(self, characters: int) -> Iterator[tuple[int, Array]]:
        """Draw characters: the number of each, and the log probabilities (V,) it was drawn from.

        Those are the model's own, before temperature; `write` says how a text begins.

        Raises:
            RunError: the model predicts no finite numbers.
        """
        if self._last is None:
            self._last = self._beginning()
        for _ in range(characters):
            log_p = self._advance()
            cumulative = self.sampling.probabilities(log_p).cumsum()
            chance = self._rng.random() * cumulative[-1]
            self._last = int(np.searchsorted(cumulative[:-1], chance, "right"))
            yield self._last, log_p

    def follow(self, numbers: Iterable[int]) -> Iterator[tuple[int, Array | None]]:
        """Read on, character by character, with the log probabilities (V,) before each.

        None before the first of all, which follows nothing.

        Raises:
            RunError: the model predicts no finite numbers.
        """
        for number in numbers:
            log_p = None if self._last is None else self._advance()
            self._last = int(number)
            yield self._last, log_p

    def _advance(self) -> Array:
        log_p, self._state = self._engine.next_log_probabilities(
            np.array([self._last], np.int32), self._state
        )
        if not np.isfinite(log_p).all():
            raise RunError("the model predicts no finite numbers: train it again")
        return np.array(log_p[0])  # the engine's own is overwritten by the next

    def _beginning(self) -> int:
        vocabulary = self.model.vocabulary
        if vocabulary.unknown("\n"):
            return int(self._rng.integers(len(vocabulary)))
        return int(vocabulary.encode("\n")[0])


def until(
    stops: Sequence[str], items: Iterable[Item], text: Callable[[Item], str] = str
) -> Iterator[Item]:
    """The items as far as the first text that they make which is one of `stops`, without it.

    Args:
        stops: empty ones stop nothing; of two that end together, the longer counts.
        items: characters, or what has one.
        text: the one character of an item.
    """
    stops = [stop for stop in stops if stop]
    held: list[Item] = []  # the beginning of a stop, perhaps
    made = ""
    for item in items:
        held.append(item)
        made += text(item)
        if ended := [len(stop) for stop in stops if made.endswith(stop)]:
            yield from held[: len(held) - max(ended)]
            return
        while held and not any(stop.startswith(made) for stop in stops):
            yield held.pop(0)
            made = made[1:]
    yield from held
