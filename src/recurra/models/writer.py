"""Continue a text, character by character, as a trained model would."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from recurra.compute.base import Engine
from recurra.compute.sampling import Sampling
from recurra.errors import RunError, SettingError
from recurra.models.adaptation.reader import AdaptiveReader
from recurra.models.model import Model

Array = npt.NDArray[Any]
Item = TypeVar("Item")

# Characters of a prompt read in one call of the engine: bounds the logits it computes on the way.
_PIECE = 256
# Characters drawn in one call, which costs more than a character of a small network: three steps of
# adaptation.
AT_ONCE = 60


class Writer:
    """A model in the midst of a text: it reads on, or writes on, from where it is.

    Args:
        model: what writes.
        sampling: how characters are drawn.
        seed: equal seeds write equal texts; None: another text every time.
        engine: an engine that has the model's parameters; None: the compiled one, on one core.
        reader: learns from what is read, with an engine of its own; what is written teaches
            nothing.
    """

    def __init__(
        self,
        model: Model,
        sampling: Sampling | None = None,
        seed: int | None = None,
        engine: Engine | None = None,
        reader: AdaptiveReader | None = None,
    ) -> None:
        if seed is not None and seed < 0:
            raise SettingError(f"seed has to be a whole number, 0 or more, not {seed}")
        self.model = model
        self.sampling = sampling or Sampling()
        self._reader = reader
        self._engine = reader.engine if reader else engine or model.engine(threads=1)
        self._rng = np.random.default_rng(seed)
        self._state = self._engine.zero_state(1)
        self._last: int | None = None  # the latest character, which the state does not hold yet
        # characters that nobody has taken yet, each with the log probabilities it was drawn from,
        # of so many drawn at once, and from where
        self._drawn: deque[tuple[int, Array]] = deque()
        self._count = 0
        self._origin: Any = None

    def read(self, text: str, strict: bool = False) -> list[str]:
        """Read on, so that what is written next follows it.

        Returns:
            The distinct characters that the model does not know; they were skipped.

        Raises:
            TextError: ``strict``, and there is such a character.
        """
        self._go_back()
        vocabulary = self.model.vocabulary
        unknown = vocabulary.unknown(text)
        numbers = vocabulary.encode(text if strict else vocabulary.known(text))
        if len(numbers):
            before = [] if self._last is None else [self._last]
            self._follow(np.concatenate([np.array(before, np.int32), numbers]))
            self._last = int(numbers[-1])
        return unknown

    def _follow(self, numbers: Array) -> None:
        """Read all of these but the last; the first is the latest that was read or written."""
        if self._reader is not None:
            _, self._state = self._reader.read(numbers, self._state)
            return
        for start in range(0, len(numbers) - 1, _PIECE):
            piece = numbers[start : start + _PIECE + 1, None]
            _, self._state = self._engine.losses(piece[:-1], piece[1:], self._state)

    def write(self, characters: int, stop: str | Sequence[str] = "") -> Iterator[str]:
        """Write so many characters, one by one, or as far as a text, which is left out.

        With nothing read yet the text begins as after a line break; where the vocabulary has
        none, as after a random character.

        Raises:
            RunError: the model predicts no finite numbers.
        """
        stops = [stop] if isinstance(stop, str) else stop
        known = self.model.vocabulary.characters
        yield from until(stops, (known[number] for number, _ in self.draw(characters)))

    def draw(self, characters: int) -> Iterator[tuple[int, Array]]:
        """Draw characters: the number of each, and the log probabilities (V,) it was drawn from.

        Those are the model's own, before temperature; `write` says how a text begins.

        Raises:
            RunError: the model predicts no finite numbers.
        """
        if self._last is None:
            self._last = self._beginning()
        for left in range(characters, 0, -1):
            if not self._drawn:
                self._draw_some(min(left, AT_ONCE))
            self._last, log_p = self._drawn.popleft()
            yield self._last, log_p

    def follow(self, numbers: Array) -> Array:
        """Read some characters on, with the log probabilities before each.

        A reader learns from them all once they are predicted.

        Args:
            numbers: (T,), at least one.

        Returns:
            (T, V), or (T - 1, V) if nothing was read before: the first of all follows nothing.

        Raises:
            RunError: the model predicts no finite numbers.
        """
        self._go_back()
        read = numbers[:-1] if self._last is None else np.array([self._last, *numbers[:-1]])
        self._last = int(numbers[-1])
        if not len(read):
            return np.empty((0, len(self.model.vocabulary)), self.model.dtype)
        log_p = self._predict(np.append(read, numbers[-1]).astype(np.int32))
        if not np.isfinite(log_p).all():
            raise RunError("the model predicts no finite numbers: train it again")
        return log_p

    def _predict(self, text: Array) -> Array:
        """Log probabilities (n, V) after each of the first n characters of a text, (n + 1,)."""
        if self._reader is None:
            log_p, self._state = self._engine.log_probabilities(text[:-1], self._state)
            return log_p
        rows, step = [], self._reader.settings.step
        for start in range(0, len(text) - 1, step):
            piece = text[start : start + step + 1]
            rows.append(self._engine.log_probabilities(piece[:-1], self._state)[0])
            _, self._state = self._reader.read(piece, self._state)
        return np.concatenate(rows)

    def _draw_some(self, characters: int) -> None:
        """Let the engine write some characters in one call, before anybody takes them."""
        assert self._last is not None
        origin = self._last, self._state, self._rng.bit_generator.state
        uniforms = self._rng.random(characters)
        drawn, predicted, self._state = self._engine.sample(*origin[:2], self.sampling, uniforms)
        if len(drawn) < characters:
            raise RunError("the model predicts no finite numbers: train it again")
        self._drawn = deque(zip(drawn, predicted, strict=True))
        self._count, self._origin = characters, origin

    def _go_back(self) -> None:
        """Forget what was drawn and not taken: whoever reads on reads after what was taken."""
        if self._drawn:
            last, state, self._rng.bit_generator.state = self._origin
            uniforms = self._rng.random(self._count - len(self._drawn))
            *_, self._state = self._engine.sample(last, state, self.sampling, uniforms)
            self._drawn.clear()

    def _beginning(self) -> int:
        vocabulary = self.model.vocabulary
        if vocabulary.unknown("\n"):
            return int(self._rng.integers(len(vocabulary)))
        return int(vocabulary.encode("\n")[0])


def pieces(length: int, size: int) -> Iterator[slice]:
    """The pieces of a text that is read from its start.

    The first has a character more, which follows nothing: so all predict equally many, and a step
    of adaptation ends where a piece does.
    """
    bounds = [0, *range(size + 1, length, size), length]
    return (slice(*pair) for pair in itertools.pairwise(bounds))


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
    if not stops:
        yield from items
        return
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
