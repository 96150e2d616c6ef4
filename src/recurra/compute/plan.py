"""Network -> Plan: in which order what is computed, and which products leave the time loop.

The vectors fall into blocks, the strongly connected components of "depends on", in order. A
product whose operand belongs to an earlier block is hoisted: done for all time steps at once.
Inside a recurrent block, time is a loop; a block that does not recur needs none.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import count
from math import isfinite, isinf, prod
from typing import Literal

from recurra.compute.autodiff import (
    Broadcast,
    Constant,
    Element,
    Leaf,
    MaskValue,
    ParameterValue,
    Program,
    Read,
    SumValue,
    Value,
    differentiate,
)
from recurra.compute.strong_components import strong_components
from recurra.lang.expansion import expand
from recurra.lang.kinds import Kind, find_kinds, kind_of
from recurra.lang.network import Network
from recurra.lang.shapes import Shapes
from recurra.lang.syntax import (
    CHARACTER,
    ROW_FUNCTIONS,
    TOTALS,
    Bias,
    Binary,
    Call,
    Concat,
    Dropout,
    Expression,
    MemoryProduct,
    Negative,
    Number,
    Outer,
    Product,
    Vector,
    walk,
)


@dataclass(frozen=True)
class Term:
    """One product in a sum: ``matrix @ vector[t - lag]``, or ``matrix.T @`` if transposed.

    Matrices are meant as stored: those of the logits are (V, n), hence never transposed.
    ``hoisted``: the vector belongs to an earlier block, so all time steps are one product.
    """

    matrix: str
    transposed: bool
    vector: str
    lag: int
    hoisted: bool = False


@dataclass(frozen=True)
class Sum:
    """A sum of products and biases: a pre-activation, or the logits.

    Attributes:
        name: unique; ``owner`` with a number.
        owner: the vector whose equation it stands in.
        lookups: matrices read at the current character's row.
        terms: products with vectors.
        biases: bias vectors.
    """

    name: str
    owner: str
    lookups: tuple[str, ...]
    terms: tuple[Term, ...]
    biases: tuple[str, ...]


@dataclass(frozen=True)
class Edge:
    """A dropout edge: in which vector's stage its mask lies, and its rate; None: the recipe's."""

    owner: str
    rate: float | None


# Of all numbers of a row: a norm, a softmax, sum or mean; of a matrix, sums of rows or columns.
RowFunction = Literal["", "norm", "softmax", "sum", "mean", "row sums", "column sums"]
NO_ELEMENT = Element((), Constant(0.0), (), ())


@dataclass(frozen=True)
class Stage:
    """One vector: its sums, its element-wise program, and a function of the whole row behind it.

    ``norm`` is the layer normalisation of Ba et al. 2016, without gain and bias:
    ``norm(z) = (z - mean z) / sqrt(mean (z - mean z)**2 + 1e-5)``. Behind ``sum`` and ``mean`` the
    vector has one number. With ``heads`` a function takes each of so many parts, and a sum or mean
    stands all over its part. A vector with ``parts`` is those vectors, one behind the other.

    A memory is a vector whose numbers are those of a matrix, row by row. ``matrix`` names the
    memory whose blocks, rows and columns a program has: itself, or that of which ``C @ q`` adds up
    every row and ``C.T @ k`` every column.
    """

    vector: str
    sums: tuple[Sum, ...]
    element: Element
    row_function: RowFunction = ""
    parts: tuple[Read, ...] = ()
    matrix: str = ""
    heads: int = 0

    @property
    def reads(self) -> tuple[Read, ...]:
        """The vectors it reads but for products: its parts, or those of its program."""
        leaves = (leaf for leaf, _ in self.element.adjoints)
        return self.parts + tuple(leaf for leaf in leaves if isinstance(leaf, Read))

    @property
    def is_total(self) -> bool:
        """Whether it adds up what its program computes."""
        return self.row_function in TOTALS and not self.heads

    @property
    def adds_up(self) -> bool:
        """Whether its program computes more numbers than the vector has."""
        return self.is_total or self.row_function in ("row sums", "column sums")

    @property
    def is_pointwise(self) -> bool:
        """Whether every number depends on those at the same place alone."""
        return not (
            self.row_function
            or self.parts
            or self.matrix
            or any(read.broadcast for read in self.reads)
        )

    @property
    def across(self) -> Leaf:
        """A leaf that is as wide as its program."""
        leaves = (leaf for leaf, _ in self.element.adjoints)
        return next(leaf for leaf in leaves if not (isinstance(leaf, Read) and leaf.broadcast))


@dataclass(frozen=True)
class Block:
    """Vectors that depend on each other, in their order within a time step."""

    stages: tuple[Stage, ...]
    recurrent: bool


@dataclass(frozen=True)
class Plan:
    """Computation of a network in order: blocks, then the logits. Every engine walks it.

    Attributes:
        network: where it comes from.
        blocks: in order; the backward pass takes them in reverse.
        logits: the argument of the softmax.
        lags: vector name -> the largest lag at which anything reads it.
        edges: the dropout edges of the equations, by the names of their masks.

    An operand that is itself an expression, as in ``W @ (r[t] * h[t-1])``, and what stands in
    ``norm(...)``, become vectors of the plan with dotted names (``g.0``).
    """

    network: Network
    blocks: tuple[Block, ...]
    logits: Sum
    lags: dict[str, int]
    edges: dict[str, Edge]

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Every vector's stage, by name, in order."""
        return {stage.vector: stage for block in self.blocks for stage in block.stages}

    @cached_property
    def sums(self) -> dict[str, Sum]:
        """Every sum by name, the logits last."""
        sums = {s.name: s for stage in self.stages.values() for s in stage.sums}
        return {**sums, self.logits.name: self.logits}

    @cached_property
    def dropped(self) -> tuple[str, ...]:
        """Vectors that products outside their block read: where dropout acts, in order.

        Unless the equations have dropout edges of their own: then only those drop.
        """
        read = {t.vector for s in self.sums.values() for t in s.terms if t.hoisted}
        return tuple(name for name in self.stages if name in read)

    @cached_property
    def state(self) -> dict[str, int]:
        """Vectors carried from one sequence to the next, with how many steps of each."""
        return {name: lag for name, lag in self.lags.items() if lag}

    def sizes(self, shapes: Shapes) -> dict[str, int]:
        """The size of every vector of the plan, those with dotted names included."""
        sizes = dict(shapes.vectors)
        for term in (t for s in self.sums.values() for t in s.terms):
            rows, columns = shapes.sides(term.matrix)
            sizes[term.vector] = rows if term.transposed else columns
        for name, stage in self.stages.items():
            if name not in sizes:  # it is read element-wise alone, as norm(...) is
                sizes[name] = _size(stage, shapes, sizes)
        return {name: sizes[name] for name in self.stages}

    def widths(self, shapes: Shapes) -> dict[str, int]:
        """How many numbers the program of every stage computes; of a total, all that it adds."""
        sizes = self.sizes(shapes)
        return {
            name: _width(stage, shapes, sizes) if stage.adds_up else sizes[name]
            for name, stage in self.stages.items()
        }


