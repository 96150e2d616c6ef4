"""Formulas over time, as data: the parts of a derivation.

A formula speaks of one time step t. A quantity is a vector of the network, or a sum that a function
is applied to, named after its vector: ``a.1`` is the first such argument in the equation of ``a``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, TypeGuard


@dataclass(frozen=True)
class Constant:
    """A number; ``name`` is set if it is a choice of the network."""

    value: float
    name: str = ""


@dataclass(frozen=True)
class Value:
    """A quantity at ``t - lag``; a negative lag is a later step. ``x`` is the character."""

    quantity: str
    lag: int


@dataclass(frozen=True)
class Frozen:
    """A quantity at one step k, whatever t is: in no true gradient, but in a published one."""

    quantity: str


@dataclass(frozen=True)
class Delta:
    """The derivative of the loss by a quantity at ``t - lag``, all later steps included.

    It is zero behind the end of the sequence.
    """

    quantity: str
    lag: int


@dataclass(frozen=True)
class Error:
    """The probabilities minus what came: the derivative of the loss by the logits.

    With a shortlist it is as long as the logits: first the characters on the list, with the
    probabilities of the first choice; then all others, whose probabilities are those within the
    class of the next one, zero outside of it; then the classes.
    """


@dataclass(frozen=True)
class Mask:
    """Mask of a dropout at ``t - lag``: random in training, else ones.

    Every dropout of the equations has a number of its own.
    """

    number: int
    lag: int


@dataclass(frozen=True)
class Parameter:
    """A parameter vector."""

    name: str


@dataclass(frozen=True)
class Sum:
    """A sum; a number among its terms counts for every entry."""

    terms: "tuple[Formula, ...]"


@dataclass(frozen=True)
class Negative:
    """``-argument``."""

    argument: "Formula"


@dataclass(frozen=True)
class Hadamard:
    """The product of two vectors entry by entry, or of a number and a vector."""

    left: "Formula"
    right: "Formula"


@dataclass(frozen=True)
class Quotient:
    """The quotient of two vectors entry by entry."""

    left: "Formula"
    right: "Formula"


@dataclass(frozen=True)
class MatrixVector:
    """``matrix @ operand``, or ``matrix.T @ operand``."""

    matrix: str
    transposed: bool
    operand: "Formula"


@dataclass(frozen=True)
class Apply:
    """A function of every entry, by the name in the equations; or of a whole vector.

    With ``heads`` it is one of each of so many equal parts; the ``sum`` or ``mean`` of a part
    stands all over it, and is its own derivative.
    """

    function: str
    argument: "Formula"
    heads: int = 0


@dataclass(frozen=True)
class Extreme:
    """``max`` or ``min`` of two vectors entry by entry."""

    function: str
    left: "Formula"
    right: "Formula"


@dataclass(frozen=True)
class Larger:
    """1 at every entry where the left is larger, 1/2 where both are equal, else 0."""

    left: "Formula"
    right: "Formula"


@dataclass(frozen=True)
class Power:
    """Every entry raised to a number."""

    base: "Formula"
    exponent: "Formula"


@dataclass(frozen=True)
class Derivative:
    """The derivative of a function at every entry."""

    function: str
    argument: "Formula"


@dataclass(frozen=True)
class RowDerivative:
    """The derivative of ``norm`` or ``softmax``, a symmetric matrix, times a vector.

    With y = norm(z) and s = sqrt(var z + 1e-5): ``(v - mean v - y * mean(y * v)) / s``;
    with y = softmax(z): ``y * (v - sum(y * v))``. Of several heads it is that of each.
    """

    function: str
    argument: "Formula"
    vector: "Formula"
    heads: int = 0


@dataclass(frozen=True)
class Total:
    """The sum of all entries, or their mean: one number. Beside a vector it meets every entry."""

    argument: "Formula"
    mean: bool = False


@dataclass(frozen=True)
class BlockTotals:
    """The sum of all entries of each block of a matrix: one number a block.

    Attributes:
        argument: the matrix.
        like: a vector with a number for each block.
    """

    argument: "Formula"
    like: "Formula"


@dataclass(frozen=True)
class BlockNumbers:
    """The matrix that has a number for each of its blocks, at every entry of it."""

    vector: "Formula"


@dataclass(frozen=True)
class Broadcast:
    """The derivative of a total, times a number: that number at every entry of a vector.

    Attributes:
        number: to be broadcast; where ``mean`` is set, divided by the number of entries.
        like: a vector with as many entries.
    """

    number: "Formula"
    like: "Formula"
    mean: bool = False


@dataclass(frozen=True)
class Dyad:
    """The matrix ``left right^T`` over time; the constant 1 stands for a vector of ones.

    Attributes:
        left, right: column and row.
        blocks: number of the blocks on its diagonal, outside of which it is zero; 0: all counts.
    """

    left: "Formula"
    right: "Formula"
    blocks: int = 0


@dataclass(frozen=True)
class MemoryVector:
    """``matrix @ operand``, or ``matrix.T @ operand``, of a matrix over time.

    Attributes:
        matrix, transposed, operand: the product.
        blocks: number of the matrix's blocks; 0: it is a whole one.
    """

    matrix: "Formula"
    transposed: bool
    operand: "Formula"
    blocks: int = 0


@dataclass(frozen=True)
class Join:
    """Vectors one behind the other."""

    vectors: "tuple[Formula, ...]"


@dataclass(frozen=True)
class Part:
    """The entries of a vector where a `Join` has put one of its vectors.

    Attributes:
        vector: whose entries.
        before: the vectors before that one.
        own: that one.
    """

    vector: "Formula"
    before: "tuple[Formula, ...]"
    own: "Formula"


@dataclass(frozen=True)
class Outer:
    """The matrix ``left right^T``: column times row."""

    left: "Formula"
    right: "Formula"


Formula = (
    Constant
    | Value
    | Frozen
    | Delta
    | Error
    | Mask
    | Parameter
    | Sum
    | Negative
    | Hadamard
    | Quotient
    | MatrixVector
    | Apply
    | Extreme
    | Larger
    | Power
    | Derivative
    | RowDerivative
    | Total
    | BlockTotals
    | BlockNumbers
    | Broadcast
    | Dyad
    | MemoryVector
    | Join
    | Part
    | Outer
)


def parts(formula: Formula) -> tuple[Formula, ...]:
    """The direct parts of a formula."""
    found: list[Formula] = []
    for field in fields(formula):
        value = getattr(formula, field.name)
        found += [one for one in (value if isinstance(value, tuple) else (value,)) if _is(one)]
    return tuple(found)


def _is(value: object) -> TypeGuard[Formula]:
    return isinstance(value, Formula)


def walk(formula: Formula) -> Iterator[Formula]:
    """Every node of a formula, parents first, left to right."""
    yield formula
    for part in parts(formula):
        yield from walk(part)


def rewrite(formula: Formula, change: Callable[[Formula], Formula]) -> Formula:
    """A formula with every node changed, parts before wholes."""
    return change(change_parts(formula, lambda part: rewrite(part, change)))


def change_parts(formula: Formula, change: Callable[[Formula], Formula]) -> Formula:
    """A formula with its direct parts changed."""
    values: dict[str, Any] = {field.name: getattr(formula, field.name) for field in fields(formula)}
    for name, value in values.items():
        if isinstance(value, tuple):
            values[name] = tuple(map(change, value))
        elif isinstance(value, Formula):
            values[name] = change(value)
    return replace(formula, **values)


def later(formula: Formula, steps: int) -> Formula:
    """The same formula some time steps later."""

    def move(node: Formula) -> Formula:
        if isinstance(node, Value | Delta | Mask):
            return replace(node, lag=node.lag - steps)
        return node

    return rewrite(formula, move)


def is_number(formula: Formula) -> bool:
    """Whether a formula holds numbers only: it is the same for every entry and time step."""
    leaves = (node for node in walk(formula) if not parts(node))
    return all(isinstance(leaf, Constant) for leaf in leaves)


def opposite(formula: Formula) -> Formula:
    """The formula with the other sign; two signs are none."""
    return formula.argument if isinstance(formula, Negative) else Negative(formula)


def total(formulas: "list[Formula]") -> Formula:
    """The sum of formulas, at least one."""
    return formulas[0] if len(formulas) == 1 else Sum(tuple(formulas))
