"""Engines whose numbers are NumPy arrays: what they all do alike."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import get_args

import numpy as np
import numpy.typing as npt

from recurra.compute.arrays import aligned_zeros
from recurra.compute.base import (
    Array,
    Engine,
    Group,
    Parameters,
    State,
    StepSettings,
    Weights,
    arrays_of,
    check_arrays,
)
from recurra.compute.dropout import Masks
from recurra.compute.plan import Plan
from recurra.lang.shapes import Shapes


class HostEngine(Engine):
    """An engine on NumPy arrays; see `recurra.compute.base.Engine`.

    Arrays are made once and then changed in place: kernels may keep their addresses.
    """

    def __init__(
        self, plan: Plan, shapes: Shapes, dtype: npt.DTypeLike = np.float32, threads: int = 1
    ) -> None:
        super().__init__(plan, shapes, dtype, threads)
        # group -> name -> array
        self.held: dict[str, Parameters] = {group: {} for group in get_args(Group)}

    # -- numbers

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Copy host arrays in; what is not named stays as it is."""
        for group in get_args(Group):
            own = arrays_of(group, arrays)
            held, first = self.held[group], False
            if own and not held and group in get_args(Weights):
                held |= self._zeros(self.shapes.parameters)
                first = True
            check_arrays(group, own, {n: a.shape for n, a in held.items()}, complete=first)
            for name, array in own.items():
                held[name][...] = array

    def dump(self, *groups: Group) -> Parameters:
        """Copies of all arrays of some groups; a group that is not in use has none."""
        return {
            f"{group}/{name}": array.copy()
            for group in groups
            for name, array in self.held[group].items()
        }

    def copy(self, source: Weights, target: Weights) -> None:
        """Set one set of parameters to the numbers of another."""
        self.load({f"{target}/{name}": array for name, array in self.held[source].items()})

    def average(self, weight: float) -> None:
        """``average += weight (parameter - average)``."""
        for name, mean in self.held["average"].items():
            mean += weight * (self.held["parameter"][name] - mean)

    def all_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return all(np.isfinite(p).all() for p in self.held["parameter"].values())

    def _zeros(self, shapes: Mapping[str, tuple[int, ...]], page_offset: int = 0) -> Parameters:
        return {n: aligned_zeros(shape, self.dtype, page_offset) for n, shape in shapes.items()}

    # -- training

    def prepare(self, settings: StepSettings) -> None:
        """Get ready for `step`: optimiser slots and state are zeros after it."""
        super().prepare(settings)
        self.held["optimizer"] = {
            f"{name}/{slot}": aligned_zeros(shape, self.dtype, page_offset)
            for name, shape in self.shapes.parameters.items()
            for page_offset, slot in enumerate(settings.optimizer.slots, 1)
        }
        self.held["state"] = self.zero_state(settings.batch)

    def step(
        self,
        inputs: Array,
        targets: Array,
        rate: float,
        *,
        update: int,
        restarted: bool,
        rng: np.random.Generator,
    ) -> float:
        """Take one training step; the loss before it, summed over all characters."""
        settings, masks = self.settings, self.step_masks(rng)
        state = self.zero_state(settings.batch) if restarted else self.held["state"]
        loss, self.held["state"] = self._train(
            settings, inputs, targets, state, masks, rate, update
        )
        return loss

    @abstractmethod
    def _train(
        self,
        settings: StepSettings,
        inputs: Array,
        targets: Array,
        state: Parameters,
        masks: Masks | None,
        rate: float,
        update: int,
    ) -> tuple[float, Parameters]:
        """Change parameters and slots in place; the loss before it and the next state."""

    # -- state

    def zero_state(self, batch: int) -> Parameters:
        """Zeros: the state before any text."""
        return {n: np.zeros(s, self.dtype) for n, s in self.state_shapes(batch).items()}

    def load_state(self, arrays: Mapping[str, Array]) -> State:
        """A state from host arrays ``(lags, B, n)``."""
        return {name: np.array(array, self.dtype) for name, array in arrays.items()}

    def dump_state(self, state: State) -> Parameters:
        """The host arrays of a state."""
        return {name: array.copy() for name, array in state.items()}
