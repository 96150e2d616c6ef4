"""A mixture of networks and counts: it predicts a text while it learns whom to believe.

Counts of contexts, of 1 to 7 characters and of the word so far, go on counting while they read, as
in compressors of the PAQ family (Mahoney 2005); a logistic mixer weighs them and the networks, and
learns its weights from every decision.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.compute.base import Engine
from recurra.models.adaptation.reader import AdaptiveReader
from recurra.models.evaluation import Loss, Text
from recurra.text.corpus import predictable
from recurra.text.vocabulary import Vocabulary

Array = NDArray[Any]

# Contexts: so many characters; -1 is the word.
ORDERS = (1, 2, 3, 4, 5, 7, -1)
# What the mixer begins with: parts of the logits of all counts, of all networks beside counts.
_COUNTS, _BESIDE_NETWORKS, _NETWORKS = 1.75, 0.4, 0.6
# A table of each context has 2^22 places at most, and at least 4 for each character.
_BITS = 22


class Member:
    """A network in a mixture.

    Args:
        engine: has its parameters.
        numbers: its number for each character of the mixture's vocabulary, ``(V,)``.
        reader: lets it learn from the text, with the same engine.
    """

    def __init__(
        self, engine: Engine, numbers: Array, reader: AdaptiveReader | None = None
    ) -> None:
        self.engine, self.numbers, self.reader = engine, numbers, reader
        self.begin()

    def begin(self) -> None:
        """Begin a text, from zeros on."""
        self._state = self.engine.zero_state(1)

    def predict(self, piece: Text) -> Array:
        """``ln p`` of all characters ``(n, V)`` after each of the first n, then learn from them.

        Args:
            piece: ``(n + 1,)``, as the mixture numbers its characters.
        """
        own = self.numbers[piece].astype(np.int32)
        log_p, state = self.engine.log_probabilities(own[:-1], self._state)
        if self.reader is not None:
            _, state = self.reader.read(own, self._state)
        self._state = state
        return log_p[:, self.numbers]


class Mixture:
    """Members whose predictions become one.

    Args:
        vocabulary: the characters, by frequency if decisions are to be few.
        members: networks; there may be none.
        training: what the counts begin with; None: no counts.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        members: Sequence[Member] = (),
        training: Sequence[Text] | None = None,
    ) -> None:
        from recurra.compute.numba.kernels.mixing import LIMIT, mix

        self._kernel = mix
        self.members = tuple(members)
        size, texts = len(vocabulary), training or ()
        frequency = np.bincount(np.concatenate([np.zeros(0, np.int32), *texts]), minlength=size)
        self._nodes = decisions(frequency)
        self._orders = np.array(ORDERS if training is not None else (), np.int64)
        self._is_word = np.array([c.isalpha() or c in "'’" for c in vocabulary.characters])
        contexts, nodes = len(self._orders), len(self._nodes)
        bits = min(_BITS, 2 + int(frequency.sum()).bit_length())
        # what it learns: the tables, what their counts mean, the mixer's weights, its clock
        marks = np.zeros((contexts, 1 << bits), np.uint32)
        counts = np.zeros((contexts, 1 << bits, 2), np.uint8)
        a, b = np.indices((LIMIT + 1, LIMIT + 1))
        maps = np.tile((b + 0.4) / (a + b + 0.8), (contexts, 1, 1))
        weights = np.zeros(contexts + len(self.members) + 1)
        weights[:contexts] = _COUNTS / max(1, contexts)
        among = (_NETWORKS if contexts else 1.0) / max(1, len(self.members))
        weights[contexts:-1] = among
        self._learned: list[Array] = [
            *(marks, counts, maps, np.zeros_like(maps)),
            *(np.tile(weights, (contexts + 1, 1)), np.tile(weights, (nodes, 1))),
            np.zeros(1, np.int64),
        ]
        nobody = np.zeros((len(self.members), 0, size + 1))
        for text in texts:
            self._mix(text, 1, nobody, len(text) - 1)
        if contexts and self.members:
            for mixer in self._learned[4:6]:
                mixer[:, :contexts] *= _BESIDE_NETWORKS
        self._begin = [array.copy() for array in self._learned]

    def restart(self) -> None:
        """Forget all that was learned since it was made."""
        for array, begin in zip(self._learned, self._begin, strict=True):
            array[...] = begin
        for member in self.members:
            if member.reader is not None:
                member.reader.restart()

    def losses(
        self, text: Text, piece: int = 20, progress: Callable[[int], object] | None = None
    ) -> Array:
        """``-ln p`` of every character of a text but the first, ``(n - 1,)``; it learns from each.

        Args:
            text: ``(n,)``.
            piece: characters that networks predict before they learn from them.
            progress: called again and again with the characters done so far.
        """
        for member in self.members:
            member.begin()
        found = []
        for begin in range(1, len(text), piece):
            end = min(begin + piece, len(text))
            sums = np.zeros((len(self.members), end - begin, len(self._is_word) + 1))
            for own, member in zip(sums, self.members, strict=True):
                p = np.exp(member.predict(text[begin - 1 : end]).astype(np.float64))
                np.cumsum(p, axis=1, out=own[:, 1:])
            found.append(self._mix(text, begin, sums, end - begin))
            if progress is not None:
                progress(end - 1)
        return np.concatenate([np.zeros(0), *found])

    def loss(
        self,
        texts: Sequence[Text],
        piece: int = 20,
        progress: Callable[[int], object] | None = None,
    ) -> Loss:
        """The loss over all of ``texts``, one after the other, after a `restart`.

        Args:
            texts, piece: see `losses`.
            progress: called again and again with the characters done so far.
        """
        self.restart()
        nats, characters = 0.0, 0

        def report(done: int) -> None:
            if progress is not None:
                progress(characters + done)

        for text in predictable(texts):
            nats += float(self.losses(text, piece, report).sum())
            characters += len(text) - 1
        return Loss(nats, characters)

    def _mix(self, text: Text, begin: int, sums: Array, count: int) -> Array:
        losses = np.zeros(max(0, count))
        fixed = self._nodes, self._orders, self._is_word
        self._kernel(text, begin, *fixed, sums, *self._learned, losses)
        return losses


def decisions(frequency: Array) -> Array:
    """A tree of yes-no decisions that leads to each character: frequent ones need fewer.

    Each decision cuts a run of characters where both parts are about as frequent.

    Args:
        frequency: of each character, ``(V,)``.

    Returns:
        ``(V - 1, 5)``, the first is the root: first, middle and last + 1 character of the run, the
        decision for the part before the middle and for that from it on; c < 0: character -1 - c.
    """
    below = np.concatenate([[0.0], np.cumsum(frequency + 0.5)])
    nodes = np.zeros((len(frequency) - 1, 5), np.int32)
    waiting, count = [(0, len(frequency), -1, 0)], 0
    while waiting:
        low, high, parent, answer = waiting.pop()
        if high - low == 1:
            number = -1 - low
        else:
            number, count = count, count + 1
            middle = np.abs(below[low + 1 : high] - (below[low] + below[high]) / 2).argmin()
            middle = low + 1 + int(middle)
            nodes[number, :3] = low, middle, high
            waiting += [(middle, high, number, 4), (low, middle, number, 3)]
        if parent >= 0:
            nodes[parent, answer] = number
    return nodes
