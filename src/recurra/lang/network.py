"""A recurrent network as typed: its equations, choices and initialisers, and what must hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from math import ceil, lcm
from typing import Literal, get_args

from recurra.errors import EquationError
from recurra.lang.syntax import (
    CHARACTER,
    Bias,
    Call,
    Expression,
    Number,
    Place,
    Product,
    Vector,
    show,
    walk,
)

# name -> default argument of the initialisers a line such as `W: identity(0.5)` may name
INITIALISERS = {"identity": 1.0, "orthogonal": 1.0, "normal": 0.01, "uniform": 0.1, "constant": 0.0}

MATRIX_INITIALISERS = ("identity", "orthogonal")

# what a line such as `W: blocks(4)` may say of a matrix
DIAGONAL, BLOCKS = "diagonal", "blocks"

# how parameters start where the equations do not say it: N(0, 0.01^2), or scaled by size and place
Initialisation = Literal["classic", "scaled"]
INITIALISATIONS: tuple[Initialisation, ...] = get_args(Initialisation)


@dataclass(frozen=True)
class Equation:
    """``name[t] = expression``; the output's expression is the argument of its softmax."""

    name: str
    expression: Expression
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Initialiser:
    """How a parameter starts, whatever the recipe says: ``kind(argument)``."""

    kind: str
    argument: float


@dataclass(frozen=True)
class Network:
    """A recurrent network as typed: its equations, choices and initialisers.

    Attributes:
        name: short name, for lists and run folders.
        equations: every vector's equation in the order typed, without the output's.
        output: the equation of the softmax; its expression is the logits.
        shortlist: how many of the most frequent characters the softmax chooses among, together
            with classes of all others; None: it chooses among all characters at once.
        functions: choice name -> function name (``f1 -> tanh``).
        constants: choice name -> number.
        initialisers: parameter name -> how it starts.
        blocks: matrix or memory -> how many blocks on its diagonal hold all of its numbers, the
            others being zero; None: as many as it has rows, a diagonal matrix.
        description: the leading comment.
        description_zh: the same in Chinese, its lines that begin with ``zh:``; not in `source`.
        text: the text as typed, for messages.
        first: vector -> its value at every step before the text: a number or a parameter vector;
            of the others it is 0.
        layers: how many layers the lines with ``[l]`` were written out for; None: there are none.
    """

    name: str
    equations: tuple[Equation, ...]
    output: Equation
    shortlist: Number | None
    functions: Mapping[str, str]
    constants: Mapping[str, float]
    initialisers: Mapping[str, Initialiser]
    description: str = ""
    text: str = field(default="", compare=False)
    first: Mapping[str, Number | Bias] = field(default_factory=dict)
    layers: int | None = field(default=None, compare=False)
    blocks: Mapping[str, Number | None] = field(default_factory=dict)
    description_zh: str = field(default="", compare=False)

    def about(self, language: str) -> str:
        """The description in a language; in English where there is no other."""
        return (self.description_zh if language == "zh" else "") or self.description

    @cached_property
    def nodes(self) -> tuple[Expression, ...]:
        """Every node of every expression in order of appearance, the output's last."""
        everything = (*self.equations, self.output)
        nodes = (node for equation in everything for node in walk(equation.expression))
        numbers = (self.shortlist, *self.first.values(), *self.blocks.values())
        return (*nodes, *(number for number in numbers if number is not None))

    @cached_property
    def products(self) -> tuple[str, ...]:
        """Names of all matrices in order of appearance, the output's last."""
        return tuple(dict.fromkeys(n.matrix for n in self.nodes if isinstance(n, Product)))

    @cached_property
    def diagonals(self) -> tuple[str, ...]:
        """Names of the diagonal matrices, which are vectors times vectors."""
        return tuple(n for n in self.products if n in self.blocks and self.blocks[n] is None)

    @cached_property
    def matrices(self) -> tuple[str, ...]:
        """Names of the matrices that are not diagonal, in order of appearance."""
        return tuple(name for name in self.products if name not in self.diagonals)

    @cached_property
    def biases(self) -> tuple[str, ...]:
        """Names of the parameter vectors in order of appearance, then the diagonal matrices."""
        names = (n.name for n in self.nodes if isinstance(n, Bias))
        return (*dict.fromkeys(names), *self.diagonals)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters: matrices, then biases."""
        return self.matrices + self.biases

    @property
    def choices(self) -> dict[str, str | float]:
        """Present values of what ``--set`` may change."""
        layers = {} if self.layers is None else {"layers": self.layers}
        return {**self.functions, **self.constants, **layers}

    @property
    def source(self) -> str:
        """The canonical text of the network; parsing it gives an equal network."""
        lines = [f"# {line}".rstrip() for line in self.description.splitlines()]
        lines += [f"{name} = {function}" for name, function in self.functions.items()]
        lines += [f"{name} = {show(Number(number))}" for name, number in self.constants.items()]
        lines += [f"{e.name}[t] = {show(e.expression)}" for e in self.equations]
        lines += [f"{name}[0] = {show(first)}" for name, first in self.first.items()]
        logits = show(self.output.expression)
        shortlist = f", {show(self.shortlist)}" if self.shortlist else ""
        lines.append(f"{self.output.name}[t] = softmax({logits}{shortlist})")
        lines += [f"{name}: {said}" for name, said in self.starts.items()]
        return "\n".join(lines) + "\n"

    @property
    def starts(self) -> dict[str, str]:
        """Right sides of the lines ``name: ...``: blocks, initialisers, or both."""
        said = {
            name: DIAGONAL if count is None else f"{BLOCKS}({show(count)})"
            for name, count in self.blocks.items()
        }
        for name, start in self.initialisers.items():
            drawn = f"{start.kind}({show(Number(start.argument))})"
            said[name] = f"{said[name]} = {drawn}" if name in said else drawn
        return said

    def fitting_size(self, size: int, each: int = 0) -> int:
        """The next size of vectors that all blocks and heads divide, into ``each`` or more."""
        heads = (node.parts for node in self.nodes if isinstance(node, Call) and node.parts)
        unit = lcm(*(int(count.value) for count in self.blocks.values() if count), *heads)
        return max(each, ceil(size / unit)) * unit

    def function(self, name: str) -> str:
        """The function that a called name stands for: itself, or what the choice says."""
        return self.functions.get(name, name)

    def error(self, message: str, place: Place) -> EquationError:
        """An `EquationError` at a place of this network's text."""
        return EquationError(message, self.text, place.line, place.column, self.name)

    def _repr_markdown_(self) -> str:
        return f"**{self.name}**\n```\n{self.source}```"


