"""The fast engine: kernels generated from the plan, a batch shared among threads."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from types import ModuleType
from typing import Literal

import numpy as np
import numpy.typing as npt
from numba import typeof

from recurra.compute.base import Array, Parameters, State, StepSettings, Weights
from recurra.compute.dropout import Masks
from recurra.compute.hidden_matrices import hidden_matrices
from recurra.compute.host import HostEngine
from recurra.compute.numba.ahead import compiled_ahead
from recurra.compute.numba.blocks import loop_matrices
from recurra.compute.numba.cache import unwritable
from recurra.compute.numba.codegen import can_share_units, generate_kernels
from recurra.compute.numba.compilation import compiling
from recurra.compute.numba.kernels.jit import is_kept
from recurra.compute.numba.loading import is_compiled, load
from recurra.compute.numba.output_layer import OutputLayer
from recurra.compute.numba.shard import Shard
from recurra.compute.numba.source import Call, Source
from recurra.compute.numba.start import import_without_blas
from recurra.compute.numba.step import OptimizerStep, clear_lookups
from recurra.compute.numba.threads import ThreadPool
from recurra.compute.plan import Plan
from recurra.compute.sampling import Sampling
from recurra.lang.shapes import Shapes

# Threads share the units where the matrices in time loops have more bytes than this, for the cache
# of a core holds no more, and where there are at most so many streams for a thread: with streams of
# its own each would read all of the matrices at every time step, and hardly use what it reads.
OUTGROWN, FEW_STREAMS = 2**21, 8
# Where no product waits for the time step before, threads share the units if they are more than the
# streams, and if so many numbers are multiplied for each of the matrices' products: fewer are done
# before a thread is awake.
WORTH_SHARING = 2**24
# Of a gate: more than all threads, so that nobody waits for one that has failed.
OPEN = 2**62
# Seconds of writing a call a character, after which the kernel that writes is compiled: about as
# long as that takes.
COMPILED_AFTER = 2.0


class CompiledEngine(HostEngine):
    """Numba kernels; see `recurra.compute.base.Engine`.

    A batch is cut into as many contiguous shards as there are threads. Each shard runs forward
    and backward on its own, with its own gradients, which are then added in a fixed order: the
    result depends on the number of threads, not on their timing. Where the matrices in time loops
    outgrow the cache of a core and streams are few, the threads share the units of one shard: each
    computes some columns of everything, and they meet once or twice in a time step.
    """

    def __init__(
        self, plan: Plan, shapes: Shapes, dtype: npt.DTypeLike = np.float32, threads: int = 1
    ) -> None:
        super().__init__(plan, shapes, dtype, threads)
        import_without_blas()
        self._looked_up = [
            name
            for name in plan.network.matrices
            if any(name in s.lookups for s in plan.sums.values())
            and all(name != term.matrix for term in plan.logits.terms)
        ]
        self._shards: dict[tuple[int, int, bool], list[Shard]] = {}
        self._pool = ThreadPool(threads)
        self._output = OutputLayer(plan, shapes, self._pool)
        self._step: OptimizerStep | None = None
        self._writing = 0.0  # seconds, by calls of one character each

    @cached_property
    def source(self) -> Source:
        """The generated kernels, to read."""
        return generate_kernels(self.plan, self.dtype.name)

    @property
    def cold(self) -> bool:
        """Whether the first step has to compile kernels, which takes seconds."""
        if self._shares_units(self.settings.seq_len, self.settings.batch):
            return "_unit_kernels" not in self.__dict__ and not is_compiled(self._unit_source.text)
        return "_kernels" not in self.__dict__ and not is_compiled(self.source.text)

    @property
    def compiling(self) -> str:
        """Name of the kernel that is being compiled; empty if none is."""
        return compiling()

    @property
    def unwritable_cache(self) -> str:
        """The folder that cannot keep compiled kernels, if that is so, and the cure."""
        return unwritable()

    def compile(self) -> None:
        """Compile all that training and reading need, by a step of another engine."""
        other = CompiledEngine(self.plan, self.shapes, self.dtype, self.threads)
        other.load({f"parameter/{n}": np.zeros(s) for n, s in self.shapes.parameters.items()})
        other.prepare(self.settings)
        text = np.zeros((self.settings.seq_len, self.settings.batch), np.int32)
        rng, state = np.random.default_rng(0), other.zero_state(self.settings.batch)
        with compiled_ahead(self.dtype.name, bool(self.shapes.classes)):
            shards = other._shards_for(*text.shape, training=True)
            other._backward(shards, text, text, state, None, lambda _: 0.0)
            other._optimizer_step(self.settings).take(shards, 0.0, 1)
        other.step(text, text, 0.0, update=1, restarted=True, rng=rng)
        other.losses(text, text, state)
        other.next_log_probabilities(text[0], state)

    @cached_property
    def _kernels(self) -> ModuleType:
        return load(self.source.text)

    @cached_property
    def _unit_source(self) -> Source:
        return generate_kernels(self.plan, self.dtype.name, by_units=True)

    @cached_property
    def _unit_kernels(self) -> ModuleType:
        return load(self._unit_source.text)

    def _shares_units(self, steps: int, batch: int) -> bool:
        """Whether training cuts the units among the threads, not the streams."""
        if not steps > 1 < self.threads or not can_share_units(self.plan):
            return False
        sums = [total for total in self.plan.sums.values() if total is not self.plan.logits]
        if matrices := loop_matrices(sums):
            outgrown = self._weights(matrices) * self.dtype.itemsize > OUTGROWN
            return outgrown and 1 < batch <= FEW_STREAMS * self.threads
        work = steps * batch * self._weights(t.matrix for total in sums for t in total.terms)
        return batch < self.threads and work > WORTH_SHARING and not self._output.shared

    def _weights(self, matrices: Iterable[str]) -> int:
        return sum(math.prod(self.shapes.parameters[name]) for name in matrices)

    def prepare(self, settings: StepSettings) -> None:
        """Get ready for `step`: optimiser slots and state are zeros after it."""
        super().prepare(settings)
        self._step = None

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
        shards = self._shards_for(*inputs.shape, training=True)

        def output_layer(shard: Shard) -> float:
            return self._output.whole(shard, self.held["parameter"], scale)

        try:
            loss = self._backward(shards, inputs, targets, state, masks, output_layer)
            gradients = {
                name: np.sum([shard.gradients[name] for shard in shards], axis=0)
                for name in self.shapes.parameters
            }
        finally:
            clear_lookups(shards, self._looked_up)
        return loss, gradients, self._next_state(shards, state)

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
        shards = self._shards_for(*inputs.shape, training=True)
        step, layer = self._optimizer_step(settings), self._output
        fuses = len(shards) == 1 and layer.fuses(shards[0], step)

        def output_layer(shard: Shard) -> float:
            if fuses:
                return layer.fused(shard, settings.scale, step, rate, update)
            return layer.whole(shard, step.parameters, settings.scale)

        dense = step.sparse != tuple(self._looked_up)
        try:
            loss = self._backward(shards, inputs, targets, state, masks, output_layer)
            done = layer.names if fuses else ()
            self.gradient_norm = step.take(shards, rate, update, done, measured=self.measures)
        except BaseException:  # Ctrl-C in a notebook, say: the next step adds to these gradients
            dense = True
            raise
        finally:
            if dense:
                clear_lookups(shards, self._looked_up)
            layer.finish()
        return loss, self._next_state(shards, state)

    def _optimizer_step(self, settings: StepSettings) -> OptimizerStep:
        if self._step is None:
            self._step = OptimizerStep(
                settings.optimizer,
                self.held["parameter"],
                self.held["optimizer"],
                self._looked_up,
                hidden_matrices(self.plan, self.shapes),
                self._pool.run,
                self.threads,
            )
        return self._step

    def losses(
        self, inputs: Array, targets: Array, state: State, weights: Weights = "parameter"
    ) -> tuple[Array, State]:
        """``-log p`` of every target, ``(T, B)``, and the next state."""
        shards = self._shards_for(*inputs.shape, training=False)
        result = np.empty(inputs.shape, self.dtype)

        def run(shard: Shard) -> None:
            self._forward(shard, inputs, targets, state, None, weights)
            operand = shard.output_operand(weights, self.held[weights])
            losses = self._output.losses(*operand, shard.targets)
            result[:, shard.streams] = losses.reshape(shard.steps, shard.batch)

        self._pool.run(run, shards)
        return result, self._next_state(shards, state)

    def next_log_probabilities(
        self, inputs: Array, state: State, weights: Weights = "parameter"
    ) -> tuple[Array, State]:
        """After one more character each, ``(B,)``: log p of what follows, ``(B, V)``."""
        (shard,) = self._shards_for(1, len(inputs), training=False)[:1]
        self._forward(shard, inputs[None], None, state, None, weights)
        log_p = self._output.log_probabilities(*shard.output_operand(weights, self.held[weights]))
        return log_p, self._next_state([shard], state)

    def log_probabilities(self, inputs: Array, state: State) -> tuple[Array, State]:
        """After each of few characters of one text, ``(T,)``: log p of what follows, ``(T, V)``."""
        (shard,) = self._shards_for(len(inputs), 1, training=False)
        self._forward(shard, inputs[:, None], None, state, None)
        operand = shard.output_operand("parameter", self.held["parameter"])
        return self._output.log_probabilities(*operand), self._next_state([shard], state)

    def sample(
        self, last: int, state: State, sampling: Sampling, uniforms: Array
    ) -> tuple[list[int], Array, State]:
        """Write on after a character; see `recurra.compute.base.Engine.sample`.

        The kernel that writes takes seconds to compile: until it is kept, or so long was written
        without it, one call a character writes the same text.
        """
        parameters = self.held["parameter"]
        (shard,) = self._shards_for(1, 1, training=False)
        (arrays,) = shard.arguments("write", [self.source.write], "parameter", parameters)
        hidden, matrix, bias = shard.output_operand("parameter", parameters)
        top_k = min(sampling.top_k or 0, np.iinfo(np.int64).max)
        numbers = float(sampling.temperature), top_k, float(sampling.top_p or 0.0)
        operand = hidden.copy(), matrix, bias, self._output.sizes
        text = np.zeros(len(uniforms), np.int32)
        predicted = np.empty((len(uniforms), self.shapes.vocabulary), self.dtype)
        arguments = *arrays, *operand, uniforms, *numbers, text, predicted
        if not self._writing and is_kept(self._kernels.write, tuple(map(typeof, arguments))):
            self._writing = COMPILED_AFTER
        if self._writing < COMPILED_AFTER:
            began = time.perf_counter()
            written = super().sample(last, state, sampling, uniforms)
            self._writing += time.perf_counter() - began
            return written
        shard.put(np.full((1, 1), last, np.int32), None, state, None)
        count = self._kernels.write(*arguments)
        # the rows have moved on by one
        past = {name: shard.arrays["vector"][name][:lags] for name, lags in self.plan.state.items()}
        state = {name: rows[:, None].copy() for name, rows in past.items()}
        return text[:count].tolist(), predicted[:count], state

    # -- one pass

    def _shards_for(self, steps: int, batch: int, *, training: bool) -> list[Shard]:
        key = (steps, batch, training)
        if key not in self._shards:
            # a few shapes are in use at a time: training, evaluation and its rest, writing
            while len(self._shards) >= 6:
                self._shards.pop(next(iter(self._shards)))
            if training and self._shares_units(steps, batch):
                whole = (self.plan, self.shapes, self.dtype, steps, 0, batch, training)
                self._shards[key] = [Shard(*whole, self.threads)]
                return self._shards[key]
            count = min(self.threads, batch) if steps > 1 else 1
            bounds = [batch * i // count for i in range(count + 1)]
            self._shards[key] = [
                Shard(self.plan, self.shapes, self.dtype, steps, first, last, training)
                for first, last in pairwise(bounds)
            ]
        return self._shards[key]

    def _forward(
        self,
        shard: Shard,
        inputs: Array,
        targets: Array | None,
        state: State,
        masks: Masks | None,
        weights: Weights = "parameter",
    ) -> None:
        shard.put(inputs, targets, state, masks)
        self._call("forward", shard, weights)

    def _call(self, kernel: Literal["forward", "backward"], shard: Shard, weights: Weights) -> None:
        calls: tuple[Call, ...] = getattr(self.source, kernel)
        arguments = shard.arguments(kernel, calls, weights, self.held[weights])
        for call, own in zip(calls, arguments, strict=True):
            getattr(self._kernels, call.function)(*own)

    def _call_together(self, kernel: Literal["forward", "backward"], shard: Shard) -> None:
        """All threads call the functions at once, each for units of its own."""
        calls: tuple[Call, ...] = getattr(self._unit_source, kernel)
        arguments = shard.arguments(kernel, calls, "parameter", self.held["parameter"])
        # a place to meet for every call, in a cache line of its own
        gates = np.zeros((len(calls), 8), np.int64)

        def run(part: int) -> None:
            try:
                for call, gate, own in zip(calls, gates, arguments, strict=True):
                    getattr(self._unit_kernels, call.function)(part, shard.threads, gate, *own)
            except BaseException:  # Ctrl-C in a notebook, say
                gates[:] = OPEN
                raise

        self._pool.run(run, range(shard.threads))

    def _backward(
        self,
        shards: list[Shard],
        inputs: Array,
        targets: Array,
        state: State,
        masks: Masks | None,
        output_layer: Callable[[Shard], float],
    ) -> float:
        """The loss, and in every shard the gradients of what the output layer sends back."""
        if shards[0].threads > 1:
            (shard,) = shards
            shard.put(inputs, targets, state, masks)
            self._call_together("forward", shard)
            loss = output_layer(shard)
            self._call_together("backward", shard)
            return loss

        def run(shard: Shard) -> float:
            self._forward(shard, inputs, targets, state, masks)
            loss = output_layer(shard)
            self._call("backward", shard, "parameter")
            return loss

        return float(sum(self._pool.run(run, shards)))

    def _next_state(self, shards: Sequence[Shard], state: State) -> Parameters:
        if len(shards) == 1:
            return {name: shards[0].last[name].copy() for name in state}
        return {name: np.concatenate([shard.last[name] for shard in shards], 1) for name in state}
