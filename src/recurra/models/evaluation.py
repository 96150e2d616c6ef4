"""How well a model predicts text: nats per character, streamed or from cold windows.

*Streamed* carries the state through each whole file; *windows* starts from zeros every N
characters, as nanoGPT evaluates. Both look at every character of a part of a corpus but the first
of each file, which is context only.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recurra.compute.base import Engine, Weights
from recurra.errors import TextError
from recurra.text.corpus import predictable

Text = NDArray[np.int32]

# Bounds of what one call of the engine holds: its logits are ROWS x vocabulary numbers.
_ROWS = 2048
_BATCH = 64


@dataclass(frozen=True)
class Loss:
    """The summed loss over so many characters."""

    nats: float
    characters: int

    @classmethod
    def of(cls, losses: Sequence[NDArray[Any]]) -> Self:
        """Sum the losses of characters, an array for each text."""
        nats = sum(float(of_text.sum(dtype=np.float64)) for of_text in losses)
        return cls(nats, sum(map(len, losses)))

    @property
    def nats_per_char(self) -> float:
        """Mean of -ln p."""
        return self.nats / self.characters

    @property
    def bits_per_char(self) -> float:
        """Mean of -log2 p."""
        return self.nats_per_char / math.log(2.0)

    @property
    def perplexity(self) -> float:
        """How many characters the model is torn between: ``exp(nats_per_char)``."""
        return math.exp(min(self.nats_per_char, 700.0))


def cut(texts: Sequence[Text], length: int, limit: int | None = None) -> tuple[Text, ...]:
    """Consecutive pieces that predict ``length`` characters each, a file's last one fewer.

    A piece's first character is context only: the last that the piece before predicted.

    Args:
        texts: one array per file.
        length: characters to predict in a piece.
        limit: keep at most ``limit // length`` pieces (but one), evenly spread.
    """
    pieces = tuple(
        text[start : start + length + 1]
        for text in texts
        for start in range(0, len(text) - 1, length)
    )
    kept = max(1, limit // length) if limit is not None else len(pieces)
    if kept >= len(pieces):
        return pieces
    return tuple(pieces[i * len(pieces) // kept] for i in range(kept))


def evaluate(
    engine: Engine,
    texts: Sequence[Text],
    windows: int | None = None,
    progress: Callable[[int], object] | None = None,
    weights: Weights = "parameter",
) -> Loss:
    """The loss over all of ``texts``; the model's state is zeros at the start of each.

    Texts are read side by side where there are several: each has its own state, so the result is
    that of one after the other, to rounding.

    Args:
        engine: computes the losses.
        texts: one array of character numbers per file.
        windows: start from zeros every so many characters too.
        progress: called again and again with the characters done so far; what it raises ends the
            evaluation.
        weights: which of the engine's parameters.

    Raises:
        TextError: no text has the two characters that it takes to predict one.
    """
    if windows is not None:
        texts = cut(texts, windows)
    if not predictable(texts):
        raise TextError(
            "nothing to evaluate: the text has fewer than two characters; give a longer text, "
            "or a split with a larger part for it"
        )
    return Loss.of(character_losses(engine, texts, progress, weights))


def character_losses(
    engine: Engine,
    texts: Sequence[Text],
    progress: Callable[[int], object] | None = None,
    weights: Weights = "parameter",
) -> list[NDArray[Any]]:
    """``-log p`` of every character but the first of each text, streamed; see `evaluate`."""
    losses, reading = stream_losses(engine, texts, weights)
    for done in reading:
        if progress is not None:
            progress(done)
    return losses


def stream_losses(
    engine: Engine, texts: Sequence[Text], weights: Weights = "parameter"
) -> tuple[list[NDArray[Any]], Iterator[int]]:
    """``-log p`` of every character but the first of each text, piece by piece; see `evaluate`.

    Returns:
        Arrays that are filled while the iterator runs, which yields the characters done so far.
    """
    losses = [np.empty(max(0, len(text) - 1), engine.dtype) for text in texts]
    return losses, _fill(engine, texts, losses, weights)


def _fill(
    engine: Engine, texts: Sequence[Text], losses: Sequence[NDArray[Any]], weights: Weights
) -> Iterator[int]:
    longest_first, before = sorted(range(len(texts)), key=lambda i: -len(texts[i])), 0
    for i in range(0, len(texts), _BATCH):
        batch = longest_first[i : i + _BATCH]
        own, found = [texts[n] for n in batch], [losses[n] for n in batch]
        for position in _side_by_side(engine, own, found, weights):
            yield before + sum(min(position, len(of_text)) for of_text in found)
        before += sum(map(len, found))


def _side_by_side(
    engine: Engine, texts: Sequence[Text], losses: Sequence[NDArray[Any]], weights: Weights
) -> Iterator[int]:
    """Fill in the losses of texts given longest first; those that end leave the batch.

    Yields:
        The characters of each text that are done.
    """
    position, reading = 0, len(predictable(texts))
    state = engine.zero_state(reading)
    while reading:
        texts = texts[:reading]
        end = min(len(texts[-1]) - 1, position + max(1, _ROWS // reading))
        inputs = np.stack([t[position:end] for t in texts], axis=1)
        targets = np.stack([t[position + 1 : end + 1] for t in texts], axis=1)
        # A model gone wrong has an infinite loss, or none: that is a result, not a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            found, state = engine.losses(inputs, targets, state, weights)
        for column, of_text in zip(found.T, losses, strict=False):
            of_text[position:end] = column
        position = end
        reading = sum(len(t) - 1 > position for t in texts)
        yield position
