"""Batches of a text: the streams that training reads."""

from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.errors import TextError

Array = npt.NDArray[Any]


class Streams:
    """Batches from a text cut into `batch` equal contiguous streams, read side by side.

    Stream s begins at character s * (n // batch). Each step takes the next `seq_len` characters of
    every stream; where fewer than seq_len + 1 are left (the last target needs one more) all streams
    start again. With one stream this is the order of Karpathy's min-char-rnn.

    Args:
        text: (n,) int32, the numbers of the characters; not copied.
        batch: number of streams B.
        seq_len: characters T in a step.

    Attributes:
        position: where in each stream the next step begins; set it to resume.
        steps_per_epoch: steps until the streams start again.

    Raises:
        TextError: a stream is shorter than seq_len + 1.
    """

    def __init__(self, text: npt.NDArray[np.int32], batch: int, seq_len: int) -> None:
        length = len(text) // batch
        if length <= seq_len:
            raise TextError(
                f"the training text has {len(text):,} characters, but one step of {batch:,} "
                f"streams x {seq_len:,} characters needs {batch * (seq_len + 1):,}: give more "
                "text, or a smaller --batch or --seq-len"
            )
        self._text = text[: batch * length].reshape(batch, length).T
        self._seq_len = seq_len
        self.position = 0
        self.steps_per_epoch = (length - 1) // seq_len

    def next(self) -> tuple[Array, Array, bool]:
        """The next step: inputs and targets, (T, B) int32, and whether the streams begin here.

        Where they begin (the very first step too) the caller starts from the zero state.
        """
        if self.position + self._seq_len >= len(self._text):
            self.position = 0
        begin, end = self.position, self.position + self._seq_len
        self.position = end
        inputs, targets = self._text[begin:end], self._text[begin + 1 : end + 1]
        return np.ascontiguousarray(inputs), np.ascontiguousarray(targets), begin == 0
