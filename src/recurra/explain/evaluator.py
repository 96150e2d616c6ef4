"""The formulas of a derivation in numbers, each evaluated as it stands on paper.

Slow and plain on purpose: one text, one time step and one formula at a time, in float64. It shares
nothing with the engines, which compute the same numbers in another way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.compute.base import Parameters
from recurra.compute.gradcheck import random_problem
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.explain import formulas
from recurra.explain.derivation import Derivation
from recurra.explain.formulas import Formula
from recurra.lang.functions import FUNCTIONS, NORM_EPS, PAIRS
from recurra.lang.network import Network
from recurra.lang.shape_solver import ShapeSolver
from recurra.lang.shapes import Shapes
from recurra.lang.syntax import CHARACTER, NORM, ROW_FUNCTIONS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One short text, with the numbers of a network that reads it.

    Attributes:
        shapes: sizes of the network's vectors and parameters.
        parameters: as on paper, whatever their storage.
        text: numbers of the characters, one more than there are time steps.
        past: vector -> its values before the text, (lags, n), oldest first.
    """

    shapes: Shapes
    parameters: Parameters
    text: Sequence[int]
    past: Mapping[str, Array]

    @property
    def length(self) -> int:
        """Number of time steps."""
        return len(self.text) - 1


def make_example(
    network: Network, *, vocabulary: int = 4, hidden: int = 3, steps: int = 3, seed: int = 0
) -> Example:
    """A random example of a network: small enough to follow with a pencil."""
    shapes = ShapeSolver(network).shapes(vocabulary, network.fitting_size(hidden))
    engine = make_engine("reference", make_plan(network), shapes, np.float64)
    problem = random_problem(engine, steps, 1, np.random.default_rng(seed))
    parameters = {name: shapes.swap_layout(name, a) for name, a in problem.parameters.items()}
    text = [*problem.inputs[:, 0], problem.targets[-1, 0]]
    past = {name: value[:, 0] for name, value in problem.state.items()}
    return Example(shapes, parameters, [int(one) for one in text], past)


