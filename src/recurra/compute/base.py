"""Contract of an engine: what computes a plan's loss, gradients and next characters."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recurra.compute.dropout import Masks, draw_masks
from recurra.compute.optimizers import Optimizer
from recurra.compute.plan import Plan
from recurra.lang.shapes import Shapes

Array = npt.NDArray[Any]
Parameters = dict[str, Array]
State = dict[str, Array]


class Engine(Protocol):
    """The contract of an engine, and what is the same in all.

    Texts are int32 arrays ``(T, B)``, time first: B streams of T characters. A state maps each
    vector that is read at a lag to its last values, ``(lags, B, n)``, oldest first. Losses are
    in nats. Nothing that is passed in is modified, but by :meth:`train_step`.
    """

    plan: Plan
    shapes: Shapes
    dtype: np.dtype[Any]
    sizes: dict[str, int]

    @property
    def cold(self) -> bool:
        """Whether the first step has to compile kernels, which takes seconds."""
        ...

    @property
    def compiling(self) -> str:
        """Name of the kernel that is being compiled; empty if none is."""
        return ""

    def zero_state(self, batch: int) -> State:
        """Zeros: the state before any text."""
        return {
            name: np.zeros((lags, batch, self.sizes[name]), self.dtype)
            for name, lags in self.plan.state.items()
        }

    def dropout_masks(
        self,
        rate: float,
        steps: int,
        batch: int,
        rng: np.random.Generator,
        *,
        same_over_time: bool = False,
    ) -> Masks | None:
        """Masks for one training step; None where nothing is dropped."""
        return draw_masks(
            self.plan, self.shapes, rate, steps, batch, rng, same_over_time=same_over_time
        )

    def loss_and_gradients(
        self,
        parameters: Parameters,
        inputs: Array,
        targets: Array,
        state: State,
        *,
        scale: float = 1.0,
        masks: Masks | None = None,
    ) -> tuple[float, Parameters, State]:
        """Loss summed over all T * B characters, gradients of ``scale`` times it, next state."""
        ...

    def train_step(
        self,
        parameters: Parameters,
        optimizer: Optimizer,
        rate: float,
        inputs: Array,
        targets: Array,
        state: State,
        *,
        scale: float = 1.0,
        masks: Masks | None = None,
    ) -> tuple[float, State]:
        """One optimiser step in place; the loss before it, summed, and the next state."""
        ...

    def losses(
        self, parameters: Parameters, inputs: Array, targets: Array, state: State
    ) -> tuple[Array, State]:
        """``-log p`` of every target, ``(T, B)``, and the next state."""
        ...

    def next_log_probabilities(
        self, parameters: Parameters, inputs: Array, state: State
    ) -> tuple[Array, State]:
        """After one more character each, ``(B,)``: log p of what follows, ``(B, V)``."""
        ...
