"""How the next character is drawn from a model's distribution."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.errors import SettingError

Array = npt.NDArray[Any]


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
        """Probabilities to draw from, (..., V) float64, given log probabilities (..., V)."""
        if self.temperature == 0.0:
            certain = np.zeros(log_p.shape)
            np.put_along_axis(certain, log_p.argmax(-1, keepdims=True), 1.0, -1)
            return certain
        relative = log_p.astype(np.float64) - log_p.max(-1, keepdims=True)
        with np.errstate(over="ignore"):
            p = np.exp(relative / self.temperature)
        if self.top_k is not None or self.top_p is not None:
            likeliest = np.argsort(-p, axis=-1, kind="stable")
            np.put_along_axis(p, likeliest[..., self.top_k or p.shape[-1] :], 0.0, -1)
            # enough is kept once what is likelier already reaches top_p
            falling = np.take_along_axis(p, likeliest, -1)
            likelier = falling.cumsum(-1) - falling
            falling[likelier >= (self.top_p or math.inf) * p.sum(-1, keepdims=True)] = 0.0
            np.put_along_axis(p, likeliest, falling, -1)
        probabilities: Array = p / p.sum(-1, keepdims=True)
        return probabilities

    def draw(self, log_p: Array, uniform: float) -> int:
        """The character that a number of [0, 1) picks; -1 if there is no finite distribution."""
        if not np.isfinite(log_p).all():
            return -1
        cumulative = self.probabilities(log_p).cumsum()
        return int(np.searchsorted(cumulative[:-1], uniform * cumulative[-1], "right"))
