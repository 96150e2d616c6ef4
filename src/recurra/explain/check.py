"""A derivation by hand, checked against the exact one in numbers, on a tiny random example.

Both are evaluated at every time step of the example. A typed formula is taken apart into its terms:
those that agree with terms of the exact one are right; of each other one the check says which exact
term it comes closest to, and how it differs. Numbers from a program are compared as a whole, with
the exact ones and with those that frequent mistakes give.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recurra.errors import unknown
from recurra.explain.derivation import Derivation, derive
from recurra.explain.evaluator import Evaluator, make_example
from recurra.explain.formulas import (
    Constant,
    Delta,
    Derivative,
    Formula,
    Hadamard,
    MatrixVector,
    Negative,
    Outer,
    Sum,
    Value,
    rewrite,
    walk,
)
from recurra.explain.published import no_time_paths, one_input, wrong_derivative
from recurra.explain.typed import read_formula, terms
from recurra.lang.network import Network

Array = NDArray[np.float64]
Kind = Literal[
    "right", "missing", "twice", "wrong", "shape",
    "sign", "factor", "transposed", "order", "derivative", "tanh derivative", "argument", "delta",
    "time", "no time", "one input", "one step", "mean",
]  # fmt: skip

MAX_STEPS = 40  # of an example
_CLOSE = 1e-9  # of typed formulas, in float64
_PRINTED = 1e-4  # of numbers as programs print them


@dataclass(frozen=True)
class Remark:
    """One thing that is right, wrong or missing in an answer.

    Attributes:
        kind: the key of its sentence.
        typed: the term of the answer that it is about.
        exact: the exact term that it comes closest to, or that is missing.
        detail: a factor, a time step or a shape.
    """

    kind: Kind
    typed: Formula | None = None
    exact: Formula | None = None
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right as a whole, and what there is to say about it."""

    right: bool
    remarks: tuple[Remark, ...]


class Check:
    """The check of one line of a derivation: the gradient of a parameter, or a delta.

    Args:
        network: the equations.
        name: of a parameter, or of a quantity such as ``a``, or ``a.1`` for its first argument.
        seed: of the example.

    Raises:
        SettingError: the network has no such parameter or quantity.
    """

    def __init__(self, network: Network, name: str, seed: int = 0) -> None:
        self.derivation, self.name = derive(network), name
        lines = self.derivation.deltas | self.derivation.gradients
        if name not in lines:
            raise unknown(f"parameter or quantity of {network.name} is", name, lines)
        lags = [path.lag for paths in self.derivation.deltas.values() for path in paths]
        # paths that are longer than the example are not seen in it
        self.example = make_example(network, steps=min(max(lags) + 3, MAX_STEPS), seed=seed)
        self.evaluator = _Unbounded(self.derivation, self.example)

    @cached_property
    def exact(self) -> tuple[Formula, ...]:
        """The terms of the exact answer."""
        return self._terms(self.derivation)

    @cached_property
    def numbers(self) -> Array:
        """The exact gradient in its shape on paper, or the delta at every time step, (T, n)."""
        return self._numbers(self.exact)

    @cached_property
    def _exact_numbers(self) -> dict[Formula, Array]:
        """Exact term -> its numbers."""
        return {term: self._numbers([term]) for term in self.exact}

    def _sum(self, group: Sequence[Formula]) -> Array:
        """The numbers of exact terms together."""
        return sum((self._exact_numbers[term] for term in group), np.zeros(()))

    def _terms(self, derivation: Derivation) -> tuple[Formula, ...]:
        paths = (derivation.deltas | derivation.gradients)[self.name]
        return tuple(term for path in paths for term in terms(path.formula))

    def _numbers(self, formulas: Sequence[Formula], evaluator: Evaluator | None = None) -> Array:
        evaluator = evaluator or self.evaluator
        if self.name in self.derivation.gradients:
            return evaluator.over_time(formulas, self.name)
        times = range(1, self.example.length + 1)
        size = evaluator.value(self.name, 1).shape
        return np.stack(
            [np.broadcast_to(sum(evaluator.evaluate(f, t) for f in formulas), size) for t in times]
        )

    # -- a typed formula

    def formula(self, text: str) -> Verdict:
        """Check a formula in the notation of `recurra.explain.typed`.

        Raises:
            EquationError: it cannot be read.
        """
        numbers = []
        typed = terms(read_formula(text, self.derivation))
        for term in typed:
            try:
                with np.errstate(all="ignore"):
                    numbers.append(self._numbers([term]))
            except ValueError:  # sizes that do not go together
                return Verdict(False, (Remark("shape", term, detail=self._shape),))
        if _same(sum(numbers, np.zeros(())), self.numbers):
            return Verdict(True, (Remark("right"),))
        return Verdict(False, tuple(self._remarks(typed, numbers)))

    def _remarks(self, typed: Sequence[Formula], numbers: Sequence[Array]) -> Iterator[Remark]:
        missing, others = [*self.exact], []
        for term, found in zip(typed, numbers, strict=True):
            if group := self._equal(found, missing):
                missing = [one for one in missing if one not in group]
            elif self._equal(found, self.exact):
                yield Remark("twice", term)
            else:
                others.append((term, found))
        for term, found in others:
            remark = self._closest(term, found, missing)
            missing = [one for one in missing if one != remark.exact]
            yield remark
        for term in missing:
            yield Remark("missing", exact=term)

    def _equal(self, found: Array, among: Sequence[Formula]) -> tuple[Formula, ...]:
        """Exact terms whose sum has these numbers: one, or some that were written together."""
        sizes = range(1, min(len(among), 4) + 1)
        groups = (group for size in sizes for group in combinations(among, size))
        return next((group for group in groups if _same(found, self._sum(group))), ())

    def _closest(self, term: Formula, found: Array, among: Sequence[Formula]) -> Remark:
        for exact in among:
            numbers = self._exact_numbers[exact]
            factor = float((found * numbers).sum() / ((numbers * numbers).sum() or 1.0))
            if factor and _same(found, factor * numbers):
                kind: Kind = "sign" if abs(factor + 1.0) < _CLOSE else "factor"
                return Remark(kind, term, exact, f"{factor:.4g}")
        for exact in among:
            for kind, variant in _mistaken(exact):
                try:
                    if _same(found, self._numbers([variant])):
                        return Remark(kind, term, exact)
                except (ValueError, KeyError):  # of other sizes; a quantity that there is not
                    continue
        return Remark("wrong", term)

    # -- numbers

    def values(self, text: str) -> Verdict:
        """Check numbers as NumPy and others print them, in whatever brackets."""
        text = re.sub(r"(?<![\d.])(?:array|float\d+|dtype)\b", " ", text)
        found = np.array([float(n) for n in re.findall(_NUMBER, text)])
        if found.size != self.numbers.size:
            return Verdict(False, (Remark("shape", detail=self._shape),))
        found = found.reshape(self.numbers.shape)
        if _same(found, self.numbers, _PRINTED):
            return Verdict(True, (Remark("right"),))
        for remarks, numbers in self._mistakes():
            if _same(found, numbers, _PRINTED):
                return Verdict(False, remarks)
        return Verdict(False, (Remark("wrong"),))

    def _mistakes(self) -> Iterator[tuple[tuple[Remark, ...], Array]]:
        """Frequent mistakes, with the numbers that they give."""
        numbers, steps = self.numbers, self.example.length
        yield (Remark("sign"),), -numbers
        yield (Remark("transposed"),), numbers.T.reshape(numbers.shape)
        yield (Remark("mean", detail=f"{steps}"),), numbers / steps
        for size in range(1, min(len(self.exact), 4)):
            for left_out in combinations(self.exact, size):
                missing = tuple(Remark("missing", exact=term) for term in left_out)
                yield missing, numbers - self._sum(left_out)
        if self.name in self.derivation.gradients:
            for t in range(1, steps + 1):
                part = self.evaluator.over_time(self.exact, self.name, [t])
                yield (Remark("one step", detail=f"{t}"),), part
        derivations: dict[Kind, Derivation] = {
            "no time": no_time_paths(self.derivation),
            "tanh derivative": wrong_derivative(self.derivation),
            "one input": one_input(self.derivation),
        }
        for kind, mistaken in derivations.items():
            evaluator = _Unbounded(mistaken, self.example)
            yield (Remark(kind),), self._numbers(self._terms(mistaken), evaluator)

    @property
    def _shape(self) -> str:
        return " × ".join(map(str, self.numbers.shape))


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


