"""Continue a text as a mixture of networks and counts would."""

from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.compute.sampling import Sampling
from recurra.models.mixture import Mixture
from recurra.models.model import Model
from recurra.models.writer import Writer

Array = npt.NDArray[Any]

# Characters that are kept, for contexts: three words, and what stands between them.
_KEPT = 128


class MixedWriter(Writer):
    """A mixture in the midst of a text: it learns from what it reads, not from what it writes.

    Args:
        model: the first member; its vocabulary is the mixture's.
        mixture: has read nothing yet.
        sampling, seed: see `Writer`.
    """

    def __init__(
        self,
        model: Model,
        mixture: Mixture,
        sampling: Sampling | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(model, sampling, seed, mixture.members[0].engine)
        self._mixture = mixture
        self._before = np.zeros(0, np.int32)  # the end of what the networks have read

    def _follow(self, numbers: Array) -> None:
        text = np.concatenate([self._before, numbers])
        self._mixture.read(text, len(self._before) + 1)
        self._before = text[:-1][-_KEPT:]

    def _predict(self, text: Array) -> Array:
        return np.stack([self._after(number) for number in text[:-1]])  # this teaches nothing

    def _after(self, last: int) -> Array:
        self._before = np.append(self._before[1 - _KEPT :], np.int32(last))
        return self._mixture.log_probabilities(self._before)

    def _draw_some(self, characters: int) -> None:
        assert self._last is not None
        log_p = self._after(self._last)
        self._drawn.append((self.sampling.draw(log_p, self._rng.random()), log_p))  # one at a time
