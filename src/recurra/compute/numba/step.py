"""The optimiser step: from the gradients of all shards to new parameters.

Gradients of look-ups touch few rows. Where the others would not move (Adagrad, and SGD without
momentum, both without weight decay), only those rows are read and written.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from recurra.compute.base import Array, Parameters
from recurra.compute.numba.kernels import gradients as reduce
from recurra.compute.numba.loading import load
from recurra.compute.numba.optimizer_codegen import generate_update
from recurra.compute.numba.shard import Shard
from recurra.compute.optimizers.base import Optimizer, gradient_norm

# Fewer numbers than this are updated sooner than another thread is awake.
WORTH_SHARING = 500_000

Run = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


@dataclass(frozen=True, eq=False)
class _Piece:
    """A thread's part of the gradient of one parameter, flat."""

    name: str
    where: slice
    gradient: Array


@dataclass(frozen=True, eq=False)
class _MatrixBlock:
    """A block of a matrix that is updated as a whole, flat: itself, gradient, slots; and sizes."""

    place: int
    arrays: list[Array]
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class _Part:
    """Gradients that one thread updates with, and a row of facts about each for `update_all`."""

    pieces: list[_Piece]
    facts: Array


class OptimizerStep:
    """Updates parameters from the gradients that shards hold.

    Args:
        optimizer: the rule.
        parameters: changed in place.
        slots: changed in place.
        looked_up: parameters whose gradients come from look-ups alone.
        matrices: those between vectors -> number of their blocks.
        run: calls a function on every item, each in a thread of its own.
        threads: how many.
        worth_sharing: fewer numbers than this are updated by one thread.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        parameters: Parameters,
        slots: Parameters,
        looked_up: Sequence[str],
        matrices: Mapping[str, int],
        run: Run,
        threads: int,
        worth_sharing: int = WORTH_SHARING,
    ) -> None:
        self.optimizer, self.parameters, self.slots = optimizer, parameters, slots
        self.run, self.threads, self.worth_sharing = run, threads, worth_sharing
        s = optimizer.settings
        self.limit = math.inf if s.clip_value is None else s.clip_value
        # parameters of which only the rows that occur are updated
        self.sparse = tuple(looked_up) if optimizer.ignores_zeros and not s.weight_decay else ()
        self.matrices = matrices if optimizer.matrix_kernel else {}
        self.kernels: ModuleType = load(generate_update(optimizer))
        vocabulary = max((len(parameters[name]) for name in looked_up), default=0)
        self._marked = np.zeros(vocabulary, np.uint8)
        self._rows = np.zeros(vocabulary, np.int32)
        self._parts: dict[tuple[Shard, Sequence[str]], list[_Part]] = {}
        self._blocks: dict[Shard, list[_MatrixBlock]] = {}

    def decay(self, rate: float) -> tuple[float, float]:
        """Weight decay of a matrix: the part added to its gradient, the factor of its weights."""
        decay = self.optimizer.settings.weight_decay
        return (0.0, 1.0 - rate * decay) if self.optimizer.decoupled_decay else (decay, 1.0)

    def take(
        self,
        shards: Sequence[Shard],
        rate: float,
        update: int,
        done: Sequence[str] = (),
        *,
        measured: bool = False,
    ) -> float | None:
        """Change the parameters; gradients of sparse look-ups are zeros again after it.

        Parameters in ``done`` take their step elsewhere; other threads may be at work on them.

        Returns:
            The gradients' norm, if all are here, and if it is to be ``measured`` or cut.
        """
        parts = self._parts_of(shards[0], done)
        rows = self._distinct(shards) if self.sparse else self._rows[:0]
        norm = self._reduce(shards, parts, rows)
        if measured and norm is None and not done:
            gradients = shards[0].gradients.items()
            norm = gradient_norm({n: g.clip(-self.limit, self.limit) for n, g in gradients})
        clip_norm = self.optimizer.settings.clip_norm or math.inf
        factor = clip_norm / norm if norm is not None and norm > clip_norm else 1.0
        constants = self.optimizer.constants(rate, update).values()
        numbers = (self.limit, factor, *self.decay(rate), *constants)

        def update_part(part: _Part) -> None:
            if part.pieces:
                self.kernels.update_all(part.facts, part.pieces[0].gradient, *numbers)

        self.run(update_part, parts)
        self._update_matrices(shards[0], update, numbers, 1 if done else self.threads)
        for name in self.sparse:
            slots = [self.slots[f"{name}/{slot}"] for slot in self.optimizer.slots]
            arrays = (self.parameters[name], shards[0].gradients[name], *slots)
            self.kernels.update_rows(*arrays, rows, self.limit, factor, *constants)
        return norm

    def _update_matrices(
        self, shard: Shard, update: int, numbers: tuple[float, ...], threads: int
    ) -> None:
        """Update the matrices that are updated as a whole, each block by one thread."""

        def update_blocks(blocks: list[_MatrixBlock]) -> None:
            for block in blocks:
                changes = self.optimizer.changes(block.place, update)
                sizes = block.height, block.width
                self.kernels.update_block(*block.arrays, *sizes, changes, *numbers)

        if self.matrices:
            blocks = self._blocks_of(shard)
            self.run(update_blocks, [blocks[i::threads] for i in range(threads)])

    def _blocks_of(self, shard: Shard) -> list[_MatrixBlock]:
        """The blocks of all these matrices, large ones first."""
        if shard in self._blocks:
            return self._blocks[shard]
        blocks = []
        for place, (name, count) in enumerate(self.matrices.items()):
            p = self.parameters[name]
            slots = [self.slots[f"{name}/{slot}"] for slot in self.optimizer.slots]
            arrays = [a.reshape(count, -1) for a in (p, shard.gradients[name], *slots)]
            height, width = len(p) // count, p.shape[1]
            flat = [[a[i] for a in arrays] for i in range(count)]
            blocks += [_MatrixBlock(place, own, height, width) for own in flat]
        blocks.sort(key=lambda block: -block.height * block.width)
        self._blocks = {shard: blocks}
        return blocks

    def _distinct(self, shards: Sequence[Shard]) -> Array:
        """The characters that occur in the text of this step."""
        count = 0
        for shard in shards:
            count = reduce.distinct(shard.inputs, self._marked, self._rows, count)
        rows = self._rows[:count]
        self._marked[rows] = 0
        return rows

    def _parts_of(self, shard: Shard, done: Sequence[str]) -> list[_Part]:
        """Who updates what, one part a thread; the calling thread alone if others are at work."""
        if (shard, done) in self._parts:
            return self._parts[shard, done]
        without = {*self.sparse, *done}
        whole = {name: p for name, p in self.parameters.items() if name not in without}
        numbers = sum(p.size for p in whole.values())
        count = 1 if done or numbers <= self.worth_sharing else self.threads
        parts = []
        for i in range(count):
            pieces, facts = [], []
            for name, p in whole.items():
                where = slice(p.size * i // count, p.size * (i + 1) // count)
                slots = [self.slots[f"{name}/{slot}"] for slot in self.optimizer.slots]
                flat = [a.reshape(-1)[where] for a in (p, shard.gradients[name], *slots)]
                pieces.append(_Piece(name, where, flat[1]))
                if name not in self.matrices:
                    facts.append([flat[0].size, p.ndim > 1, *(a.ctypes.data for a in flat)])
            facts_of_all = np.array(facts, np.int64).reshape(len(facts), -1)
            parts.append(_Part(pieces, facts_of_all))
        # shards come and go with the shapes of batches, of which training has one
        self._parts = {(shard, done): parts}
        return parts

    def _reduce(self, shards: Sequence[Shard], parts: list[_Part], rows: Array) -> float | None:
        """Add all shards' gradients into the first one's; their norm, if it is to be cut."""
        clip_norm, others = self.optimizer.settings.clip_norm, shards[1:]
        if clip_norm is None and not others:
            return None

        def reduce_part(part: _Part) -> float:
            squares = 0.0
            for piece in part.pieces:
                for shard in others:
                    other = shard.gradients[piece.name].reshape(-1)[piece.where]
                    limit = self.limit if shard is shards[-1] else math.inf
                    reduce.add_gradients(piece.gradient, other, limit)
                if clip_norm is not None:
                    squares += reduce.squares(piece.gradient, self.limit)
            return squares

        squares = float(sum(self.run(reduce_part, parts)))
        for name in self.sparse:
            gradient = shards[0].gradients[name]
            for shard in others:
                reduce.merge_rows(gradient, shard.gradients[name], shard.inputs)
            if clip_norm is not None:
                squares += reduce.squares_rows(gradient, rows, self.limit)
        return None if clip_norm is None else math.sqrt(squares)


def clear_lookups(shards: Sequence[Shard], looked_up: Sequence[str]) -> None:
    """Zeros again wherever the look-ups of the shards' texts touched a gradient."""
    for shard in shards:
        for name in looked_up:
            reduce.clear_rows(shard.gradients[name], shard.inputs)
            if shard is not shards[0]:  # it may hold the sum
                reduce.clear_rows(shards[0].gradients[name], shard.inputs)
