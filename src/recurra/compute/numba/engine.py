"""The fast engine: kernels generated from the plan, a batch shared among threads."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain, pairwise
from operator import is_
from types import ModuleType

import numpy as np
import numpy.typing as npt

from recurra.compute.base import Array, Engine, Parameters, State
from recurra.compute.dropout import Masks
from recurra.compute.numba.codegen import Source, generate_kernels
from recurra.compute.numba.compilation import compiling
from recurra.compute.numba.loading import is_compiled, load
from recurra.compute.numba.output_layer import OutputLayer
from recurra.compute.numba.shard import Share
from recurra.compute.numba.step import Descent
from recurra.compute.numba.threads import Team
from recurra.compute.optimizers import Optimizer
from recurra.compute.plan import Plan
from recurra.errors import SettingError
from recurra.lang.shapes import Shapes


class CompiledEngine(Engine):
    """Numba kernels; see :class:`recurra.compute.base.Engine`.

    A batch is cut into as many contiguous shares as there are threads. Each share runs forward
    and backward on its own, with its own gradients, which are then added in a fixed order: the
    result depends on the number of threads, not on their timing.
    """

    def __init__(
        self, plan: Plan, shapes: Shapes, dtype: npt.DTypeLike = np.float32, threads: int = 1
    ) -> None:
        self.plan, self.shapes, self.dtype = plan, shapes, np.dtype(dtype)
        self.threads = threads
        self.sizes = plan.sizes(shapes)
        self._looked_up = [
            name
            for name in plan.network.matrices
            if any(name in s.lookups for s in plan.sums.values())
            and all(name != term.matrix for term in plan.logits.terms)
        ]
        self._checked: tuple[Array, ...] = ()
        self._shares: dict[tuple[int, int, bool], list[Share]] = {}
        team = Team(threads)
        self._run = team.run
        self._output = OutputLayer(plan, shapes, team)
        self._descent = Descent(self._looked_up, shapes.vocabulary, self._run, threads)

    @cached_property
    def source(self) -> Source:
        """The generated kernels, to read."""
        return generate_kernels(self.plan, self.dtype.name)

    @property
    def cold(self) -> bool:
        """Whether the first step has to compile kernels, which takes seconds."""
        return "_kernels" not in self.__dict__ and not is_compiled(self.source.text)

    @property
    def compiling(self) -> str:
        """Name of the kernel that is being compiled; empty if none is."""
        return compiling()

    @cached_property
    def _kernels(self) -> ModuleType:
        return load(self.source.text)

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
        """Loss summed over all characters, gradients of ``scale`` times it, next state."""
        shares = self._shares_for(*inputs.shape, training=True)

        def output_layer(share: Share) -> float:
            return self._output.whole(share, parameters, scale)

        try:
            loss = self._backward(shares, parameters, inputs, targets, state, masks, output_layer)
            gradients = {
                name: np.sum([share.arrays["g", name] for share in shares], axis=0)
                for name in parameters
            }
        finally:
            self._descent.clear(shares)
        return loss, gradients, self._next_state(shares, state)

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
        shares = self._shares_for(*inputs.shape, training=True)
        layer = self._output
        if len(shares) == 1 and layer.fuses(shares[0], optimizer):

            def output_layer(share: Share) -> float:
                return layer.fused(share, parameters, scale, optimizer, rate)

            done: Sequence[str] = layer.names
        else:

            def output_layer(share: Share) -> float:
                return layer.whole(share, parameters, scale)

            done = ()
        try:
            loss = self._backward(shares, parameters, inputs, targets, state, masks, output_layer)
            self._descent.step(shares, parameters, optimizer, rate, done)
        except BaseException:  # Ctrl-C in a notebook, say: the next step adds to these gradients
            self._descent.clear(shares)
            raise
        finally:
            layer.finish()
        return loss, self._next_state(shares, state)

    def losses(
        self, parameters: Parameters, inputs: Array, targets: Array, state: State
    ) -> tuple[Array, State]:
        """``-log p`` of every target, ``(T, B)``, and the next state."""
        self._check(parameters)
        shares = self._shares_for(*inputs.shape, training=False)
        result = np.empty(inputs.shape, self.dtype)

        def run(share: Share) -> None:
            self._forward(share, parameters, inputs, targets, state, None)
            rows, weights, bias = share.output_operand(parameters)
            losses = self._output.losses(rows, weights, bias, share.targets)
            result[:, share.streams] = losses.reshape(share.steps, share.batch)

        self._run(run, shares)
        return result, self._next_state(shares, state)

    def next_log_probabilities(
        self, parameters: Parameters, inputs: Array, state: State
    ) -> tuple[Array, State]:
        """After one more character each, ``(B,)``: log p of what follows, ``(B, V)``."""
        self._check(parameters)
        (share,) = self._shares_for(1, len(inputs), training=False)[:1]
        self._forward(share, parameters, inputs[None], None, state, None)
        log_p = self._output.log_probabilities(*share.output_operand(parameters))
        return log_p, self._next_state([share], state)

    # -- one pass

    def _shares_for(self, steps: int, batch: int, *, training: bool) -> list[Share]:
        key = (steps, batch, training)
        if key not in self._shares:
            # a few shapes are in use at a time: training, evaluation and its rest, writing
            while len(self._shares) >= 6:
                self._shares.pop(next(iter(self._shares)))
            count = min(self.threads, batch) if steps > 1 else 1
            bounds = [batch * i // count for i in range(count + 1)]
            self._shares[key] = [
                Share(self.plan, self.shapes, self.dtype, steps, first, last, training)
                for first, last in pairwise(bounds)
            ]
        return self._shares[key]

    def _forward(
        self,
        share: Share,
        parameters: Parameters,
        inputs: Array,
        targets: Array | None,
        state: State,
        masks: Masks | None,
    ) -> None:
        share.put(inputs, targets, state, masks)
        self._kernels.forward(*share.arguments("forward", self.source.forward, parameters))

    def _check(self, parameters: Parameters) -> None:
        """Kernels rely on types, shapes and order in memory; arrays seen before are not asked."""
        arrays = tuple(parameters.values())
        if len(arrays) == len(self._checked) and all(map(is_, arrays, self._checked)):
            return
        if parameters.keys() != self.shapes.parameters.keys():
            raise SettingError("these are not the parameters of this engine's network")
        for name, shape in self.shapes.parameters.items():
            value = parameters[name]
            if value.shape != shape or value.dtype != self.dtype or not value.flags.c_contiguous:
                raise SettingError(
                    f"parameter {name} has to be a C-contiguous array of {self.dtype} and shape "
                    f"{shape}, not of {value.dtype} and shape {value.shape}"
                )
        self._checked = arrays
        for share in chain.from_iterable(self._shares.values()):
            share.bound.clear()

    def _backward(
        self,
        shares: list[Share],
        parameters: Parameters,
        inputs: Array,
        targets: Array,
        state: State,
        masks: Masks | None,
        output_layer: Callable[[Share], float],
    ) -> float:
        """The loss, and in every share the gradients of what the output layer sends back."""
        self._check(parameters)

        def run(share: Share) -> float:
            self._forward(share, parameters, inputs, targets, state, masks)
            loss = output_layer(share)
            self._kernels.backward(*share.arguments("backward", self.source.backward, parameters))
            return loss

        return float(sum(self._run(run, shares)))

    def _next_state(self, shares: list[Share], state: State) -> State:
        if len(shares) == 1:
            return {name: shares[0].last[name].copy() for name in state}
        return {name: np.concatenate([share.last[name] for share in shares], 1) for name in state}
