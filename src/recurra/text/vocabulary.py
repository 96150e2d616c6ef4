"""Characters as numbers: the vocabulary, and the streams that training reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.errors import TextError
from recurra.text.code_points import census, characters, code_points

PIECE = 2**20  # characters of a text that are looked at together: between pieces Ctrl-C is heard
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Vocabulary:
    """The characters that a model knows; a character's number is its place.

    Attributes:
        characters: each once, at least one. Where the softmax has a shortlist, its first ones are
            on it: `from_texts` puts the most frequent first.

    Raises:
        TextError: no character, or one that is there twice.
    """

    characters: str

    def __post_init__(self) -> None:
        if not 0 < len(self.characters) == len(set(self.characters)):
            raise TextError(
                "a vocabulary must have its characters each once: this one is empty or was edited; "
                "restore it, or build it with Vocabulary.from_texts"
            )

    @classmethod
    def from_texts(cls, *texts: str, held_out: Iterable[str] = ()) -> "Vocabulary":
        """All characters: the most frequent in the texts first, then those only held out."""
        return cls.from_census(*(census(code_points("".join(all_))) for all_ in (texts, held_out)))

    @classmethod
    def from_census(cls, training: Array, held_out: Array) -> "Vocabulary":
        """All characters, in the order of `from_texts`.

        Args:
            training, held_out: how often each code point occurs; as long as each other.
        """
        occurring = np.flatnonzero(training)
        occurring = occurring[np.argsort(-training[occurring], kind="stable")]  # ties by code
        others = np.flatnonzero((held_out > 0) & (training == 0))
        return cls("".join(map(chr, (*occurring, *others))))

    def __len__(self) -> int:
        return len(self.characters)

    @cached_property
    def _points(self) -> npt.NDArray[np.uint32]:
        return code_points(self.characters)

    @cached_property
    def _numbers(self) -> npt.NDArray[np.int32]:
        """Number of every code point up to the first one past the highest known; -1: unknown."""
        numbers = np.full(int(self._points.max()) + 2, -1, np.int32)
        numbers[self._points] = np.arange(len(self), dtype=np.int32)
        return numbers

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """The number of each character, shape (len(text),).

        Raises:
            TextError: the text has characters that the vocabulary lacks; it names the first few.
        """
        return self.number(code_points(text))

    def number(self, points: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:
        """The number of the character of each code point; see `encode`."""
        numbers = self._numbers[np.minimum(points, len(self._numbers) - 1)]
        if numbers.min(initial=0) < 0:
            unknown = [chr(point) for point in dict.fromkeys(points[numbers < 0].tolist())]
            named = ", ".join(f"{one!r} (U+{ord(one):04X})" for one in unknown[:8])
            more = f" and {len(unknown) - 8:,} more" if len(unknown) > 8 else ""
            raise TextError(
                f"the model's vocabulary lacks {named}{more}: leave these characters out, or "
                "train on a text that has them"
            )
        return numbers

    def count(self, census: Array) -> Array:
        """How often each character occurs, by its number.

        Args:
            census: how often each code point does, up to the highest that occurs.
        """
        return np.append(census, 0)[np.minimum(self._points, len(census))]

    def decode(self, numbers: npt.ArrayLike) -> str:
        """The text of a row of numbers."""
        return characters(self._points[np.asarray(numbers, np.intp)])

    def unknown(self, text: str) -> list[str]:
        """The characters of the text that the vocabulary lacks, once each, as they appear."""
        known, found = frozenset(self.characters), dict[str, None]()
        for begin in range(0, len(text), PIECE):
            found |= dict.fromkeys(text[begin : begin + PIECE])
        return [one for one in found if one not in known]

    def known(self, text: str) -> str:
        """The text without the characters that the vocabulary lacks."""
        without = dict.fromkeys(map(ord, self.unknown(text)))
        pieces = (text[begin : begin + PIECE] for begin in range(0, len(text), PIECE))
        return "".join(piece.translate(without) for piece in pieces) if without else text