def _size(stage: Stage, shapes: Shapes, sizes: dict[str, int]) -> int:
    match stage.row_function:
        case "sum" | "mean" if stage.is_total:
            return 1
        case "row sums":
            return prod(shapes.grids[stage.matrix][:2])
        case "column sums":
            return prod(shapes.grids[stage.matrix][::2])
    return _width(stage, shapes, sizes)


def _width(stage: Stage, shapes: Shapes, sizes: dict[str, int]) -> int:
    """The width of a stage, from whatever it is made of."""
    for total in stage.sums:
        for name in (*total.lookups, *total.biases):
            return shapes.parameters[name][-1]
        for term in total.terms:
            rows, columns = shapes.sides(term.matrix)
            return columns if term.transposed else rows
    if stage.matrix:
        return prod(shapes.grids[stage.matrix])
    if stage.parts:
        return sum(sizes[read.vector] for read in stage.parts)
    match stage.across:
        case Read(vector):
            return sizes[vector]
        case ParameterValue(name):
            return shapes.parameters[name][0]
    raise AssertionError(stage)


def make_plan(network: Network) -> Plan:
    """Order the equations of a network and hoist what need not wait for time."""
    lowering = _Lowering(network)
    stages = lowering.stages
    depends = {
        name: [t.vector for s in stage.sums for t in s.terms] + [r.vector for r in stage.reads]
        for name, stage in stages.items()
    }
    components = strong_components(depends)
    number = {name: i for i, names in enumerate(components) for name in names}
    lags = dict.fromkeys(stages, 0)
    sums = [s for stage in stages.values() for s in stage.sums] + [lowering.logits]
    for read in (r for stage in stages.values() for r in stage.reads):
        lags[read.vector] = max(lags[read.vector], read.lag)
    for term in (t for s in sums for t in s.terms):
        lags[term.vector] = max(lags[term.vector], term.lag)
    blocks = []
    earlier: set[str] = set()
    for i, names in enumerate(components):
        today = {name: [n for n in _today(stages[name]) if number[n] == i] for name in names}
        order = list(TopologicalSorter(today).static_order())
        recurrent = any(number[n] == i for name in names for n in depends[name])
        members = []
        for name in order:
            stage = stages[name]
            members.append(replace(stage, sums=tuple(_hoist(s, earlier) for s in stage.sums)))
        blocks.append(Block(tuple(members), recurrent))
        earlier |= set(names)
    logits = _hoist(lowering.logits, earlier)
    plan = Plan(network, tuple(blocks), logits, lags, lowering.edges)
    check_plan(plan)
    return plan


