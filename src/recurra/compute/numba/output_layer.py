"""The output layer's part of a training step, cut among threads by vocabulary where rows are few.

With many rows each share passes through the whole layer on its own. With few (one stream), all
threads work on the one share: each takes a part of the vocabulary. Then Adagrad's step on the
output weights can be taken block by block, while their gradients are in cache; and nobody waits for
it: one thread goes on with the backward pass, and helps when that is done.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from recurra.compute.arrays import aligned_zeros
from recurra.compute.base import Array, Parameters
from recurra.compute.numba.kernels import class_softmax as shortlist
from recurra.compute.numba.kernels import softmax as output
from recurra.compute.numba.shard import Share
from recurra.compute.numba.threads import Team
from recurra.compute.optimizers import Optimizer
from recurra.compute.plan import Plan
from recurra.lang.shapes import Shapes

# Fewer output weights than this stay in cache anyway, and are done before a thread is awake.
_WORTH_SHARING = 100_000


class OutputLayer:
    """Losses and slopes of the logits of a plan.

    Args:
        plan: whose logits.
        shapes: sizes; where some characters have classes the layer is that of `kernels.shortlist`.
        team: who works on it.
    """

    def __init__(self, plan: Plan, shapes: Shapes, team: Team) -> None:
        self.team, self.threads = team, team.threads
        logits = plan.logits
        matrices = [t.matrix for s in plan.sums.values() for t in s.terms]
        matrices += [m for s in plan.sums.values() for m in s.lookups]
        # one product with a matrix that nothing else reads, and one bias
        self.alone = (
            len(logits.terms) == len(logits.biases) == 1
            and matrices.count(logits.terms[0].matrix) == 1
        )
        self.names = (logits.terms[0].matrix, *logits.biases[:1])
        self._kernels: Any = shortlist if shapes.classes else output
        sizes = shapes.vocabulary, shapes.shortlist, shapes.class_size
        self._sizes = sizes if shapes.classes else ()
        self._space: dict[tuple[int, int], tuple[Array, ...]] = {}
        self._begun: tuple[Callable[[], None], Callable[[], Any]] | None = None

    def fuses(self, share: Share, optimizer: Optimizer) -> bool:
        """Whether a step on this share alone can, and better had, update the weights on its way."""
        s = optimizer.settings
        alone = self.alone and share.rows <= output.STRIP and not self._sizes
        fits = alone and s.kind == "adagrad" and not s.clip_norm
        return fits and share.arrays["g", self.names[0]].size >= _WORTH_SHARING

    def whole(self, share: Share, parameters: Parameters, scale: float) -> float:
        """Loss and slopes, left in the share; ``scale`` times the loss is what they belong to."""
        slopes = share.output_gradients()
        operand = share.output_operand(parameters)
        loss = self._kernels.train(*operand, share.targets, scale, *slopes, *self._sizes)
        share.spread_output_gradients(*slopes)
        return float(loss)

    def losses(self, rows: Array, weights: Array, bias: Array, targets: Array) -> Array:
        """``-log p`` of each target, (N,)."""
        losses: Array = self._kernels.losses(rows, weights, bias, targets, *self._sizes)
        return losses

    def log_probabilities(self, rows: Array, weights: Array, bias: Array) -> Array:
        """``log p`` of every character, (N, V), for few rows."""
        log_p: Array = self._kernels.log_probabilities(rows, weights, bias, *self._sizes)
        return log_p

    def fused(
        self,
        share: Share,
        parameters: Parameters,
        scale: float,
        optimizer: Optimizer,
        rate: float,
    ) -> float:
        """Loss and slopes of the hidden rows; Adagrad's step on the weights is taken by `finish`.

        The other threads begin with it, so the backward pass may not read these weights.
        """
        rows, weights, bias = share.output_operand(parameters)
        d_rows, _, d_bias = share.output_gradients()
        scores, peaks, sums, hits, more = self._workspace(share, weights)
        bounds = self._bounds(weights)
        s = optimizer.settings
        memory = [optimizer.slots[f"{name}/accumulator"] for name in self.names]
        limit = np.inf if s.clip_value is None else s.clip_value
        (gate, turn), threads = np.zeros((2, 1), np.int64), len(bounds) - 1

        def train_part(part: int) -> float:
            loss: float = output.train_part(
                *(rows, share.rows, weights, bias, share.targets, scale),
                *(bounds[part], bounds[part + 1], scores, peaks, sums, hits),
                *(more[part - 1] if part else d_rows, d_bias, gate, threads),
            )
            return loss

        def update() -> None:
            output.update_adagrad(
                *(rows, 0, share.rows, weights, bias, scores, d_bias, *memory),
                *(rate, limit, s.weight_decay, *s.eps_parts, turn),
            )

        def work(part: int) -> None:
            train_part(part)
            update()

        self._begun = update, self.team.begin(work, range(1, threads))
        loss = train_part(0)
        for part in range(1, threads):
            d_rows += more[part - 1]
        return loss

    def finish(self) -> None:
        """Take what is left of the step that `fused` has begun."""
        if self._begun is not None:
            (update, end), self._begun = self._begun, None
            try:
                update()
            finally:
                end()

    def _bounds(self, weights: Array) -> list[int]:
        """Where each thread's part of the vocabulary begins, whole blocks, and the end."""
        vocabulary = len(weights)
        blocks = -(-vocabulary // output.BLOCK)
        count = max(1, min(self.threads, blocks, weights.size // _WORTH_SHARING))
        return [min(blocks * i // count * output.BLOCK, vocabulary) for i in range(count)] + [
            vocabulary
        ]

    def _workspace(self, share: Share, weights: Array) -> tuple[Array, ...]:
        """Scores, peaks, sums, hits and the other threads' slopes of the rows."""
        key = weights.shape[0], share.rows
        if key not in self._space:
            vocabulary, dtype = key[0], weights.dtype
            width = -(-share.rows // output.LANES) * output.LANES
            blocks = -(-vocabulary // output.BLOCK)
            more = (self.threads - 1, share.rows, weights.shape[1])
            shapes = ((vocabulary, width), (blocks, width), (blocks, width), (width,), more)
            self._space = {key: tuple(aligned_zeros(shape, dtype) for shape in shapes)}
        return self._space[key]
