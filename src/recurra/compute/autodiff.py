"""Element-wise programs: the part of an equation between its products, and its derivative.

An expression over sums of products, read vectors and constants becomes a short list of
operations in single-assignment form; reverse-mode differentiation turns that list into another
one of the same kind. Every engine walks these lists, one rule for each kind of operation.
"""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from recurra.lang.functions import FUNCTIONS, PAIRS

ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


Broadcast = Literal["", "all", "rows", "columns", "blocks"]
# What a matrix, (..., blocks, rows, columns), meets collects the derivatives along these axes.
SUMMED_AXES: dict[Broadcast, tuple[int, ...]] = {
    "": (),
    "rows": (-1,),
    "columns": (-2,),
    "blocks": (-2, -1),
    "all": (-3, -2, -1),
}


@dataclass(frozen=True)
class SumValue:
    """The value of a sum of products (a pre-activation), by name."""

    name: str


@dataclass(frozen=True)
class Read:
    """A vector at ``[t - lag]``.

    Attributes:
        vector, lag: which one.
        broadcast: ``"all"``: it is one number, read for every entry. In the program of a matrix, a
            vector has a number for each of the ``"rows"``, ``"columns"`` or ``"blocks"``.
    """

    vector: str
    lag: int
    broadcast: Broadcast = ""


@dataclass(frozen=True)
class ParameterValue:
    """A bias vector used element-wise, the same for every row."""

    name: str


@dataclass(frozen=True)
class MaskValue:
    """A dropout edge's mask by name: 0 where it drops, 1 / (part kept) elsewhere."""

    name: str


@dataclass(frozen=True)
class Constant:
    """A number."""

    value: float


@dataclass(frozen=True)
class Temporary:
    """The result of operation ``index`` of the same program."""

    index: int


@dataclass(frozen=True)
class Result:
    """In a backward program: the stored value of the equation's vector."""


@dataclass(frozen=True)
class Adjoint:
    """In a backward program: d loss / d (the equation's vector)."""


Value = SumValue | Read | ParameterValue | MaskValue | Constant | Temporary | Result | Adjoint
Leaf = SumValue | Read | ParameterValue


@dataclass(frozen=True)
class Operation:
    """One step: ``+ - * /`` of two values, ``negative`` or a function of one, or ``f'`` of (x, y).

    A derivative's unread argument is ``Constant(0.0)``. ``max`` and ``min`` have two arguments,
    and so have ``max'`` and ``min'``, the derivatives by the first. ``**`` has a constant exponent.
    """

    kind: str
    arguments: tuple[Value, ...]


@dataclass(frozen=True)
class Element:
    """An equation's element-wise part and its derivative.

    Attributes:
        forward: operations in order; temporaries refer to their indices.
        value: what the vector becomes.
        backward: operations that give the adjoints, in order.
        adjoints: (leaf, d loss / d leaf) for every leaf of the forward program.
    """

    forward: tuple[Operation, ...]
    value: Value
    backward: tuple[Operation, ...]
    adjoints: tuple[tuple[Leaf, Value], ...]


