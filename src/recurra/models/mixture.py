"""A mixture of networks and counts: it predicts a text while it learns whom to believe.

Counts of contexts, of characters and of words, go on counting while they read, as in compressors of
the PAQ family (Mahoney 2005); a logistic mixer weighs them and the networks, and learns its weights
from every decision.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.compute.base import Engine
from recurra.models.adaptation.reader import AdaptiveReader
from recurra.models.evaluation import Loss, Text, character_losses
from recurra.text.corpus import predictable
from recurra.text.vocabulary import Vocabulary

Array = NDArray[Any]

# Each context: so many characters, before so many that are skipped; or the word so far, with the
# last word (1) or the one before it (2), and so many characters before that; -1: no word.
CONTEXTS = (
    *((characters, 0, -1) for characters in (1, 2, 3, 4, 5, 6)),
    *((2, 1, -1), (0, 0, 0), (2, 0, 0), (0, 0, 1), (0, 0, 2)),
)
# What the mixer begins with: parts of the logits of all counts, of all networks beside counts.
_COUNTS, _BESIDE_NETWORKS, _NETWORKS = 1.75, 0.5, 0.5
# A table of each context has 2^22 places at most, and at least 4 for each character.
_BITS = 22
# Characters counted in one call, which hears no Ctrl-C.
_AT_ONCE = 20_000


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

    def next(self, number: int) -> Array:
        """``ln p`` of all characters ``(V,)`` after one more character, which teaches nothing."""
        own = self.numbers[[number]].astype(np.int32)
        log_p, self._state = self.engine.next_log_probabilities(own, self._state)
        following: Array = log_p[0, self.numbers]
        return following

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
        piece: characters that networks predict before they learn from them.
        progress: called again and again with the characters counted so far.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        members: Sequence[Member] = (),
        training: Sequence[Text] | None = None,
        piece: int = 64,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        from recurra.compute.numba.kernels.mixing import LIMIT

        self.members, self.piece = tuple(members), piece
        size, texts = len(vocabulary), training or ()
        frequency = np.bincount(np.concatenate([np.zeros(0, np.int32), *texts]), minlength=size)
        self._nodes = decisions(frequency)
        kinds = CONTEXTS if training is not None else ()
        self._kinds = np.array(kinds, np.int64).reshape(-1, 3)
        self._is_word = np.array([c.isalpha() or c in "'’" for c in vocabulary.characters])
        contexts, nodes = len(self._kinds), len(self._nodes)
        bits = min(_BITS, 2 + int(frequency.sum()).bit_length())
        # what it learns: the tables, what their counts mean, the mixer's weights, its clock
        marks = np.zeros((contexts, 1 << bits), np.uint32)
        counts = np.zeros((contexts, 1 << bits, 2), np.uint8)
        a, b = np.indices((LIMIT + 1, LIMIT + 1))
        maps = np.tile((b + 0.4) / (a + b + 0.8), (contexts, 1, 1))
        weights = np.zeros(2 * contexts + len(self.members) + 1)
        weights[: 2 * contexts] = _COUNTS / max(1, 2 * contexts)
        among = (_NETWORKS if contexts else 1.0) / max(1, len(self.members))
        weights[2 * contexts : -1] = among
        self._learned: list[Array] = [
            *(marks, counts, maps, np.zeros_like(maps)),
            *(np.tile(weights, (sets, 1)) for sets in (contexts + 1, nodes, size)),
            np.zeros(1, np.int64),
        ]
        nobody, counted = np.zeros((len(self.members), 0, size + 1)), 0
        for text in texts:
            for start in range(1, len(text), _AT_ONCE):
                count = min(_AT_ONCE, len(text) - start)
                self._mix(text, start, nobody, count)
                counted += count
                if progress is not None:
                    progress(counted)
        if contexts and self.members:
            for mixer in self._learned[4:7]:
                mixer[:, : 2 * contexts] *= _BESIDE_NETWORKS

    def losses(self, text: Text, progress: Callable[[int], object] | None = None) -> Array:
        """``-ln p`` of every character of a text but the first, ``(n - 1,)``; it learns from each.

        Args:
            text: ``(n,)``.
            progress: called again and again with the characters done so far.
        """
        for member in self.members:
            member.begin()
        return self.read(text, 1, progress)

    def read(
        self, text: Text, begin: int, progress: Callable[[int], object] | None = None
    ) -> Array:
        """``-ln p`` of ``text[begin:]``, read on after all that was read; it learns from each.

        Args:
            text: ``(n,)``; what stands before ``begin``, 1 or more, is context only, and the
                networks have read it all but for its last character.
            begin: the first character that is new.
            progress: see `losses`.
        """
        found = []
        for start in range(begin, len(text), self.piece):
            end = min(start + self.piece, len(text))
            sums = self._sums([m.predict(text[start - 1 : end]) for m in self.members], end - start)
            found.append(self._mix(text, start, sums, end - start))
            if progress is not None:
                progress(end - 1)
        return np.concatenate([np.zeros(0), *found])

    def log_probabilities(self, text: Text) -> Array:
        """``ln p`` of every character after a text, ``(V,)``; nothing is learned.

        Args:
            text: ``(n,)``; its last character is the next that the networks read.
        """
        from recurra.compute.numba.kernels.mixing import predict

        p = np.empty(len(self._is_word))
        sums = self._sums([member.next(int(text[-1]))[None] for member in self.members], 1)
        believed = *self._learned[:3], *self._learned[4:7]
        predict(text, self._nodes, self._kinds, self._is_word, sums[:, 0], *believed, p)
        return np.log(p)

    def _sums(self, predictions: Sequence[Array], count: int) -> Array:
        """Sums of probabilities ``(K, n, V + 1)`` of predictions ``(n, V)`` of each network."""
        sums = np.zeros((len(self.members), count, len(self._is_word) + 1))
        for own, log_p in zip(sums, predictions, strict=True):
            np.cumsum(np.exp(log_p.astype(np.float64)), axis=1, out=own[:, 1:])
        return sums

    def loss(self, texts: Sequence[Text], progress: Callable[[int], object] | None = None) -> Loss:
        """The loss over all of ``texts``, one after the other; then it forgets them.

        Args:
            texts: one array of characters per file.
            progress: called again and again with the characters done so far.
        """
        nats, characters = 0.0, 0
        begin = [array.copy() for array in self._learned]

        def report(done: int) -> None:
            if progress is not None:
                progress(characters + done)

        for text in predictable(texts):
            nats += float(self.losses(text, report).sum())
            characters += len(text) - 1
        self._learned = begin
        for member in self.members:
            if member.reader is not None:
                member.reader.restart()
        return Loss(nats, characters)

    def mean_loss(
        self, texts: Sequence[Text], progress: Callable[[int], object] | None = None
    ) -> Loss:
        """The loss of the mean of the networks' predictions: no counts, and nothing is learned.

        Args:
            texts: one array of characters per file.
            progress: called again and again with the characters that one network has done so far.
        """
        log_p = []
        for member in self.members:
            own = [member.numbers[text].astype(np.int32) for text in texts]
            losses = character_losses(member.engine, own, progress)
            log_p.append(-np.concatenate(losses, dtype=np.float64))
        return Loss.of([math.log(len(log_p)) - np.logaddexp.reduce(log_p)])

    def _mix(self, text: Text, begin: int, sums: Array, count: int) -> Array:
        from recurra.compute.numba.kernels.mixing import mix

        losses = np.zeros(count)
        fixed = self._nodes, self._kinds, self._is_word
        mix(text, begin, *fixed, sums, *self._learned, losses)
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
