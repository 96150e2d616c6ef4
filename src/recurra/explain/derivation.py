"""Network -> its gradient, derived on paper: every path by which the loss reaches a quantity.

The equations are taken apart into steps, one quantity each. The loss reaches a quantity through
every step that reads it, now or later, so its delta is a sum over those paths; a parameter is read
at every time step, so its gradient is a sum over time besides. Nothing here is shared with plans
and engines: the two derivations check each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import count

from recurra.explain.formulas import (
    Apply,
    BlockNumbers,
    BlockTotals,
    Broadcast,
    Constant,
    Delta,
    Derivative,
    Dyad,
    Error,
    Extreme,
    Formula,
    Hadamard,
    Join,
    Larger,
    Mask,
    MatrixVector,
    MemoryVector,
    Negative,
    Outer,
    Parameter,
    Part,
    Power,
    Quotient,
    RowDerivative,
    Sum,
    Total,
    Value,
    later,
    opposite,
    parts,
    total,
)
from recurra.lang import syntax as expressions
from recurra.lang.expansion import expand
from recurra.lang.kinds import Kind, Kinds, find_kinds
from recurra.lang.network import Equation, Network, reads
from recurra.lang.syntax import CHARACTER, MEAN, ROW_FUNCTIONS, TOTALS, Expression


@dataclass(frozen=True)
class Step:
    """``quantity[t] = formula``."""

    quantity: str
    formula: Formula


@dataclass(frozen=True)
class Path:
    """One way of the loss to a quantity or parameter: through a step that reads it.

    Attributes:
        reader: the quantity of that step.
        lag: how many time steps later it is than what it reads.
        formula: what the path adds, with everything at the time of what is read.
    """

    reader: str
    lag: int
    formula: Formula


@dataclass(frozen=True)
class Derivation:
    """The gradient of a network, derived.

    The loss is ``-ln`` of the next character's probability, summed over t = 1 ... T. Quantities at
    t < 1 are the state carried in and are constants; deltas at t > T are zero.

    Attributes:
        network: whose gradient it is, with first values and earlier characters written out.
        steps: the forward pass of one time step, in order; the last gives the logits.
        deltas: quantity -> its paths, whose sum is its delta; in an order in which the deltas
            of one time step can be computed, from the last time step to the first.
        gradients: parameter -> its paths, whose sum over all t is its gradient.
        kinds: of quantities and parameters.
    """

    network: Network
    steps: tuple[Step, ...]
    deltas: dict[str, tuple[Path, ...]]
    gradients: dict[str, tuple[Path, ...]]
    kinds: Kinds

    @property
    def logits(self) -> str:
        """The quantity that the softmax is applied to."""
        return self.steps[-1].quantity


def derive(network: Network) -> Derivation:
    """Derive the gradient of every vector and parameter of a network, step by step."""
    network = expand(network)
    steps = tuple(_steps(network))
    logits = steps[-1].quantity
    found: dict[tuple[str, str, int], list[Formula]] = {}
    kinds = find_kinds(network)
    for step in steps:
        kinds.setdefault(step.quantity, kind_of_formula(step.formula, kinds))
    for step in steps:
        for leaf, formula in _chain_rule(step.formula, Delta(step.quantity, 0), kinds):
            name, lag = (leaf.quantity, leaf.lag) if isinstance(leaf, Value) else (leaf, 0)
            found.setdefault((name, step.quantity, lag), []).append(later(formula, lag))
    paths: dict[str, list[Path]] = {}
    for (name, reader, lag), formulas in found.items():
        paths.setdefault(name, []).append(Path(reader, lag, total(formulas)))
    deltas = {step.quantity: tuple(paths.get(step.quantity, ())) for step in reversed(steps)}
    deltas[logits] = (Path(logits, 0, Error()),)
    return Derivation(
        network, steps, deltas, {name: tuple(paths[name]) for name in network.parameters}, kinds
    )


def _steps(network: Network) -> Iterator[Step]:
    """The equations in an order in which one time step can be computed, taken apart."""
    equations = {equation.name: equation for equation in network.equations}
    today = {n: [v.name for v in reads(e.expression) if not v.lag] for n, e in equations.items()}
    masks = count(1)
    order = [equations[name] for name in TopologicalSorter(today).static_order()]
    blocks = {name: int(count.value) for name, count in network.blocks.items() if count}
    for equation in order:
        yield from _Parting(equation, masks, blocks).steps(equation.name)
    output = _Parting(network.output, masks, blocks, first=2)
    yield from output.steps(f"{network.output.name}.1")


class _Parting:
    """One equation taken apart: every sum or product under a function becomes a quantity.

    Args:
        equation: to be taken apart.
        masks: the numbers of its dropouts.
        blocks: matrix over time -> number of its blocks, if it has any.
        first: the number of its first inner quantity; the output's first one is its logits.
    """

    def __init__(
        self, equation: Equation, masks: Iterator[int], blocks: Mapping[str, int], first: int = 1
    ) -> None:
        self.equation, self.masks, self.blocks, self.first = equation, masks, blocks, first
        self.inner: dict[Formula, Value] = {}

    def steps(self, quantity: str) -> Iterator[Step]:
        formula = self._formula(self.equation.expression)
        for inner, value in self.inner.items():
            yield Step(value.quantity, inner)
        yield Step(quantity, formula)

    def _formula(self, expression: Expression) -> Formula:
        match expression:
            case expressions.Number(value, name):
                return Constant(value, name)
            case expressions.Vector(name, lag):
                return Value(name, lag)
            case expressions.Bias(name):
                return Parameter(name)
            case expressions.Product(matrix, transposed, operand):
                return MatrixVector(matrix, transposed, self._formula(operand))
            case expressions.Call(function, argument) if expression.is_number:
                return Total(self._named(self._formula(argument)), function == MEAN)
            case expressions.Outer(left, right):
                own = self.blocks.get(self.equation.name, 0)
                return Dyad(self._formula(left), self._formula(right), own)
            case expressions.MemoryProduct(expressions.Vector(name, lag), transposed, operand):
                own = self.blocks.get(name, 0)
                return MemoryVector(Value(name, lag), transposed, self._formula(operand), own)
            case expressions.Concat(vectors):
                return Join(tuple(self._named(self._formula(one), Value) for one in vectors))
            case expressions.Call(function, argument):
                inner = self._named(self._formula(argument))
                return Apply(function, inner, expression.parts)
            case expressions.Dropout(argument):
                mask = Mask(next(self.masks), 0)
                return Hadamard(mask, self._formula(argument))
            case expressions.Negative(argument):
                return Negative(self._formula(argument))
            case expressions.Binary(operator, left, right):
                one, other = self._formula(left), self._formula(right)
                match operator:
                    case "*":
                        return Hadamard(one, other)
                    case "/":
                        return Quotient(one, other)
                    case "max" | "min":
                        return Extreme(operator, one, other)
                    case "**":
                        return Power(one, other)
                    case "-":
                        other = Negative(other)
                terms = one.terms if isinstance(one, Sum) else (one,)
                return Sum((*terms, other))

    def _named(self, argument: Formula, *plain: type[Formula]) -> Formula:
        """A quantity that is the argument, unless that is one already, or a parameter."""
        if isinstance(argument, plain or (Constant, Value, Parameter)):
            return argument
        name = f"{self.equation.name}.{len(self.inner) + self.first}"
        return self.inner.setdefault(argument, Value(name, 0))


Leaf = Value | str  # a quantity at a lag, or the name of a parameter


def kind_of_formula(formula: Formula, kinds: Kinds) -> Kind:
    """The kind of a formula, given those of quantities and parameters."""
    match formula:
        case Value(quantity):
            return Kind.VECTOR if quantity == CHARACTER else kinds[quantity]
        case Parameter(name):
            return kinds[name]
        case Total():
            return Kind.NUMBER
        case MatrixVector() | MemoryVector() | Join() | BlockTotals():
            return Kind.VECTOR
        case Dyad() | BlockNumbers():
            return Kind.MATRIX
        case Delta(quantity):
            return kinds[quantity]
    return max((kind_of_formula(part, kinds) for part in parts(formula)), default=Kind.CONSTANT)


def _chain_rule(formula: Formula, delta: Formula, kinds: Kinds) -> Iterable[tuple[Leaf, Formula]]:
    """From the delta of a formula to what each of its leaves gets."""

    def through(part: Formula, d_part: Formula) -> Iterable[tuple[Leaf, Formula]]:
        match kind_of_formula(part, kinds), kind_of_formula(formula, kinds):
            case Kind.NUMBER, Kind.VECTOR | Kind.MATRIX:
                d_part = Total(d_part)  # it meets every entry
            case Kind.VECTOR, Kind.MATRIX:
                d_part = BlockTotals(d_part, part)
        yield from _chain_rule(part, d_part, kinds)

    match formula:
        case Value(quantity, _):
            if quantity != CHARACTER:
                yield formula, delta
        case Parameter(name):
            yield name, delta
        case Sum(terms):
            for term in terms:
                yield from through(term, delta)
        case Negative(argument):
            yield from through(argument, opposite(delta))
        case Hadamard(left, right):
            yield from through(left, Hadamard(delta, right))
            yield from through(right, Hadamard(delta, left))
        case Quotient(left, right):
            yield from through(left, Quotient(delta, right))
            yield from through(right, Negative(Quotient(Hadamard(delta, formula), right)))
        case Extreme(function, left, right):
            for one, other in ((left, right), (right, left)):
                chosen = (one, other) if function == "max" else (other, one)
                yield from through(one, Hadamard(delta, Larger(*chosen)))
        case Power(base, exponent):
            yield from through(base, Hadamard(delta, Hadamard(exponent, _lower(base, exponent))))
        case MatrixVector(matrix, transposed, operand):
            yield matrix, Outer(operand, delta) if transposed else Outer(delta, operand)
            yield from through(operand, MatrixVector(matrix, not transposed, delta))
        case Dyad(left, right, blocks):
            yield from _chain_rule(left, MemoryVector(delta, False, right, blocks), kinds)
            yield from _chain_rule(right, MemoryVector(delta, True, left, blocks), kinds)
        case MemoryVector(matrix, transposed, operand, blocks):
            sides = (operand, delta) if transposed else (delta, operand)
            yield from _chain_rule(matrix, Dyad(*sides, blocks), kinds)
            yield from through(operand, MemoryVector(matrix, not transposed, delta, blocks))
        case Total(argument, mean):
            yield from through(argument, Broadcast(delta, argument, mean))
        case Join(vectors):
            for place, one in enumerate(vectors):
                # of a number, the part is as long: one entry
                yield from _chain_rule(one, Part(delta, vectors[:place], one), kinds)
        case Apply(function, argument, heads) if function in TOTALS:
            yield from through(argument, Apply(function, delta, heads))
        case Apply(function, argument, heads) if function in ROW_FUNCTIONS:
            yield from through(argument, RowDerivative(function, argument, delta, heads))
        case Apply(function, argument):
            yield from through(argument, Hadamard(delta, Derivative(function, argument)))


def _lower(base: Formula, exponent: Formula) -> Formula:
    """The power by one less."""
    match exponent:
        case Constant(2.0, ""):
            return base
        case Constant(number, ""):
            return Power(base, Constant(number - 1.0))
    return Power(base, Sum((exponent, Constant(-1.0))))