class Program:
    """Operations under construction; equal operations are made once, trivial ones not at all.

    Where a logarithm of exponentials would over- or underflow, a form that does not is made.
    """

    def __init__(self) -> None:
        self.operations: dict[Operation, Temporary] = {}

    def emit(self, kind: str, *arguments: Value) -> Value:
        """The value of an operation."""
        match kind, arguments:
            case "identity", (value,):
                return value
            case "identity'", _:
                return Constant(1.0)
            case ("*", (Constant(1.0), value)) | ("*" | "/", (value, Constant(1.0))):
                return value
            case _, (Constant(left), Constant(right)) if kind in ARITHMETIC:
                return Constant(ARITHMETIC[kind](left, right))
            case "negative", (Constant(number),):
                return Constant(-number)
            case _, (Constant(), *others) if all(isinstance(o, Constant) for o in others):
                numbers = [np.float64(a.value) for a in arguments if isinstance(a, Constant)]
                with np.errstate(all="ignore"):
                    return Constant(float(forward(kind, *numbers)))
            case "**", (base, Constant(exponent)):
                if (power := self._power(base, exponent)) is not None:
                    return power
            case "log", (argument,):
                if (logarithm := self._logarithm(argument)) is not None:
                    return logarithm
        operation = Operation(kind, arguments)
        return self.operations.setdefault(operation, Temporary(len(self.operations)))

    def _power(self, base: Value, exponent: float) -> Value | None:
        """Whole numbers up to 16 as products, halves of one as a root."""
        if exponent == 0.5:
            return self.emit("sqrt", base)
        if exponent == 1.0:
            return base
        if not exponent.is_integer() or not 1 <= abs(exponent) <= 16:
            return None
        if exponent < 0:
            return self.emit("/", Constant(1.0), self.emit("**", base, Constant(-exponent)))
        half = self.emit("**", base, Constant(float(exponent // 2)))
        square = self.emit("*", half, half)
        return self.emit("*", square, base) if exponent % 2 else square

    def _logarithm(self, argument: Value) -> Value | None:
        """``log(argument)`` in a form that is finite wherever the value is."""
        inner = self._made(argument)
        if inner is None:
            return None
        exponents = [self._exponent(a) for a in inner.arguments]
        match inner.kind, inner.arguments, exponents:
            case "exp", (z,), _:
                return z
            case "sigmoid", (z,), _:
                return self.emit("negative", self.emit("softplus", self.emit("negative", z)))
            case "-", (Constant(1.0), other), _:
                gate = self._made(other)
                if gate and gate.kind == "sigmoid":  # 1 - sigmoid(z) = sigmoid(-z)
                    return self.emit("negative", self.emit("softplus", *gate.arguments))
            case "+", _, (Constant(0.0), z) | (z, Constant(0.0)) if z is not None:
                return self.emit("softplus", z)
            case "+", _, (one, other) if one is not None and other is not None:
                apart = self.emit("abs", self.emit("-", one, other))
                rest = self.emit("softplus", self.emit("negative", apart))
                return self.emit("+", self.emit("max", one, other), rest)
        return None

    def _exponent(self, value: Value) -> Value | None:
        """The z of ``exp(z)``, where a value is one; 1 is ``exp(0)``."""
        if value == Constant(1.0):
            return Constant(0.0)
        made = self._made(value)
        return made.arguments[0] if made and made.kind == "exp" else None

    def _made(self, value: Value) -> Operation | None:
        """The operation that made a value."""
        return [*self.operations][value.index] if isinstance(value, Temporary) else None


def forward(kind: str, *arguments: Any) -> Any:
    """The value of a function, of ``max``, ``min`` or ``**``, or of a derivative, in NumPy."""
    name = kind.removesuffix("'")
    if kind == "**":
        return np.power(*arguments)
    row = PAIRS[name] if name in PAIRS else FUNCTIONS[name]
    return (row.forward if name == kind else row.derivative)(*arguments)


def differentiate(program: Program, value: Value, *, stored: bool = True) -> Element:
    """The element with this forward program and value: reverse-mode differentiation.

    Args:
        program: the forward program.
        value: its result.
        stored: the value is still there in the backward pass; else it is computed again.
    """
    forward, (value,) = _needed(tuple(program.operations), (value,))
    backward = Program()

    def known(argument: Value) -> Value:
        """A forward value inside the backward program: stored, or computed again."""
        if stored and argument == value and isinstance(argument, Temporary):
            return Result()
        if isinstance(argument, Temporary):
            operation = forward[argument.index]
            return backward.emit(operation.kind, *map(known, operation.arguments))
        return argument

    adjoints: dict[Value, Value] = {value: Adjoint()}
    for index in reversed(range(len(forward))):
        adjoint = adjoints.get(Temporary(index))
        if adjoint is None:
            continue
        operation = forward[index]
        parts = _chain_rule(operation, Temporary(index), adjoint, backward, known)
        for argument, part in zip(operation.arguments, parts, strict=True):
            if not isinstance(argument, Constant | MaskValue):
                before = adjoints.get(argument)
                adjoints[argument] = part if before is None else backward.emit("+", before, part)
    leaves = tuple((v, a) for v, a in adjoints.items() if isinstance(v, Leaf))
    operations, found = _needed(tuple(backward.operations), (value for _, value in leaves))
    pairs = tuple((leaf, value) for (leaf, _), value in zip(leaves, found, strict=True))
    return Element(forward, value, operations, pairs)


def _chain_rule(
    operation: Operation,
    result: Value,
    adjoint: Value,
    backward: Program,
    known: Callable[[Value], Value],
) -> tuple[Value, ...]:
    """d loss / d argument for each argument, given d loss / d result."""
    match operation:
        case Operation("+", _):
            return adjoint, adjoint
        case Operation("-", _):
            return adjoint, backward.emit("negative", adjoint)
        case Operation("*", (left, right)):
            return (
                backward.emit("*", adjoint, known(right)),
                backward.emit("*", adjoint, known(left)),
            )
        case Operation("/", (_, right)):
            quotient = backward.emit("/", adjoint, known(right))
            return quotient, backward.emit("negative", backward.emit("*", quotient, known(result)))
        case Operation("negative", _):
            return (backward.emit("negative", adjoint),)
        case Operation("**", (base, Constant(number) as exponent)):
            derivative = backward.emit("**", known(base), Constant(number - 1.0))
            derivative = backward.emit("*", exponent, derivative)
            return backward.emit("*", adjoint, derivative), Constant(0.0)
        case Operation(function, (left, right)):
            pair = known(left), known(right)
            return (
                backward.emit("*", adjoint, backward.emit(f"{function}'", *pair)),
                backward.emit("*", adjoint, backward.emit(f"{function}'", *reversed(pair))),
            )
        case Operation(function, (argument,)):
            reads = FUNCTIONS[function].reads
            x = known(argument) if "x" in reads else Constant(0.0)
            y = known(result) if "y" in reads else Constant(0.0)
            return (backward.emit("*", adjoint, backward.emit(f"{function}'", x, y)),)
    raise AssertionError(operation)


def _needed(
    operations: tuple[Operation, ...], values: Iterable[Value]
) -> tuple[tuple[Operation, ...], tuple[Value, ...]]:
    """The same program without operations whose results nobody reads, numbered anew."""
    values = tuple(values)
    needed: set[int] = {v.index for v in values if isinstance(v, Temporary)}
    for index in reversed(range(len(operations))):
        if index in needed:
            arguments = operations[index].arguments
            needed |= {a.index for a in arguments if isinstance(a, Temporary)}
    number = {old: new for new, old in enumerate(sorted(needed))}

    def renumbered(values: Iterable[Value]) -> tuple[Value, ...]:
        return tuple(Temporary(number[v.index]) if isinstance(v, Temporary) else v for v in values)

    kept = tuple(
        Operation(operations[i].kind, renumbered(operations[i].arguments)) for i in sorted(needed)
    )
    return kept, renumbered(values)
