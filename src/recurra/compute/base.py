"""Contract of an engine: the part of Recurra that holds a network's numbers and computes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recurra.compute.dropout import Masks, draw_masks
from recurra.compute.optimizers.base import Optimizer
from recurra.compute.plan import Plan
from recurra.compute.sampling import Sampling
from recurra.errors import SettingError
from recurra.lang.shapes import Shapes

Array = npt.NDArray[Any]
Parameters = dict[str, Array]
# Vector -> its last values (lags, B, n), oldest first, in what the engine has for arrays.
State = Mapping[str, Any]
# The parameters that are trained, their running mean, and those with the lowest held-out loss.
Weights = Literal["parameter", "average", "best"]
Group = Literal[Weights, "optimizer", "state"]


@dataclass(frozen=True)
class StepSettings:
    """Facts that stay the same from one training step to the next.

    Attributes:
        optimizer: how gradients change parameters.
        batch: streams of text, B.
        seq_len: characters of each stream in a step, T.
        scale: factor of the loss whose gradients are taken.
        dropout: part of the numbers dropped; see `recurra.compute.dropout`.
        dropout_same: drop the same numbers at every step of a sequence.
    """

    optimizer: Optimizer
    batch: int
    seq_len: int
    scale: float = 1.0
    dropout: float = 0.0
    dropout_same: bool = False


class Engine(ABC):
    """The contract of an engine.

    An engine owns its numbers, wherever they live: parameters, optimiser slots, masks, state.
    Arrays of NumPy cross only at `load` and `dump`, under their names in a checkpoint:
    ``"parameter/U"``, ``"average/U"``, ``"best/U"``, ``"optimizer/U/m"``, ``"state/a"``. Texts are
    int32 arrays ``(T, B)``, time first: B streams of T characters. Losses are in nats.

    Args:
        plan: the computation.
        shapes: sizes of its vectors and parameters.
        dtype: float type of all numbers.
        threads: how many may share a batch.

    Attributes:
        measures: whether `step` has to find `gradient_norm`, even where it takes time.
        gradient_norm: of all gradients of the last step, between the cut of each number and that
            of the norm; None where the engine does not know it.
    """

    def __init__(
        self, plan: Plan, shapes: Shapes, dtype: npt.DTypeLike = np.float32, threads: int = 1
    ) -> None:
        self.plan, self.shapes, self.dtype, self.threads = plan, shapes, np.dtype(dtype), threads
        self.sizes, self.widths = plan.sizes(shapes), plan.widths(shapes)
        self._settings: StepSettings | None = None
        self.measures = False
        self.gradient_norm: float | None = None

    @classmethod  # noqa: B027 - most engines have no devices
    def check_device(cls, device: str) -> None:
        """Refuse a device that is not there; the name is one of those in the registry.

        Raises:
            SettingError: this machine has no such device.
        """

    @property
    def cold(self) -> bool:
        """Whether the first step has to compile kernels, which takes seconds."""
        return False

    @property
    def compiling(self) -> str:
        """Name of the kernel that is being compiled; empty if none is."""
        return ""

    @property
    def unwritable_cache(self) -> str:
        """The folder that cannot keep what is compiled, and the cure; empty where all is well."""
        return ""

    def compile(self) -> None:  # noqa: B027 - most engines have nothing to compile
        """Compile all that training and reading need, after `prepare`; no number changes."""

    # -- numbers

    @abstractmethod
    def load(self, arrays: Mapping[str, Array]) -> None:
        """Copy host arrays in; what is not named stays as it is.

        Slots and state have a place only after `prepare`.

        Raises:
            SettingError: names or shapes that are not those of this network, or a first load of
                parameters without all of them.
        """

    @abstractmethod
    def dump(self, *groups: Group) -> Parameters:
        """Copies of all arrays of some groups; a group that is not in use has none."""

    @abstractmethod
    def copy(self, source: Weights, target: Weights) -> None:
        """Set one set of parameters to the numbers of another."""

    @abstractmethod
    def average(self, weight: float) -> None:
        """``average += weight (parameter - average)``."""

    @abstractmethod
    def all_finite(self) -> bool:
        """Whether every parameter is a finite number."""

    # -- training

    @abstractmethod
    def prepare(self, settings: StepSettings) -> None:
        """Get ready for `step`: optimiser slots and state are zeros after it."""
        self._settings = settings

    @property
    def settings(self) -> StepSettings:
        """Those of the training steps.

        Raises:
            SettingError: `prepare` has not been called.
        """
        if self._settings is None:
            raise SettingError("an engine has to be prepared before its first training step")
        return self._settings

    @abstractmethod
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
        """Take one training step: loss, gradients, clipping, update; the state goes on.

        Args:
            inputs, targets: (T, B) of the settings.
            rate: the learning rate.
            update: which update of the parameters this is, from 1.
            restarted: begin from the zero state.
            rng: generator of dropout masks, and of nothing else.

        Returns:
            The loss before the update, summed over all characters.
        """

    # -- reading

    @abstractmethod
    def zero_state(self, batch: int) -> State:
        """Zeros: the state before any text."""

    @abstractmethod
    def losses(
        self, inputs: Array, targets: Array, state: State, weights: Weights = "parameter"
    ) -> tuple[Array, State]:
        """``-log p`` of every target, ``(T, B)``, and the next state.

        A given state is not modified; of one with more than B streams the first B are read.
        """

    @abstractmethod
    def next_log_probabilities(
        self, inputs: Array, state: State, weights: Weights = "parameter"
    ) -> tuple[Array, State]:
        """After one more character each, ``(B,)``: log p of what follows, ``(B, V)``."""

    def log_probabilities(self, inputs: Array, state: State) -> tuple[Array, State]:
        """After each of few characters of one text, ``(T,)``: log p of what follows, ``(T, V)``."""
        found = np.empty((len(inputs), self.shapes.vocabulary), self.dtype)
        for row, number in zip(found, inputs, strict=True):
            log_p, state = self.next_log_probabilities(np.array([number], np.int32), state)
            row[:] = np.asarray(log_p)[0]
        return found, state

    def sample(
        self, last: int, state: State, sampling: Sampling, uniforms: Array
    ) -> tuple[list[int], Array, State]:
        """Write on after a character: each draw is read before the next.

        Args:
            last: the character that the state does not hold yet.
            state: of one stream.
            sampling: how characters are drawn.
            uniforms: numbers of [0, 1), one a character.

        Returns:
            The characters, fewer if the model predicts no finite numbers; log p of what could
            stand in the place of each, ``(characters, V)``; the state before the last of them.
        """
        characters: list[int] = []
        predicted = np.empty((len(uniforms), self.shapes.vocabulary), self.dtype)
        for uniform, row in zip(uniforms, predicted, strict=True):
            log_p, state = self.next_log_probabilities(np.array([last], np.int32), state)
            row[:] = np.asarray(log_p)[0]
            last = sampling.draw(row, float(uniform))
            if last < 0:
                break
            characters.append(last)
        return characters, predicted[: len(characters)], state

    # -- checks

    @abstractmethod
    def load_state(self, arrays: Mapping[str, Array]) -> State:
        """A state from host arrays ``(lags, B, n)``."""

    @abstractmethod
    def dump_state(self, state: State) -> Parameters:
        """The host arrays of a state."""

    @abstractmethod
    def loss_and_gradients(
        self,
        inputs: Array,
        targets: Array,
        state: State,
        *,
        scale: float = 1.0,
        masks: Masks | None = None,
    ) -> tuple[float, Parameters, State]:
        """Loss summed over all T * B characters, gradients of ``scale`` times it, next state."""

    def dropout_masks(
        self,
        rate: float,
        steps: int,
        batch: int,
        rng: np.random.Generator,
        *,
        same_over_time: bool = False,
    ) -> Masks | None:
        """Masks for one training step, the same in every engine; None where nothing is dropped."""
        return draw_masks(
            self.plan, self.sizes, self.widths, rate, steps, batch, rng, same_over_time
        )

    def step_masks(self, rng: np.random.Generator) -> Masks | None:
        """Masks for the next training step."""
        s = self.settings
        return self.dropout_masks(s.dropout, s.seq_len, s.batch, rng, same_over_time=s.dropout_same)

    def state_shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """The shape of each array of a state."""
        return {name: (lags, batch, self.sizes[name]) for name, lags in self.plan.state.items()}


def arrays_of(group: Group, arrays: Mapping[str, Array]) -> Parameters:
    """Those of a group, by their names within it."""
    split = ((*name.partition("/"), array) for name, array in arrays.items())
    return {name: array for own, _, name, array in split if own == group}


def check_arrays(
    group: str,
    arrays: Mapping[str, Array],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    complete: bool,
) -> None:
    """Refuse arrays of a group whose names or shapes are not those that an engine holds.

    Args:
        group: its name.
        arrays: what is to be loaded.
        shapes: of what is held.
        complete: every array has to be there.

    Raises:
        SettingError: one does not belong, or is missing.
    """
    missing = shapes.keys() - arrays.keys() if complete else set()
    if missing or arrays.keys() - shapes.keys():
        raise SettingError(
            f"these are not the arrays of this engine's network: {group} "
            f"{', '.join(sorted(missing or arrays.keys() - shapes.keys()))}"
        )
    for name, array in arrays.items():
        if array.shape != shapes[name]:
            raise SettingError(
                f"{group} {name} has to be an array of shape {shapes[name]}, not {array.shape}"
            )
