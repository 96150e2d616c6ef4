"""Contract of an optimiser, its settings, and the clipping that comes before every step."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = dict[str, Array]
# The line of a rule for whole matrices before and after which each number is changed by itself.
ORTHOGONAL = "d = orthogonal(z)"


@dataclass(frozen=True)
class OptimizerSettings:
    """Which optimiser, and its constants.

    Attributes:
        kind: its name in the registry, such as "adagrad", "adamw" or "muon", or your own.
        eps: keeps the division by a root of squared gradients finite.
        eps_inside_root: divide by ``sqrt(v + eps)``, not by ``sqrt(v) + eps``.
        beta1: decay of the mean gradient (Adam, AdamW, Muon).
        beta2: decay of the mean squared gradient (RMSprop, Adam, AdamW, Muon).
        momentum: decay of the summed updates (SGD, RMSprop); 0 is none.
        weight_decay: pulls matrices, never biases, towards zero. AdamW and Muon shrink the
            weights themselves; every other kind adds ``weight_decay * weights`` to the gradient.
        clip_value: every element of the gradients is cut to [-clip_value, clip_value].
        clip_norm: gradients whose norm over all parameters is larger are scaled down to it.
    """

    kind: str = "adamw"
    eps: float = 1e-8
    eps_inside_root: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    momentum: float = 0.0
    weight_decay: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None

    @property
    def eps_parts(self) -> dict[str, float]:
        """``eps`` as constants of a kernel, inside and outside of the root: one of them is 0."""
        inside, outside = (self.eps, 0.0) if self.eps_inside_root else (0.0, self.eps)
        return {"eps_inside": inside, "eps_outside": outside}


class Optimizer(ABC):
    """An update rule without memory of its own: engines keep the slots.

    A rule is written twice, side by side: `direction` in NumPy, which is the definition, and
    `kernel`, the same for one number, which engines compile. A test compares the two.

    Attributes:
        name: what settings and recipes call it.
        decoupled_decay: weight decay shrinks the weights themselves, as in AdamW; else it is
            added to the gradient.
        matrix_kernel: the rule of `matrix_operand` and `matrix_direction`, if there are such: as
            `kernel`, with the line ``d = orthogonal(z)`` between them, after which p changes.
        matrix_interval: a matrix with that rule changes at every so many steps, others at others.
        settings: the constants.
    """

    name: ClassVar[str]
    decoupled_decay: ClassVar[bool] = False
    matrix_kernel: ClassVar[str] = ""
    matrix_interval: ClassVar[int] = 1

    def __init__(self, settings: OptimizerSettings) -> None:
        self.settings = settings

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays that are kept for every parameter, zeros at first."""

    @abstractmethod
    def direction(self, gradient: Array, slots: Mapping[str, Array], update: int) -> Array:
        """Return ``d`` of ``p = p - rate * d``, after the slots were changed in place.

        Args:
            gradient: clipped, with weight decay; not to be changed.
            slots: those of one parameter, of the gradient's shape.
            update: 1 at the first step.
        """

    def matrix_operand(self, gradient: Array, slots: Mapping[str, Array], update: int) -> Array:
        """Return z of `matrix_direction`, after the slots were changed in place, at every step.

        Args:
            gradient: of a whole matrix between vectors, or of one block of a block-diagonal one.
            slots, update: see `direction`.
        """
        raise NotImplementedError(f"{self.name} has no rule for whole matrices")

    def matrix_direction(self, z: Array) -> Array:
        """Return ``d`` of ``p = p - rate * d`` for a whole matrix, at the steps that change it."""
        raise NotImplementedError(f"{self.name} has no rule for whole matrices")

    def changes(self, place: int, update: int) -> bool:
        """Whether a step changes the matrix in this place, from 0, of those between vectors."""
        return (update + place) % self.matrix_interval == 0

    @property
    @abstractmethod
    def kernel(self) -> str:
        """Assignments that change ``p`` and the slots, for one number each.

        They may read ``p``, the gradient ``g``, the slots, and `constants` by name, and call
        ``sqrt``. Other numbers had better be constants too: those have the parameters' float type.
        """

    @abstractmethod
    def constants(self, rate: float, update: int) -> dict[str, float]:
        """Numbers that `kernel` reads by name, in a fixed order; see `direction`."""

    def mean_squares(self, slots: Mapping[str, Array], updates: int) -> Array | None:
        """The mean square of the gradients so far, number by number; None where none is kept.

        Args:
            slots: those of one parameter, after so many updates.
            updates: 1 or more.
        """
        return None

    @property
    def ignores_zeros(self) -> bool:
        """Whether a zero gradient changes neither parameter nor slots, weight decay aside."""
        return False

    def update(
        self,
        parameters: Arrays,
        gradients: Arrays,
        slots: Arrays,
        rate: float,
        update: int,
        matrices: Mapping[str, int] = MappingProxyType({}),
    ) -> float:
        """Clip the gradients and take one step; the norm that `clip` returns.

        Args:
            parameters: changed in place.
            gradients: changed in place.
            slots: ``"NAME/SLOT"`` -> array; changed in place.
            rate: the learning rate.
            update: 1 at the first step.
            matrices: those between vectors -> number of their blocks, one below the other.
        """
        s = self.settings
        norm = clip(gradients, s)
        for name, value in parameters.items():
            gradient = gradients[name]
            decay = s.weight_decay if value.ndim > 1 else 0.0
            if self.decoupled_decay:
                value *= 1.0 - rate * decay
            elif decay:
                gradient += decay * value
            own = {slot: slots[f"{name}/{slot}"] for slot in self.slots}
            if not (self.matrix_kernel and name in matrices):
                value -= rate * self.direction(gradient, own, update)
                continue
            changes = self.changes([*matrices].index(name), update)
            height = len(value) // matrices[name]
            for block in (slice(i, i + height) for i in range(0, len(value), height)):
                of_block = {slot: array[block] for slot, array in own.items()}
                z = self.matrix_operand(gradient[block], of_block, update)
                if changes:
                    value[block] -= rate * self.matrix_direction(z)
        return norm

    def divisor(self, squares: Array) -> Array:
        """``sqrt(squares)``, kept above zero by ``eps``."""
        s = self.settings
        root: Array = np.sqrt(squares + s.eps) if s.eps_inside_root else np.sqrt(squares) + s.eps
        return root


def move_mean(mean: Array, value: Array, beta: float) -> None:
    """``mean = beta mean + (1 - beta) value``, in place."""
    mean *= beta
    mean += (1.0 - beta) * value


def gradient_norm(gradients: Arrays) -> float:
    """The Euclidean norm of all gradients taken as one vector."""
    # in float64: squares of large float32 numbers are infinite
    return math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients.values()))


def clip(gradients: Arrays, settings: OptimizerSettings) -> float:
    """Cut gradients in place: first each element by value, then all together by norm.

    Returns:
        The norm of all between the two cuts.
    """
    if settings.clip_value is not None:
        for gradient in gradients.values():
            np.clip(gradient, -settings.clip_value, settings.clip_value, out=gradient)
    norm = gradient_norm(gradients)
    if settings.clip_norm is not None and norm > settings.clip_norm:
        for gradient in gradients.values():
            gradient *= settings.clip_norm / norm
    return norm