def reads(expression: Expression) -> Iterator[Vector]:
    """The vectors that an expression reads, the character not among them."""
    for node in walk(expression):
        if isinstance(node, Vector) and node.name != CHARACTER:
            yield node


def check_order(network: Network) -> None:
    """Within one time step the equations must have an order: no cycle at lag 0."""
    today = {e.name: [v for v in reads(e.expression) if not v.lag] for e in network.equations}
    try:
        TopologicalSorter({n: [v.name for v in vs] for n, vs in today.items()}).prepare()
    except CycleError as error:
        path = error.args[1]
        place = next(v.place for v in today[path[1]] if v.name == path[0])
        steps = " -> ".join(f"{name}[t]" for name in path)
        raise network.error(
            f"a cycle inside one time step: {steps}; read one of them at [t-1]", place
        ) from None


def check_used(network: Network) -> None:
    """Every vector must reach the output, else its parameters could never learn."""
    for node in network.nodes:
        if isinstance(node, Vector) and node.name == network.output.name:
            raise network.error(
                f"{node.name}[t] is the output and cannot be read: read the vectors behind it",
                node.place,
            )
    lagged = {v.name for v in network.nodes if isinstance(v, Vector) and v.lag}
    equations = {e.name: e for e in network.equations}
    for name in network.first.keys() - lagged:
        raise network.error(
            f"{name}[0] is never read: read {name}[t-1] somewhere or remove the line of {name}[0]",
            equations[name].place,
        )
    reached: set[str] = set()
    frontier = [network.output]
    while frontier:
        for vector in reads(frontier.pop().expression):
            if vector.name not in reached:
                reached.add(vector.name)
                frontier.append(equations[vector.name])
    for name, equation in equations.items():
        if name not in reached:
            raise network.error(
                f"{name}[t] never reaches the output {network.output.name}[t]: "
                "use it or remove its line",
                equation.place,
            )
    if not any(
        isinstance(n, Product) and isinstance(n.operand, Vector) and n.operand.name == CHARACTER
        for n in network.nodes
    ):
        raise network.error(
            "no equation reads the character: one of them needs U @ x[t]", network.output.place
        )