class Evaluator:
    """Every formula of a derivation at every time step of an example.

    Time steps are t = 1 ... T. Vectors have the shape (n,); a part that is a number may be one.
    """

    def __init__(self, derivation: Derivation, example: Example) -> None:
        self.derivation, self.example = derivation, example
        self._known: dict[tuple[str, str, int], Array] = {}

    @cached_property
    def _steps(self) -> dict[str, Formula]:
        return {step.quantity: step.formula for step in self.derivation.steps}

    def value(self, quantity: str, t: int) -> Array:
        """A quantity at t = 1 ... T, or before: as carried in."""
        if quantity == CHARACTER:
            # a tied matrix has columns for classes behind those for characters
            return self._one_hot(self.example.text[t - 1])
        if t < 1:
            past: Array = self.example.past[quantity][t - 1]
            if quantity in self.example.shapes.grids:
                whole = self._zeros(quantity)
                whole[self._blocks(quantity)] = past  # both row by row
                return whole
            return past
        known = self._known.get(("value", quantity, t))
        if known is None:
            known = self.evaluate(self._steps[quantity], t) + self._zeros(quantity)
            known = self._inside(quantity, known)
            self._known["value", quantity, t] = known
        return known

    def delta(self, quantity: str, t: int) -> Array:
        """The derivative of the loss by a quantity at a time step; zero behind the end."""
        known = self._known.get(("delta", quantity, t))
        if known is None:
            # behind the end of the text nobody reads
            paths = self.derivation.deltas[quantity]
            paths = tuple(path for path in paths if t + path.lag <= self.example.length)
            known = self._zeros(quantity)
            for path in paths:
                known = known + self.evaluate(path.formula, t)
            known = self._inside(quantity, known)
            self._known["delta", quantity, t] = known
        return known

    def gradient(self, parameter: str) -> Array:
        """The gradient of a parameter, in its shape on paper."""
        return self.over_time(
            [path.formula for path in self.derivation.gradients[parameter]], parameter
        )

    def over_time(
        self, terms: Sequence[Formula], parameter: str, times: Iterable[int] = ()
    ) -> Array:
        """The sum of formulas over time steps, or over all, in a parameter's shape on paper."""
        times = times or range(1, self.example.length + 1)
        shape = self.example.shapes.paper(parameter)
        total = sum((self.evaluate(term, t) for t in times for term in terms), np.zeros(()))
        if parameter in self.example.shapes.blocks:
            total = self.example.shapes.stored(parameter, total)
        elif total.ndim == 2:
            total = total[:, : shape[1]]
        return np.broadcast_to(total, shape)

    def mask(self, number: int, t: int) -> Any:
        """The number or vector that a dropout multiplies with: one, as outside of training."""
        return 1.0

    def evaluate(self, formula: Formula, t: int) -> Any:
        """A formula at a time step."""
        match formula:
            case formulas.Constant(number):
                return number
            case formulas.Value(quantity, lag):
                return self.value(quantity, t - lag)
            case formulas.Frozen(quantity):
                return self.value(quantity, 1)
            case formulas.Delta(quantity, lag):
                return self.delta(quantity, t - lag)
            case formulas.Error():
                logits = self.value(self.derivation.logits, t)
                return self._error(logits, self.example.text[t])
            case formulas.Mask(number, lag):
                return self.mask(number, t - lag)
            case formulas.RowDerivative(function, argument, vector, heads):
                derivative = _norm_derivative if function == NORM else _softmax_derivative
                z, v = (_parts(self.evaluate(one, t), heads) for one in (argument, vector))
                return np.concatenate([derivative(a) @ b for a, b in zip(z, v, strict=True)])
            case formulas.Total(argument, mean):
                entries = np.asarray(self.evaluate(argument, t))
                return np.atleast_1d(entries.mean() if mean else entries.sum())
            case formulas.BlockTotals(argument, like):
                rows = self.evaluate(argument, t).sum(1)
                return rows.reshape(len(self.evaluate(like, t)), -1).sum(1)
            case formulas.Broadcast(number, like, mean):
                size = len(self.evaluate(like, t))
                return np.full(size, self.evaluate(number, t)) / (size if mean else 1)
            case formulas.Dyad(left, right):
                return self._column(left, t) * self._column(right, t).T
            case formulas.MemoryVector(matrix, transposed, operand):
                numbers = self.evaluate(matrix, t)
                numbers = numbers.T if transposed else numbers
                column = self._column(operand, t)
                return (numbers * column.T).sum(1)  # a constant stands for a vector of it
            case formulas.Join(vectors):
                return np.concatenate([self.evaluate(one, t) for one in vectors])
            case formulas.Part(vector, before, own):
                start = sum(len(self.evaluate(one, t)) for one in before)
                return self.evaluate(vector, t)[start : start + len(self.evaluate(own, t))]
            case formulas.Parameter(name):
                return self.example.parameters[name]
            case formulas.Sum(terms):
                return sum(self._beside(*terms, t=t))
            case formulas.Negative(argument):
                return -self.evaluate(argument, t)
            case formulas.Hadamard(left, right):
                return np.multiply(*self._beside(left, right, t=t))
            case formulas.Quotient(left, right):
                return np.divide(*self._beside(left, right, t=t))
            case formulas.MatrixVector(matrix, transposed, operand):
                stored = self.example.parameters[matrix]
                weights = self.example.shapes.whole(matrix, stored)
                weights = weights.T if transposed else weights
                vector = self.evaluate(operand, t)
                if operand == formulas.Value(CHARACTER, 0):
                    vector = vector[: weights.shape[1]]
                return weights @ vector
            case formulas.Apply(function, argument, heads) if function in ROW_FUNCTIONS:
                parts = _parts(self.evaluate(argument, t), heads)
                return np.concatenate([_OF_ROWS[function](part) for part in parts])
            case formulas.Apply(function, argument):
                row = FUNCTIONS[self.derivation.network.function(function)]
                return row.forward(np.asarray(self.evaluate(argument, t)))
            case formulas.Extreme(function, left, right):
                return PAIRS[function].forward(*self._beside(left, right, t=t))
            case formulas.Larger(left, right):
                return np.heaviside(np.subtract(*self._beside(left, right, t=t)), 0.5)
            case formulas.Power(base, exponent):
                return np.power(self.evaluate(base, t), self.evaluate(exponent, t))
            case formulas.Derivative(function, argument):
                row = FUNCTIONS[self.derivation.network.function(function)]
                x = np.asarray(self.evaluate(argument, t))
                return row.derivative(x, row.forward(x))
            case formulas.Outer(left, right):
                return np.multiply.outer(self.evaluate(left, t), self.evaluate(right, t))

    def _beside(self, *terms: Formula, t: int) -> list[Any]:
        """Values that meet entry by entry; beside a matrix, a vector has one for each block."""
        values = [np.asarray(self.evaluate(one, t)) for one in terms]
        rows = max((len(value) for value in values if value.ndim == 2), default=0)
        if rows and len({value.ndim for value in values}) > 1:
            return [
                np.repeat(v, rows // v.size)[:, None] if v.ndim == 1 and v.size > 1 else v
                for v in values
            ]
        return values

    def _blocks(self, quantity: str) -> NDArray[np.bool_]:
        """Where in a whole memory its blocks are."""
        count, rows, columns = self.example.shapes.grids[quantity]
        return np.kron(np.eye(count, dtype=bool), np.ones((rows, columns), bool))

    def _inside(self, quantity: str, numbers: Array) -> Array:
        """Zeros around the blocks of a memory; anything else as it is."""
        if quantity not in self.example.shapes.grids:
            return numbers
        return np.where(self._blocks(quantity), numbers, 0.0)

    def _column(self, formula: Formula, t: int) -> Array:
        return np.atleast_1d(self.evaluate(formula, t))[:, None]

    def _zeros(self, quantity: str) -> Array:
        """As long as a vector; where an argument's length is unknown, of any length."""
        shapes = self.example.shapes
        if quantity in shapes.grids:
            return np.zeros(self._blocks(quantity).shape)
        size = shapes.vectors.get(quantity)
        return np.zeros(()) if size is None else np.zeros(size)

    def _one_hot(self, character: int) -> Array:
        column = np.zeros(self.example.shapes.scores)
        column[character] = 1.0
        return column

    def _error(self, logits: Array, target: int) -> Array:
        """Probabilities minus what came, of every softmax that the target takes part in."""
        shapes = self.example.shapes
        error = np.zeros_like(logits)
        head = [*range(shapes.shortlist), *range(shapes.vocabulary, shapes.scores)]
        chosen = [(head, target)]
        for own, (low, high) in enumerate(shapes.class_bounds, shapes.vocabulary):
            if low <= target < high:
                chosen = [(head, own), ([*range(low, high)], target)]
        for among, one in chosen:
            error[among] = _softmax(logits[among])
            error[one] -= 1.0
        return error


def _parts(z: Array, heads: int) -> Array:
    return z.reshape(max(1, heads), -1)


def _softmax(z: Array) -> Array:
    exponentials: Array = np.exp(z - z.max())
    return np.asarray(exponentials / exponentials.sum())


def _softmax_derivative(z: Array) -> Array:
    """The derivative of the softmax at z, (n, n)."""
    y = _softmax(z)
    derivative: Array = np.diag(y) - np.outer(y, y)
    return derivative


_OF_ROWS: dict[str, Callable[[Array], Array]] = {
    "norm": lambda z: (z - z.mean()) / np.sqrt(z.var() + NORM_EPS),
    "softmax": _softmax,
    "sum": lambda z: np.full_like(z, z.sum()),
    "mean": lambda z: np.full_like(z, z.mean()),
}


def _norm_derivative(z: Array) -> Array:
    """The derivative of layer normalisation at z, (n, n)."""
    centred, variance = z - z.mean(), z.var() + NORM_EPS
    mixed = (1.0 + np.outer(centred, centred) / variance) / z.size
    derivative: Array = (np.eye(z.size) - mixed) / np.sqrt(variance)
    return derivative