def check_plan(plan: Plan) -> None:
    """Every stage reads only what is there when it runs; an AssertionError is our mistake."""
    earlier: set[str] = set()
    for block in plan.blocks:
        done: set[str] = set()
        for stage in block.stages:
            for term in (t for s in stage.sums for t in s.terms):
                assert term.hoisted == (term.vector in earlier), term
                assert term.hoisted or term.lag or term.vector in done, term
            for read in stage.reads:
                assert read.lag or read.vector in earlier | done, read
            done.add(stage.vector)
        earlier |= done
    assert all(term.vector in earlier for term in plan.logits.terms)


@dataclass
class _Body:
    """A stage in the making: its element-wise program of one kind, and the sums that it reads."""

    owner: str
    kind: Kind
    program: Program = field(default_factory=Program)
    sums: list[Sum] = field(default_factory=list)


class _Lowering:
    """Equations -> stages: products collected into sums, the rest into element-wise programs."""

    def __init__(self, network: Network) -> None:
        self.network = network = expand(network)
        self.kinds = find_kinds(network)
        self.stages: dict[str, Stage] = {}
        self.operands: dict[Expression, str] = {}
        self.numbers = count()
        self.edges: dict[str, Edge] = {}
        for equation in network.equations:
            self._stage(equation.name, equation.expression)
        body = _Body(network.output.name, Kind.VECTOR)
        self._lower(network.output.expression, body)
        (logits,) = body.sums
        terms = tuple(replace(term, transposed=False) for term in logits.terms)
        self.logits = replace(logits, terms=terms)

    def _stage(self, name: str, expression: Expression) -> None:
        row_function: RowFunction = ""
        heads = 0
        match expression:
            case Call("norm" | "softmax" | "sum" | "mean" as function, argument):
                row_function, heads, expression = function, expression.parts, argument
            case Concat(inner):
                parts = tuple(self._read(part, name) for part in inner)
                self.stages[name] = Stage(name, (), NO_ELEMENT, parts=parts)
                return
            case MemoryProduct():
                self._memory_product(name, expression)
                return
        body = _Body(name, kind_of(expression, self.kinds))
        matrix, value = name * (body.kind == Kind.MATRIX), self._lower(expression, body)
        element = differentiate(body.program, value, stored=not row_function)
        self.stages[name] = Stage(name, (*body.sums,), element, row_function, (), matrix, heads)

    def _memory_product(self, name: str, product: MemoryProduct) -> None:
        body, memory = _Body(name, Kind.MATRIX), product.memory
        along: Broadcast = "rows" if product.transposed else "columns"
        operand = self._broadcast(product.operand, body, along)
        value = body.program.emit("*", Read(memory.name, memory.lag), operand)
        element = differentiate(body.program, value, stored=False)
        function: RowFunction = "column sums" if product.transposed else "row sums"
        self.stages[name] = Stage(name, (), element, function, matrix=memory.name)

    def _read(self, expression: Expression, owner: str) -> Read:
        """An expression as a vector of the plan."""
        if isinstance(expression, Vector):
            return Read(expression.name, expression.lag)
        return Read(self._vector_of(expression, owner), 0)

    def _lower(self, expression: Expression, body: _Body) -> Value:
        if Kind.CONSTANT < (kind := kind_of(expression, self.kinds)) < body.kind:
            return self._broadcast(expression, body, "blocks" if kind == Kind.VECTOR else "all")
        match expression:
            case Number(value):
                return Constant(value)
            case Bias(name):
                return ParameterValue(name)
            case Vector(name, lag):
                return Read(name, lag)
            case Call(function) if function in ROW_FUNCTIONS:
                return self._read(expression, body.owner)
            case Concat() | MemoryProduct():
                return self._read(expression, body.owner)
            case Outer(left, right):
                column = self._broadcast(left, body, "rows")
                return body.program.emit("*", column, self._broadcast(right, body, "columns"))
            case Dropout(argument, rate):
                inner = self._lower(argument, body)
                mask = f"{body.owner}~{len(self.edges)}"
                self.edges[mask] = Edge(body.owner, rate)
                return body.program.emit("*", inner, MaskValue(mask))
            case Call(function, argument):
                inner = self._lower(argument, body)
                result = body.program.emit(self.network.function(function), inner)
                return self._finite(result, expression)
            case Negative(argument):
                return body.program.emit("negative", self._lower(argument, body))
            case Binary("+") | Product():
                return self._sum(expression, body)
            case Binary(operator, left, right, place):
                first, second = self._lower(left, body), self._lower(right, body)
                if operator == "/" and second == Constant(0.0):
                    raise self.network.error("a division by zero: divide by another number", place)
                if operator == "**" and second == Constant(0.0):
                    raise self.network.error("a power of 0 is 1: write 1", place)
                return self._finite(body.program.emit(operator, first, second), expression)

    def _broadcast(self, expression: Expression, body: _Body, broadcast: Broadcast) -> Value:
        """A factor of every entry, or of those of a row or column; a constant is that of all."""
        if isinstance(expression, Number):
            return Constant(expression.value)
        return replace(self._read(expression, body.owner), broadcast=broadcast)

    def _sum(self, expression: Expression, body: _Body) -> Value:
        addends = list(self._addends(expression, body.kind))
        products = [a for a in addends if isinstance(a, Product)]
        values: list[Value] = []
        if products:
            lookups, terms = [], []
            for product in products:
                if isinstance(product.operand, Vector) and product.operand.name == CHARACTER:
                    lookups.append(product.matrix)
                else:
                    terms.append(self._term(product, body.owner))
            biases = tuple(a.name for a in addends if isinstance(a, Bias))
            addends = [a for a in addends if not isinstance(a, Product | Bias)]
            name = f"{body.owner}:{len(body.sums)}"
            made = Sum(name, body.owner, tuple(lookups), tuple(terms), biases)
            body.sums.append(made)
            values.append(SumValue(made.name))
        values += [self._lower(a, body) for a in addends]
        total = values[0]
        for value in values[1:]:
            total = body.program.emit("+", total, value)
        return self._finite(total, expression)

    def _finite(self, value: Value, expression: Expression) -> Value:
        """The value, unless it is a constant that no calculation can use."""
        match value, expression:
            case Constant(number), Binary("+" | "-" | "*" | "/", place=place) if isinf(number):
                raise self.network.error("this number is too large: use smaller ones", place)
            case Constant(number), Binary(place=place) | Call(place=place) if not isfinite(number):
                raise self.network.error("this is no finite number: use another", place)
        return value

    def _term(self, product: Product, owner: str) -> Term:
        read = self._read(product.operand, owner)
        return Term(product.matrix, product.transposed, read.vector, read.lag)

    def _vector_of(self, expression: Expression, owner: str) -> str:
        """The vector with a dotted name that an expression has become.

        Equal expressions are one vector, unless they drop something: each time something else.
        """
        dropped = any(isinstance(node, Dropout) for node in walk(expression))
        if dropped or expression not in self.operands:
            # the name is taken before the expression's own operands ask for theirs
            self.operands[expression] = name = f"{owner.split('.')[0]}.{next(self.numbers)}"
            self._stage(name, expression)
            return name
        return self.operands[expression]

    def _addends(self, expression: Expression, kind: Kind) -> Iterable[Expression]:
        own = kind_of(expression, self.kinds)
        if isinstance(expression, Binary) and expression.operator == "+" and own in (0, kind):
            yield from self._addends(expression.left, kind)
            yield from self._addends(expression.right, kind)
        else:
            yield expression


def _today(stage: Stage) -> list[str]:
    terms = [t.vector for s in stage.sums for t in s.terms if not t.lag]
    return terms + [r.vector for r in stage.reads if not r.lag]


def _hoist(total: Sum, earlier: set[str]) -> Sum:
    return replace(total, terms=tuple(replace(t, hoisted=t.vector in earlier) for t in total.terms))
