"""Kinds of a network's names: one number at every time step, a vector or a matrix of them.

``sum(z)``, ``mean(z)`` and ``dot(a, b)`` are one number, and so is what is made of such numbers and
of parameters that meet nothing else: ``f[t] = sigmoid(dot(w, e[t]) + b)`` with one number ``b``.
Beside a vector or matrix, a number counts for every entry. A matrix is what ``outer(v[t], k[t])``
makes, and what is made of such matrices: a memory that is read as ``C[t] @ q[t]``.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum

from recurra.lang import syntax
from recurra.lang.network import Network
from recurra.lang.syntax import CHARACTER, ROW_FUNCTIONS, Expression, Vector, children


class Kind(IntEnum):
    """Kind of an expression; of two that meet element-wise, the result has the larger."""

    CONSTANT = 0  # the same number at every time step
    OPEN = 1  # parameters whose kind is not known yet
    NUMBER = 2
    VECTOR = 3
    MATRIX = 4


Kinds = Mapping[str, Kind]


def find_kinds(network: Network) -> dict[str, Kind]:
    """The kind of every vector and bias by name: never `Kind.OPEN`."""
    kinds = dict.fromkeys([*(e.name for e in network.equations), *network.biases], Kind.OPEN)
    _raise_kinds(network, kinds)
    for equation in network.equations:
        if kinds[equation.name] == Kind.OPEN:  # c[t] = 2 and c[t] = s are vectors
            kinds[equation.name] = Kind.VECTOR
    _raise_kinds(network, kinds)
    while wide := [
        n for n, k in _uses(network, kinds) if (k, kinds[n]) == (Kind.VECTOR, Kind.OPEN)
    ]:
        kinds |= dict.fromkeys(wide, Kind.VECTOR)
        _raise_kinds(network, kinds)
    return {name: Kind.NUMBER if kind == Kind.OPEN else kind for name, kind in kinds.items()}


def kind_of(expression: Expression, kinds: Kinds) -> Kind:
    """The kind of an expression, given those of names."""
    match expression:
        case syntax.Number():
            return Kind.CONSTANT
        case Vector(name):
            return Kind.VECTOR if name == CHARACTER else kinds[name]
        case syntax.Bias(name):
            return kinds[name]
        case syntax.Call() if expression.is_number:
            return Kind.NUMBER
        case syntax.Product() | syntax.MemoryProduct() | syntax.Concat():
            return Kind.VECTOR
        case syntax.Outer():
            return Kind.MATRIX
        case syntax.Call(_, argument) | syntax.Dropout(argument) | syntax.Negative(argument):
            return kind_of(argument, kinds)
        case syntax.Binary(_, left, right):
            return max(kind_of(left, kinds), kind_of(right, kinds))


def _raise_kinds(network: Network, kinds: dict[str, Kind]) -> None:
    """Raise the kinds of vectors until every equation agrees."""
    changed = True
    while changed:
        changed = False
        for equation in network.equations:
            kind = max(kinds[equation.name], kind_of(equation.expression, kinds))
            changed |= kind != kinds[equation.name]
            kinds[equation.name] = kind


def _uses(network: Network, kinds: Kinds) -> Iterator[tuple[str, Kind]]:
    """Every bias with the kind of what it stands in."""
    for equation in network.equations:
        yield from _uses_in(equation.expression, kinds[equation.name], kinds)
    yield from _uses_in(network.output.expression, Kind.VECTOR, kinds)


def _uses_in(expression: Expression, around: Kind, kinds: Kinds) -> Iterator[tuple[str, Kind]]:
    match expression:
        case syntax.Bias(name):
            yield name, around
        case syntax.Binary():
            own = kind_of(expression, kinds)
            around = own if own > Kind.OPEN else around
        case syntax.Product() | syntax.MemoryProduct() | syntax.Concat() | syntax.Outer():
            around = Kind.VECTOR
        case syntax.Call(function) if function in ROW_FUNCTIONS:
            around = Kind.VECTOR
    for inner in children(expression):
        yield from _uses_in(inner, around, kinds)
