"""One thread's share of a batch: its arrays, and how they pass through the kernels."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.compute.arrays import aligned_zeros
from recurra.compute.base import Array, Parameters, State
from recurra.compute.dropout import Masks
from recurra.compute.numba.codegen import local_slopes, loop_matrices
from recurra.compute.plan import Plan, Term
from recurra.errors import TextError
from recurra.lang.shapes import Shapes

Key = tuple[str, str]
_NO_MASK = np.zeros((0, 0), np.uint8)


class Share:
    """Arrays for ``steps`` characters of the streams ``first`` to ``last`` of a batch.

    Keys are those of :mod:`recurra.compute.numba.codegen`: (kind letter, name in the plan). Time
    and stream are one axis: row ``t * batch + r``, vectors with their carried past in front.

    Attributes:
        streams: which of the batch are this share's.
        last: the state that the next sequence carries, views ``(lags, streams, n)``.
        bound: what is made once, see :meth:`arguments`.

    Args:
        plan: what is computed.
        shapes: sizes.
        dtype: float type of every array.
        steps: characters of each stream.
        first, last: the streams of the batch that are this share's.
        training: whether there is a backward pass.
    """

    def __init__(
        self,
        plan: Plan,
        shapes: Shapes,
        dtype: npt.DTypeLike,
        steps: int,
        first: int,
        last: int,
        training: bool,
    ) -> None:
        self.plan, self.shapes, self.dtype, self.steps = plan, shapes, dtype, steps
        self.streams, self.batch = slice(first, last), last - first
        self.rows = steps * self.batch
        self.sizes = plan.sizes(shapes)
        self._text = np.zeros((2, steps, self.batch), np.int32)
        self.inputs, self.targets = self._text.reshape(2, self.rows)
        self.scale = 0.0
        self.bound: dict[str, Any] = {}
        self.arrays: dict[Key, Array] = {}
        for total in plan.sums.values():
            if total is not plan.logits:
                self.arrays["s", total.name] = self._new(self.rows, self.sizes[total.owner])
        for name in plan.stages:
            self.arrays["v", name] = self.arrays["y", name] = self._vector(name)
            self.arrays["m", name] = _NO_MASK
            if plan.stages[name].normalised:
                self.arrays["n", name] = self._new(self.rows)
        for name, edge in plan.edges.items():
            self.arrays["k", name] = np.ones((self.rows, self.sizes[edge.owner]), dtype)
        # views of the carried past, and of what the next sequence carries
        self._past: State = {}
        self.last: State = {}
        for name, lags in plan.state.items():
            vector = self.arrays["v", name].reshape(-1, self.batch, self.sizes[name])
            self._past[name], self.last[name] = vector[:lags], vector[steps:]
        for name in loop_matrices(plan):
            # not worth its making for a step or two: products then read the matrix itself
            shape = shapes.parameters[name][::-1] if steps > 2 else (0, 0)
            self.arrays["w", name] = self._new(*shape)
        if training:
            self._prepare_backward()

    def _prepare_backward(self) -> None:
        local = local_slopes(self.plan)
        for name in self.plan.stages:
            rows = self.batch if name in local else len(self.arrays["v", name])
            slope = self._new(rows, self.sizes[name])
            self.arrays["d", name] = self.arrays["e", name] = slope
        for name, shape in self.shapes.parameters.items():
            self.arrays["g", name] = aligned_zeros(shape, self.dtype, 3)

    def _new(self, *shape: int) -> Array:
        return aligned_zeros(shape, self.dtype)

    def _vector(self, name: str) -> Array:
        return self._new((self.plan.lags[name] + self.steps) * self.batch, self.sizes[name])

    def arguments(self, kernel: str, keys: Iterable[Key], parameters: Parameters) -> list[Any]:
        """What a generated kernel with these keys is called with.

        Made once and kept in ``bound`` under the kernel's name, until that is cleared: by `put`
        with dropout, which exchanges arrays, and by who passes other parameters.
        """
        if kernel not in self.bound:
            fixed = {"inputs": self.inputs, "batch": self.batch, "scale": self.scale}
            self.bound[kernel] = [
                fixed[kind]
                if not name
                else parameters[name]
                if kind == "p"
                else self.arrays[kind, name]
                for kind, name in keys
            ]
        arguments: list[Any] = self.bound[kernel]
        return arguments

    # -- in and out

    def put(self, inputs: Array, targets: Array | None, state: State, masks: Masks | None) -> None:
        """Take this share of a batch: text, carried state, dropout."""
        self._text[0] = inputs[:, self.streams]
        if targets is not None:
            self._text[1] = targets[:, self.streams]
        self._check()
        for name, past in state.items():
            self._past[name][:] = past[:, self.streams]
        for name in self.plan.edges:
            edge = masks.edges.get(name) if masks else None
            mask = self.arrays["k", name].reshape(self.steps, self.batch, -1)
            mask[:] = 1.0 if edge is None else edge[:, self.streams]
        if self.plan.edges or (not masks and not self.scale):
            return
        self.bound.clear()
        self.scale = masks.scale if masks else 0.0
        for name in self.plan.dropped:
            if masks:
                mask = np.ascontiguousarray(masks.arrays[name][:, self.streams])
                self.arrays["m", name] = mask.reshape(-1, self.sizes[name])
            self._separate(name, masks is not None)

    def _check(self) -> None:
        # kernels read where they are told to; as unsigned numbers, negative ones are large
        if np.maximum.reduce(self._text.view(np.uint32), None, initial=0) >= self.shapes.vocabulary:
            self._text[:] = 0
            raise TextError(
                f"a character's number lies outside of the vocabulary of {self.shapes.vocabulary}"
            )

    def _separate(self, name: str, separate: bool) -> None:
        """With dropout, what products see (y, e) and the vector itself (v, d) are two arrays."""
        for seen, own in (("y", "v"), ("e", "d")):
            if (own, name) in self.arrays:
                one = self.arrays[own, name]
                if not separate:
                    self.arrays[seen, name] = one
                elif self.arrays[seen, name] is one:
                    self.arrays[seen, name] = np.zeros_like(one)

    # -- the output layer's operand and its slope

    def operand(self, term: Term, kind: str = "y") -> Array:
        """Rows of a product's operand, all time steps (kind "y"), or of its slope ("e")."""
        start = (self.plan.lags[term.vector] - term.lag) * self.batch
        return self.arrays[kind, term.vector][start : start + self.rows]

    def output_operand(self, parameters: Parameters) -> tuple[Array, Array, Array]:
        """What the logits are made of: hidden rows (N, h), weights (V, h), bias (V,).

        Several products become one over their operands and weights side by side.
        """
        if "operand" in self.bound:
            known: tuple[Array, Array, Array] = self.bound["operand"]
            return known
        logits = self.plan.logits
        bias = sum(
            (parameters[name] for name in logits.biases[1:]),
            parameters[logits.biases[0]] if logits.biases else self._new(self.shapes.scores),
        )
        operands = [self.operand(term) for term in logits.terms]
        weights = [parameters[term.matrix] for term in logits.terms]
        if len(operands) == 1:
            if len(logits.biases) == 1:  # nothing is copied, so nothing grows old
                self.bound["operand"] = operands[0], weights[0], bias
            return operands[0], weights[0], bias
        return np.concatenate(operands, axis=1), np.concatenate(weights, axis=1), bias

    def output_gradients(self) -> tuple[Array, Array, Array]:
        """Where the output layer writes its slopes: hidden rows, weights, bias."""
        if "slopes" in self.bound:
            whole, slopes = self.bound["slopes"]
            whole[:] = 0.0
            known: tuple[Array, Array, Array] = slopes
            return known
        logits = self.plan.logits
        bias = (
            self.arrays["g", logits.biases[0]] if logits.biases else self._new(self.shapes.scores)
        )
        if len(logits.terms) == 1:
            (term,) = logits.terms
            whole, rows = self.arrays["e", term.vector], self.operand(term, "e")
            whole[:] = 0.0
            slopes = rows, self.arrays["g", term.matrix], bias
            self.bound["slopes"] = whole if term.lag else whole[: -len(rows)], slopes
            return slopes
        width = sum(self.sizes[term.vector] for term in logits.terms)
        return self._new(self.rows, width), self._new(self.shapes.scores, width), bias

    def spread_output_gradients(self, rows: Array, weights: Array, bias: Array) -> None:
        """Give each product of the logits its part of the output layer's slopes."""
        logits = self.plan.logits
        # The first one's gradient is `bias` itself, and so comes last.
        for name, times in reversed(Counter(logits.biases).items()):
            np.multiply(bias, times, out=self.arrays["g", name])
        if len(logits.terms) == 1:
            return
        for term in logits.terms:
            self.arrays["e", term.vector][:] = 0.0
            self.arrays["g", term.matrix][:] = 0.0
        start = 0
        for term in logits.terms:
            stop = start + self.sizes[term.vector]
            self.operand(term, "e")[:] += rows[:, start:stop]
            self.arrays["g", term.matrix][:] += weights[:, start:stop]
            start = stop
