"""One thread's shard of a batch: its arrays, and how they pass through the kernels."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from recurra.compute.arrays import aligned_zeros
from recurra.compute.base import Array, Parameters, State, Weights
from recurra.compute.dropout import Masks
from recurra.compute.numba.blocks import local_gradients, loop_matrices
from recurra.compute.numba.source import Call, Kind
from recurra.compute.plan import Plan, Term
from recurra.errors import TextError
from recurra.lang.shapes import Shapes
from recurra.lang.syntax import NORM

_NO_MASK = np.zeros((0, 0), np.uint8)


class Shard:
    """Arrays for ``steps`` characters of the streams ``first`` to ``last`` of a batch.

    Time and stream are one axis: row ``t * batch + r``, vectors with their carried past in front.

    Attributes:
        streams: which of the batch are this shard's.
        inputs, targets: int32, one character a row.
        arrays: kind -> name in the plan -> array; see :data:`recurra.compute.numba.source.Kind`.
        gradients: parameter -> array; after a step its look-ups are zeros.
        last: the state that the next sequence carries, views ``(lags, streams, n)``.

    Args:
        plan: what is computed.
        shapes: sizes.
        dtype: float type of every array.
        steps: characters of each stream.
        first, last: the streams of the batch that are this shard's.
        training: whether there is a backward pass.
        threads: how many share its units.
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
        threads: int = 1,
    ) -> None:
        self.plan, self.shapes, self.dtype, self.steps = plan, shapes, dtype, steps
        self.threads = threads
        self.streams, self.batch = slice(first, last), last - first
        self.rows = steps * self.batch
        self.sizes, widths = plan.sizes(shapes), plan.widths(shapes)
        self._text = np.zeros((2, steps, self.batch), np.int32)
        self.inputs, self.targets = self._text.reshape(2, self.rows)
        self._dropout_scale = 0.0
        # what is made once, by its name and whose parameters it holds; dropout exchanges arrays
        self._bound: dict[tuple[str, Weights], Any] = {}
        self.arrays: dict[Kind, dict[str, Any]] = {kind: {} for kind in get_args(Kind)}
        self.gradients = self.arrays["gradient"]
        for total in plan.sums.values():
            if total is not plan.logits:
                self.arrays["sum"][total.name] = self._new(self.rows, widths[total.owner])
        for name in plan.stages:
            vector = self._vector(name)
            self.arrays["vector"][name] = self.arrays["dropped"][name] = vector
            self.arrays["mask"][name] = _NO_MASK
            if plan.stages[name].row_function == NORM:
                heads = max(1, plan.stages[name].heads)
                self.arrays["inv_std"][name] = self._new(self.rows * heads)
        for name, edge in plan.edges.items():
            self.arrays["edge_mask"][name] = np.ones((self.rows, widths[edge.owner]), dtype)
        # unsigned, as what may be negative counts from the end, in steps that do not vectorise
        self.arrays["height"] = {name: np.uintp(grid[1]) for name, grid in shapes.grids.items()}
        self.arrays["columns"] = {name: np.uintp(grid[2]) for name, grid in shapes.grids.items()}
        # views of the carried past, and of what the next sequence carries
        self._past: Parameters = {}
        self.last: Parameters = {}
        for name, lags in plan.state.items():
            vector = self.arrays["vector"][name].reshape(-1, self.batch, self.sizes[name])
            self._past[name], self.last[name] = vector[:lags], vector[steps:]
        for name in loop_matrices(plan.sums.values()):
            # not worth its making for a step or two: products then read the matrix itself
            shape = (shapes.sides(name)[1], shapes.block(name)[0]) if steps > 2 else (0, 0)
            self.arrays["transposed"][name] = self._new(*shape)
        if training:
            self._prepare_backward()

    def _prepare_backward(self) -> None:
        local = local_gradients(self.plan)
        for name in self.plan.stages:
            rows = self.batch if name in local else len(self.arrays["vector"][name])
            d_vector = self._new(rows, self.sizes[name])
            self.arrays["d_vector"][name] = self.arrays["d_dropped"][name] = d_vector
        for name, shape in self.shapes.parameters.items():
            self.gradients[name] = aligned_zeros(shape, self.dtype, page_offset=3)

    def _new(self, *shape: int) -> Array:
        return aligned_zeros(shape, self.dtype)

    def _vector(self, name: str) -> Array:
        return self._new((self.plan.lags[name] + self.steps) * self.batch, self.sizes[name])

    def arguments(
        self, kernel: str, calls: Iterable[Call], weights: Weights, parameters: Parameters
    ) -> list[list[Any]]:
        """The arguments of every call of generated functions, made once.

        Args:
            kernel: ``"forward"`` or ``"backward"``.
            calls: of its functions.
            weights, parameters: the parameters, by name and as arrays.
        """
        if (kernel, weights) not in self._bound:
            fixed: dict[Kind, Any] = {
                "inputs": self.inputs,
                "batch": self.batch,
                "dropout_scale": self._dropout_scale,
            }
            arrays = self.arrays | {"parameter": parameters}
            self._bound[kernel, weights] = [
                [arrays[kind][name] if name else fixed[kind] for kind, name in call.keys]
                for call in calls
            ]
        arguments: list[list[Any]] = self._bound[kernel, weights]
        return arguments

    # -- in and out

    def put(self, inputs: Array, targets: Array | None, state: State, masks: Masks | None) -> None:
        """Take this shard of a batch: text, carried state, dropout."""
        self._text[0] = inputs[:, self.streams]
        if targets is not None:
            self._text[1] = targets[:, self.streams]
        self._check()
        for name, past in state.items():
            self._past[name][:] = past[:, self.streams]
        for name in self.plan.edges:
            edge = masks.edges.get(name) if masks else None
            mask = self.arrays["edge_mask"][name].reshape(self.steps, self.batch, -1)
            mask[:] = 1.0 if edge is None else edge[:, self.streams]
        if self.plan.edges or (not masks and not self._dropout_scale):
            return
        self._bound.clear()
        self._dropout_scale = masks.scale if masks else 0.0
        for name in self.plan.dropped:
            if masks:
                mask = np.ascontiguousarray(masks.arrays[name][:, self.streams])
                self.arrays["mask"][name] = mask.reshape(-1, self.sizes[name])
            self._separate("dropped", "vector", name, masks is not None)
            self._separate("d_dropped", "d_vector", name, masks is not None)

    def _check(self) -> None:
        # kernels read where they are told to; as unsigned numbers, negative ones are large
        if np.maximum.reduce(self._text.view(np.uint32), None, initial=0) >= self.shapes.vocabulary:
            self._text[:] = 0
            raise TextError(
                f"a character's number lies outside of the vocabulary of {self.shapes.vocabulary}"
            )

    def _separate(self, dropped: Kind, whole: Kind, name: str, separate: bool) -> None:
        """With dropout, the vector itself and what products see of it are two arrays."""
        if name in self.arrays[whole]:
            one = self.arrays[whole][name]
            if not separate:
                self.arrays[dropped][name] = one
            elif self.arrays[dropped][name] is one:
                self.arrays[dropped][name] = np.zeros_like(one)

    # -- the output layer's operand and its gradient

    def operand(self, term: Term, kind: Kind = "dropped") -> Array:
        """Rows of a product's operand, all time steps, or of its gradient ("d_dropped")."""
        start = (self.plan.lags[term.vector] - term.lag) * self.batch
        rows: Array = self.arrays[kind][term.vector][start : start + self.rows]
        return rows

    def output_operand(
        self, weights: Weights, parameters: Parameters
    ) -> tuple[Array, Array, Array]:
        """The operands of the logits: hidden rows (N, h), matrix (V, h), bias (V,).

        Several products become one over their operands and matrices side by side.
        """
        if ("operand", weights) in self._bound:
            known: tuple[Array, Array, Array] = self._bound["operand", weights]
            return known
        logits = self.plan.logits
        bias = sum(
            (parameters[name] for name in logits.biases[1:]),
            parameters[logits.biases[0]] if logits.biases else self._new(self.shapes.scores),
        )
        operands = [self.operand(term) for term in logits.terms]
        matrices = [parameters[term.matrix] for term in logits.terms]
        if len(operands) == 1:
            if len(logits.biases) == 1:  # nothing is copied, so nothing grows old
                self._bound["operand", weights] = operands[0], matrices[0], bias
            return operands[0], matrices[0], bias
        return np.concatenate(operands, axis=1), np.concatenate(matrices, axis=1), bias

    def output_gradients(self) -> tuple[Array, Array, Array]:
        """The arrays for the output layer's gradients: hidden rows, matrix, bias."""
        if ("gradients", "parameter") in self._bound:
            whole, gradients = self._bound["gradients", "parameter"]
            whole[:] = 0.0
            known: tuple[Array, Array, Array] = gradients
            return known
        logits = self.plan.logits
        bias = self.gradients[logits.biases[0]] if logits.biases else self._new(self.shapes.scores)
        if len(logits.terms) == 1:
            (term,) = logits.terms
            whole, rows = self.arrays["d_dropped"][term.vector], self.operand(term, "d_dropped")
            whole[:] = 0.0
            gradients = rows, self.gradients[term.matrix], bias
            rest = whole if term.lag else whole[: -len(rows)]
            self._bound["gradients", "parameter"] = rest, gradients
            return gradients
        width = sum(self.sizes[term.vector] for term in logits.terms)
        return self._new(self.rows, width), self._new(self.shapes.scores, width), bias

    def distribute_output_gradients(self, rows: Array, matrix: Array, bias: Array) -> None:
        """Give each product of the logits its part of the output layer's gradients."""
        logits = self.plan.logits
        if len(logits.terms) == len(logits.biases) == 1:
            return  # they are its gradients
        # The first one's gradient is `bias` itself, and so comes last.
        for name, times in reversed(Counter(logits.biases).items()):
            np.multiply(bias, times, out=self.gradients[name])
        if len(logits.terms) == 1:
            return
        for term in logits.terms:
            self.arrays["d_dropped"][term.vector][:] = 0.0
            self.gradients[term.matrix][:] = 0.0
        start = 0
        for term in logits.terms:
            stop = start + self.sizes[term.vector]
            self.operand(term, "d_dropped")[:] += rows[:, start:stop]
            self.gradients[term.matrix][:] += matrix[:, start:stop]
            start = stop
