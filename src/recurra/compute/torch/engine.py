"""The engine on tensors: a CPU, or a GPU, through PyTorch; without its automatic derivatives."""

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch

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
from recurra.compute.torch.cuda import make_programs
from recurra.compute.torch.devices import Tensor, check_dtype, computing, find_device
from recurra.compute.torch.numbers import Numbers
from recurra.compute.torch.output_layer import OutputLayer
from recurra.compute.torch.tape import Tape, Walk
from recurra.compute.torch.training import TrainingStep, backpropagate, device_masks
from recurra.errors import TextError
from recurra.lang.shapes import Shapes


class TorchEngine(Engine):
    """Tensors of PyTorch; see :class:`recurra.compute.base.Engine`.

    Args:
        plan, shapes, dtype: see there.
        threads: of a CPU.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", "xpu" or "mps".

    Raises:
        SettingError: the device is not there, or has no such numbers.
    """

    def __init__(
        self,
        plan: Plan,
        shapes: Shapes,
        dtype: npt.DTypeLike = np.float32,
        threads: int = 1,
        device: str = "auto",
    ) -> None:
        super().__init__(plan, shapes, dtype, threads)
        self.device = find_device(device)
        check_dtype(self.device, self.dtype)
        self._dtype = getattr(torch, self.dtype.name)
        self._walk = Walk(
            plan, self.sizes, self.widths, shapes, make_programs(self.device, self.dtype.name)
        )
        self._output = OutputLayer(shapes)
        self._weights: dict[Weights, Numbers] = {}
        self._step: TrainingStep | None = None

    @classmethod
    def check_device(cls, device: str) -> None:
        """Refuse a device that is not there."""
        find_device(device or "auto")

    # -- numbers

    def _held(self, group: Group) -> dict[str, Tensor]:
        """The arrays of a group, by name."""
        step = self._step
        if group == "optimizer":
            return {
                f"{name}/{slot}": held.arrays[name]
                for name in self.shapes.parameters
                for slot, held in (step.slots if step else {}).items()
            }
        if group == "state":
            return step.state if step else {}
        return self._weights[group].arrays if group in self._weights else {}

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Copy host arrays in; what is not named stays as it is."""
        for group in get_args(Group):
            own = arrays_of(group, arrays)
            held, first = self._held(group), False
            if own and not held and group in get_args(Weights):
                with computing(self.device, self.threads):
                    made = Numbers(self.shapes.parameters, self._dtype, self.device)
                held, first = made.arrays, True
            check_arrays(group, own, {n: tuple(a.shape) for n, a in held.items()}, complete=first)
            if first:
                self._weights[group] = made
            for name, array in own.items():
                held[name].copy_(self._tensor(array))

    def _tensor(self, array: Array) -> Tensor:
        return torch.tensor(np.asarray(array, self.dtype), device=self.device)

    def dump(self, *groups: Group) -> Parameters:
        """Copies of all arrays of some groups; a group that is not in use has none."""
        return {
            f"{group}/{name}": array
            for group in groups
            for name, array in _host(self._held(group)).items()
        }

    def copy(self, source: Weights, target: Weights) -> None:
        """Set one set of parameters to the numbers of another."""
        if target not in self._weights:
            self._weights[target] = Numbers(self.shapes.parameters, self._dtype, self.device)
        self._weights[target].flat.copy_(self._weights[source].flat)

    def average(self, weight: float) -> None:
        """``average += weight (parameter - average)``."""
        if "average" in self._weights:
            mean = self._weights["average"].flat
            mean += weight * (self._weights["parameter"].flat - mean)

    def all_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        arrays = self._weights["parameter"].arrays.values()
        return bool(torch.stack([array.isfinite().all() for array in arrays]).all())

    # -- training

    def prepare(self, settings: StepSettings) -> None:
        """Get ready for `step`: optimiser slots and state are zeros after it."""
        super().prepare(settings)
        with computing(self.device, self.threads):
            state = self.zero_state(settings.batch)
            parameters = self._weights["parameter"]
            self._step = TrainingStep(self._walk, self._output, parameters, settings, dict(state))

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
        masks = self.step_masks(rng)
        assert self._step is not None  # made with the settings
        text = np.stack([self._checked(inputs), self._checked(targets)])
        with computing(self.device, self.threads):
            loss, self.gradient_norm = self._step.take(
                text, masks, rate, update, restarted=restarted
            )
        return loss

    def _checked(self, characters: Array) -> Array:
        if characters.size and not 0 <= characters.min() <= characters.max() < self._vocabulary:
            raise TextError(
                f"a character's number lies outside of the vocabulary of {self._vocabulary}"
            )
        return characters.astype(np.int64)

    @property
    def _vocabulary(self) -> int:
        return self.shapes.vocabulary

    def _characters(self, characters: Array) -> Tensor:
        return torch.from_numpy(self._checked(characters)).to(self.device)

    # -- reading

    def zero_state(self, batch: int) -> State:
        """Zeros: the state before any text."""
        shapes = self.state_shapes(batch)
        return {
            name: torch.zeros(shape, dtype=self._dtype, device=self.device)
            for name, shape in shapes.items()
        }

    def losses(
        self, inputs: Array, targets: Array, state: State, weights: Weights = "parameter"
    ) -> tuple[Array, State]:
        """``-log p`` of every target, ``(T, B)``, and the next state."""
        wanted = self._characters(targets).flatten()
        with computing(self.device, self.threads):
            tape = self._tape(inputs, state, weights)
            losses = self._output.losses(tape, wanted).view(inputs.shape)
            return losses.cpu().numpy(), tape.next_state()

    def next_log_probabilities(
        self, inputs: Array, state: State, weights: Weights = "parameter"
    ) -> tuple[Array, State]:
        """After one more character each, ``(B,)``: log p of what follows, ``(B, V)``."""
        with computing(self.device, self.threads):
            tape = self._tape(inputs[None], state, weights)
            return self._output.log_probabilities(tape).cpu().numpy(), tape.next_state()

    def _tape(
        self, inputs: Array, state: State, weights: Weights, masks: Masks | None = None
    ) -> Tape:
        return Tape(
            self._walk,
            self._weights[weights].arrays,
            self._characters(inputs),
            state,
            device_masks(masks, self._dtype, self.device),
        )

    # -- checks

    def load_state(self, arrays: Mapping[str, Array]) -> State:
        """A state from host arrays ``(lags, B, n)``."""
        return {name: self._tensor(array) for name, array in arrays.items()}

    def dump_state(self, state: State) -> Parameters:
        """The host arrays of a state."""
        return _host(state)

    def loss_and_gradients(
        self,
        inputs: Array,
        targets: Array,
        state: State,
        *,
        scale: float = 1.0,
        masks: Masks | None = None,
    ) -> tuple[float, Parameters, State]:
        """Loss summed over all characters, gradients of ``scale`` times it, next state."""
        wanted = self._characters(targets)
        with computing(self.device, self.threads):
            tape = self._tape(inputs, state, "parameter", masks)
            gradients = Numbers(self.shapes.parameters, self._dtype, self.device).arrays
            loss = float(backpropagate(tape, self._output, wanted, scale, gradients))
            return loss, _host(gradients), tape.next_state()


def _host(tensors: Mapping[str, Any]) -> Parameters:
    return {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}
