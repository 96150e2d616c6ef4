"""The output layer's part of a training step, cut among threads by vocabulary where rows are few.

With many rows each shard passes through the whole layer on its own. With few (one stream), all
threads work on the one shard: each takes a part of the vocabulary. Then the optimiser's step on the
output weights can be taken block by block, while their gradients are in cache; and nobody waits for
it: one thread goes on with the backward pass, and helps when that is done.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from recurra.compute.arrays import aligned_zeros
from recurra.compute.base import Array, Parameters
from recurra.compute.numba.kernels import class_softmax, softmax
from recurra.compute.numba.shard import Shard
from recurra.compute.numba.step import OptimizerStep
from recurra.compute.numba.threads import ThreadPool
from recurra.compute.plan import Plan
from recurra.lang.shapes import Shapes

Operand = tuple[Array, Array, Array]  # hidden rows, matrix, bias; or their gradients

# Fewer output weights than this stay in cache anyway, and are done before a thread is awake.
WORTH_SHARING = 100_000


class OutputLayer:
    """Losses and gradients of the logits of a plan.

    Args:
        plan: whose logits.
        shapes: sizes; where some characters have classes, `kernels.class_softmax` computes.
        pool: who works on it.
        worth_sharing: a layer with fewer weights than this is left to one thread.

    Attributes:
        shared: whether its vocabulary can, and had better, be cut among threads.
    """

    def __init__(
        self, plan: Plan, shapes: Shapes, pool: ThreadPool, worth_sharing: int = WORTH_SHARING
    ) -> None:
        self.pool, self.worth_sharing = pool, worth_sharing
        logits = plan.logits
        matrices = [t.matrix for s in plan.sums.values() for t in s.terms]
        matrices += [m for s in plan.sums.values() for m in s.lookups]
        # large, and one product with a matrix that nothing else reads, and one bias
        self.shared = (
            len(logits.terms) == len(logits.biases) == 1
            and matrices.count(logits.terms[0].matrix) == 1
            and not shapes.classes
            and prod(shapes.parameters[logits.terms[0].matrix]) >= worth_sharing
        )
        self.names = (logits.terms[0].matrix, *logits.biases[:1])
        self._kernels: Any = class_softmax if shapes.classes else softmax
        sizes = shapes.vocabulary, shapes.shortlist, shapes.class_size
        self.sizes = sizes if shapes.classes else ()
        self._space: dict[tuple[int, int], tuple[Array, ...]] = {}
        self._others: list[list[Array]] = []
        self._begun: tuple[Callable[[], None], Callable[[], Any]] | None = None

    def fuses(self, shard: Shard, step: OptimizerStep) -> bool:
        """Whether a step on this shard alone can, and better had, update the weights on its way."""
        fits = self.shared and shard.rows <= softmax.STRIP and shard.threads == 1
        return fits and step.optimizer.settings.clip_norm is None

    def whole(self, shard: Shard, parameters: Parameters, scale: float) -> float:
        """The loss; gradients of ``scale`` times it are left in the shard."""
        gradients = shard.output_gradients()
        operand = shard.output_operand("parameter", parameters)
        if shard.threads > 1:
            loss = self._by_rows(shard, operand, scale, gradients)
        else:
            loss = self._kernels.train(*operand, shard.targets, scale, *gradients, *self.sizes)
        shard.distribute_output_gradients(*gradients)
        return float(loss)

    def _by_rows(self, shard: Shard, operand: Operand, scale: float, gradients: Operand) -> float:
        """The loss of a shard whose units threads share; here each takes some of its rows."""
        (rows, *weights), (d_rows, *d_weights) = operand, gradients
        bounds = [shard.rows * i // shard.threads for i in range(shard.threads + 1)]
        # gradients of the weights of each part; the first one's become the sums
        parts = [d_weights, *self._parts(d_weights, shard.threads - 1)]

        def train(part: int) -> float:
            own = slice(bounds[part], bounds[part + 1])
            operand = rows[own], *weights
            gradients = d_rows[own], *parts[part]
            targets = shard.targets[own]
            loss: float = self._kernels.train(*operand, targets, scale, *gradients, *self.sizes)
            return loss

        def add(part: int) -> None:
            for total, *others in zip(*parts, strict=True):
                own = slice(len(total) * part // len(parts), len(total) * (part + 1) // len(parts))
                for other in others:
                    total[own] += other[own]

        losses = self.pool.run(train, range(shard.threads))
        self.pool.run(add, range(shard.threads))
        return float(sum(losses))

    def _parts(self, d_weights: Sequence[Array], count: int) -> list[list[Array]]:
        """Space for so many more gradients of the weights."""
        if len(self._others) != count:
            self._others = [[np.empty_like(d) for d in d_weights] for _ in range(count)]
        return self._others

    def losses(self, rows: Array, weights: Array, bias: Array, targets: Array) -> Array:
        """``-log p`` of each target, (N,)."""
        losses: Array = self._kernels.losses(rows, weights, bias, targets, *self.sizes)
        return losses

    def log_probabilities(self, rows: Array, weights: Array, bias: Array) -> Array:
        """``log p`` of every character, (N, V), for few rows."""
        log_p: Array = self._kernels.log_probabilities(rows, weights, bias, *self.sizes)
        return log_p

    def fused(
        self, shard: Shard, scale: float, step: OptimizerStep, rate: float, update: int
    ) -> float:
        """Loss and gradients of the hidden rows; the step on the weights is taken by `finish`.

        The other threads begin with it, so the backward pass may not read these weights.
        """
        rows, weights, bias = shard.output_operand("parameter", step.parameters)
        d_rows, _, d_bias = shard.output_gradients()
        scores, row_max, sums, target_logit, others = self._workspace(shard, weights)
        bounds = self._bounds(weights)
        slots = [step.slots[f"{n}/{slot}"] for n in self.names for slot in step.optimizer.slots]
        constants = step.optimizer.constants(rate, update).values()
        (gate, ticket), threads = np.zeros((2, 1), np.int64), len(bounds) - 1

        def train_part(part: int) -> float:
            loss: float = softmax.train_part(
                *(rows, shard.rows, weights, bias, shard.targets, scale),
                *(bounds[part], bounds[part + 1], scores, row_max, sums, target_logit),
                *(others[part - 1] if part else d_rows, d_bias, gate, threads),
            )
            return loss

        def update_weights() -> None:
            # the scores have become gradients of the logits
            step.kernels.update_output(
                *(rows, shard.rows, scores, d_bias, ticket, weights, bias, *slots),
                *(step.limit, *step.decay(rate), *constants),
            )

        def work(part: int) -> None:
            train_part(part)
            update_weights()

        self._begun = update_weights, self.pool.begin(work, range(1, threads))
        loss = train_part(0)
        for part in range(1, threads):
            d_rows += others[part - 1]
        return loss

    def finish(self) -> None:
        """Take what is left of the step that `fused` has begun."""
        if self._begun is not None:
            (update_weights, end), self._begun = self._begun, None
            try:
                update_weights()
            finally:
                end()

    def _bounds(self, weights: Array) -> list[int]:
        """Where each thread's part of the vocabulary begins, whole blocks, and the end."""
        vocabulary = len(weights)
        blocks = -(-vocabulary // softmax.BLOCK)
        count = max(1, min(self.pool.threads, blocks, weights.size // self.worth_sharing))
        return [min(blocks * i // count * softmax.BLOCK, vocabulary) for i in range(count)] + [
            vocabulary
        ]

    def _workspace(self, shard: Shard, weights: Array) -> tuple[Array, ...]:
        """Arrays of `softmax.train_part`, and gradients of the rows for other threads."""
        key = weights.shape[0], shard.rows
        if key not in self._space:
            vocabulary, dtype = key[0], weights.dtype
            width = -(-shard.rows // softmax.LANES) * softmax.LANES
            blocks = -(-vocabulary // softmax.BLOCK)
            others = (self.pool.threads - 1, shard.rows, weights.shape[1])
            shapes = ((vocabulary, width), (blocks, width), (blocks, width), (width,), others)
            self._space = {key: tuple(aligned_zeros(shape, dtype) for shape in shapes)}
        return self._space[key]