class _Unbounded(Evaluator):
    """Evaluates at any time: behind the end deltas are zero, and what else is unknown is one."""

    def value(self, quantity: str, t: int) -> Array:
        """A quantity at a time step."""
        past = self.example.past.get(quantity, ())
        if -len(past) < t <= self.example.length:
            return super().value(quantity, t)
        return np.ones_like(super().value(quantity, 1))

    def delta(self, quantity: str, t: int) -> Array:
        """The derivative of the loss by a quantity at a time step."""
        if 1 <= t <= self.example.length:
            return super().delta(quantity, t)
        return np.zeros_like(super().delta(quantity, 1))


def _same(found: Array, wanted: Array, tolerance: float = _CLOSE) -> bool:
    scale = max(float(np.abs(wanted).max(initial=0.0)), 1e-12)
    with np.errstate(invalid="ignore"):
        return bool(np.abs(found - wanted).max(initial=0.0) <= tolerance * scale)


def _mistaken(exact: Formula) -> Iterator[tuple[Kind, Formula]]:
    """An exact term with each of the mistakes that one makes with a pencil."""
    kinds: tuple[Kind, ...] = (
        "derivative",
        "tanh derivative",
        "argument",
        "transposed",
        "order",
        "delta",
    )
    for kind in kinds:
        yield kind, rewrite(exact, partial(_mistake, kind))
    yield "tanh derivative", rewrite(exact, partial(_mistake, "tanh derivative of the value"))
    timed = {node for node in walk(exact) if isinstance(node, Value | Delta)}
    for nodes in [*({node} for node in timed), timed]:
        for steps in (-1, 1, -2, 2):
            yield "time", rewrite(exact, partial(_moved, nodes, steps))


def _mistake(kind: str, node: Formula) -> Formula:
    match kind, node:
        case "derivative", Hadamard(left, Derivative()):
            return left
        case "tanh derivative", Derivative(_, argument):
            return Derivative("tanh", argument)
        case "tanh derivative of the value", Derivative(_, Value(quantity, lag)):
            value = Value(quantity.partition(".")[0], lag)
            return Sum((Constant(1.0), Negative(Hadamard(value, value))))
        case "argument", Derivative(function, Value(quantity, lag)):
            return Derivative(function, Value(quantity.partition(".")[0], lag))
        case "transposed", MatrixVector(matrix, transposed, operand):
            return MatrixVector(matrix, not transposed, operand)
        case "order", Outer(left, right):
            return Outer(right, left)
        case "delta", Delta(quantity, lag):
            vector, _, number = quantity.partition(".")
            return Delta(vector if number else f"{vector}.1", lag)
    return node


def _moved(nodes: Collection[Formula], steps: int, node: Formula) -> Formula:
    if isinstance(node, Value | Delta) and node in nodes:
        return replace(node, lag=node.lag + steps)
    return node
