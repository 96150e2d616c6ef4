"""Settings of dynamic evaluation, and the contract of a rule."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recurra.compute.base import Parameters
from recurra.compute.optimizers.base import Optimizer
from recurra.models.settings import at_least, check_fields, not_negative, setting, switch

# Gradients of a step are scaled down to this norm: no text can throw the weights far.
CLIP_NORM = 5.0


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """How a network learns from what it reads.

    Attributes:
        rule: how gradients change weights: "rms" or "sgd".
        rate: the learning rate; None: found on validation text, else the rule's usual one.
        decay: part of the way back to the trained weights that every step goes; None: as the rate.
        step: characters that are read between two changes of the weights.
        carry: go on from text to text; false: every text begins with the trained weights.

    Raises:
        SettingError: a value that makes no sense.
    """

    rule: str = setting("rms", "how gradients change weights", "a name", bool)
    rate: float | None = not_negative(None, "the learning rate")
    decay: float | None = not_negative(None, "part of the way back that every step goes")
    step: int = at_least(20, "characters read between two changes of the weights")
    carry: bool = switch(True, "go on from text to text; false: every text begins anew")

    def __post_init__(self) -> None:
        check_fields(self)

    def __str__(self) -> str:
        parts = [self.rule]
        parts += [
            f"{n} {getattr(self, n):g}" for n in ("rate", "decay") if getattr(self, n) is not None
        ]
        return ", ".join([*parts, f"{self.step:,} characters a step"])


@dataclass(frozen=True)
class GradientSquares:
    """Mean squares of the gradients in training, number by number.

    Attributes:
        means: parameter -> array of its shape.
        characters: of one step; each gradient is that of the mean loss over so many.
    """

    means: Parameters
    characters: int

    def rms(self, characters: int) -> Parameters:
        """Root mean squares of gradients of the mean loss over another number of characters.

        The variance of a mean of n numbers is 1/n of that of one.
        """
        factor = self.characters / characters
        return {name: np.sqrt(factor * mean) for name, mean in self.means.items()}


class Rule(ABC):
    """How gradients change weights while reading: an optimiser and what its slots begin with.

    Attributes:
        name: what settings call it.
        rates, decays: tried on validation text; the first is the usual one.
    """

    name: ClassVar[str]
    rates: ClassVar[tuple[float, ...]]
    decays: ClassVar[tuple[float, ...]]

    @abstractmethod
    def optimizer(self) -> Optimizer:
        """The optimiser of its steps, called with the learning rate of the settings."""

    @abstractmethod
    def slots(self, squares: GradientSquares | None, decay: float, step: int) -> Parameters:
        """The optimiser's slots before the first step, ``"NAME/SLOT"``; those left out are zeros.

        Args:
            squares: statistics of the gradients in training, where the model has them.
            decay, step: see `Adaptation`.

        Raises:
            SettingError: it cannot do without them.
        """
