"""How gradients change parameters: clipping, then Adagrad, SGD, RMSprop, Adam or AdamW.

Plain NumPy and the living definition: an engine may fuse these lines with its gradients, but has
to end with the same numbers. The formulas and names are those of ``torch.optim``.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.compute.arrays import aligned_zeros

Arrays = dict[str, NDArray[Any]]

# What each kind remembers of a parameter's past gradients.
SLOTS = {
    "adagrad": ("accumulator",),
    "sgd": ("momentum",),
    "rmsprop": ("v", "momentum"),
    "adam": ("m", "v"),
    "adamw": ("m", "v"),
}


@dataclass(frozen=True)
class OptimizerSettings:
    """Which update, and its constants.

    Attributes:
        kind: "adagrad", "sgd", "rmsprop", "adam" or "adamw".
        eps: keeps the division by a root of squared gradients finite.
        eps_inside_root: divide by ``sqrt(v + eps)``, not by ``sqrt(v) + eps``.
        beta1: decay of the mean gradient (Adam, AdamW).
        beta2: decay of the mean squared gradient (RMSprop, Adam, AdamW).
        momentum: decay of the summed updates (SGD, RMSprop); 0 is none.
        weight_decay: pulls matrices, never biases, towards zero. AdamW shrinks the weights
            themselves; every other kind adds ``weight_decay * weights`` to the gradient.
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
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays kept for every parameter."""
        unused = "momentum" if self.momentum == 0.0 else ""
        return tuple(slot for slot in SLOTS[self.kind] if slot != unused)

    @property
    def eps_parts(self) -> tuple[float, float]:
        """``eps`` as (inside, outside) of the root: one of them is 0."""
        return (self.eps, 0.0) if self.eps_inside_root else (0.0, self.eps)


def gradient_norm(gradients: Arrays) -> float:
    """The Euclidean norm of all gradients taken as one vector."""
    # in float64: squares of large float32 numbers are infinite
    return math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients.values()))


def clip(gradients: Arrays, settings: OptimizerSettings) -> None:
    """Cut gradients in place: first each element by value, then all together by norm."""
    if settings.clip_value is not None:
        for gradient in gradients.values():
            np.clip(gradient, -settings.clip_value, settings.clip_value, out=gradient)
    if settings.clip_norm is not None:
        norm = gradient_norm(gradients)
        if norm > settings.clip_norm:
            for gradient in gradients.values():
                gradient *= settings.clip_norm / norm


class Optimizer:
    """Updates parameters in place and keeps what it has to remember between updates.

    Attributes:
        settings: which update.
        count: updates so far.
        slots: ``"NAME/accumulator"``, ``"NAME/m"``, ...: one array of the parameter's shape each.

    Args:
        settings: which update.
        parameters: only their names, shapes and types matter.
    """

    def __init__(self, settings: OptimizerSettings, parameters: Arrays) -> None:
        self.settings = settings
        self.count = 0
        self.slots = {
            f"{name}/{slot}": aligned_zeros(value.shape, value.dtype, quarter)
            for name, value in parameters.items()
            for quarter, slot in enumerate(settings.slots, 1)
        }

    def update(self, parameters: Arrays, gradients: Arrays, rate: float) -> None:
        """Clip the gradients and take one step; both dictionaries' arrays are changed in place."""
        s = self.settings
        self.count += 1
        clip(gradients, s)
        for name, value in parameters.items():
            gradient = gradients[name]
            decay = s.weight_decay if value.ndim > 1 else 0.0
            if s.kind == "adamw":
                value *= 1.0 - rate * decay
            elif decay:
                gradient += decay * value
            value -= rate * self._direction(name, gradient)

    def _direction(self, name: str, g: NDArray[Any]) -> NDArray[Any]:
        s = self.settings
        if s.kind == "adagrad":
            accumulator = self.slots[f"{name}/accumulator"]
            accumulator += g * g
            g = g / self._root(accumulator)
        elif s.kind in ("adam", "adamw"):
            m, v = self.slots[f"{name}/m"], self.slots[f"{name}/v"]
            _decay(m, g, s.beta1)
            _decay(v, g * g, s.beta2)
            unbiased = v / (1.0 - s.beta2**self.count)
            g = m / (1.0 - s.beta1**self.count) / self._root(unbiased)
        elif s.kind == "rmsprop":
            v = self.slots[f"{name}/v"]
            _decay(v, g * g, s.beta2)
            g = g / self._root(v)
        if "momentum" in s.slots:
            momentum = self.slots[f"{name}/momentum"]
            momentum *= s.momentum
            momentum += g
            return momentum
        return g

    def _root(self, v: NDArray[Any]) -> NDArray[Any]:
        s = self.settings
        root: NDArray[Any] = np.sqrt(v + s.eps) if s.eps_inside_root else np.sqrt(v) + s.eps
        return root


def _decay(mean: NDArray[Any], value: NDArray[Any], beta: float) -> None:
    mean *= beta
    mean += (1.0 - beta) * value


def learning_rate(
    peak: float, step: int, progress: float, *, warmup: int = 0, final: float = 1.0
) -> float:
    """Linear warm-up times half a cosine.

    Args:
        peak: the highest rate.
        step: updates done so far; the warm-up ends at ``step == warmup - 1``.
        progress: the part of the budget that is used up, 0 to 1, whatever the budget counts.
        warmup: updates until the peak.
        final: the part of the peak that is left at ``progress == 1``; 1 is a constant rate.
    """
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    fall = final + (1.0 - final) * (1.0 + math.cos(math.pi * min(progress, 1.0))) / 2.0
    return peak * rise * fall
