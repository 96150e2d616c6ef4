"""A derivation as the lines of a program: what is computed, in which order, and what is not.

The derivation names the argument of every function. A program that a person writes does so only
where its backward pass needs that argument: ``h[t] = np.tanh(...)`` is one line, since the
derivative of tanh can be had from ``h[t]``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from recurra.explain.derivation import Derivation, Step, derive, kind_of_formula
from recurra.explain.formulas import (
    Apply,
    BlockNumbers,
    Constant,
    Delta,
    Dyad,
    Formula,
    Hadamard,
    Join,
    Mask,
    MatrixVector,
    MemoryVector,
    Parameter,
    Total,
    Value,
    change_parts,
    parts,
    rewrite,
    total,
    walk,
)
from recurra.lang.functions import FUNCTIONS
from recurra.lang.kinds import Kind
from recurra.lang.network import Network
from recurra.lang.shapes import Shapes
from recurra.lang.syntax import CHARACTER, ROW_FUNCTIONS, Dropout
from recurra.lang.syntax import walk as walk_expression


@dataclass(frozen=True)
class Steps:
    """The forward and backward pass of one time step, as formulas in order.

    Attributes:
        derivation: where they come from.
        inlined: the argument of a function that needs no line of its own -> the quantity that is
            the function's value.
    """

    derivation: Derivation
    inlined: dict[str, str]

    @property
    def network(self) -> Network:
        """The equations."""
        return self.derivation.network

    @cached_property
    def forward(self) -> tuple[Step, ...]:
        """The lines of the forward pass; the last gives the logits."""
        formulas = {step.quantity: step.formula for step in self.derivation.steps}

        def put_in(node: Formula) -> Formula:
            if isinstance(node, Value) and node.quantity in self.inlined:
                return formulas[node.quantity]
            return node

        return tuple(
            Step(step.quantity, rewrite(step.formula, put_in))
            for step in self.derivation.steps
            if step.quantity not in self.inlined
        )

    @cached_property
    def inference(self) -> tuple[Step, ...]:
        """The lines of the forward pass where nothing is dropped."""

        def without_mask(node: Formula) -> Formula:
            match node:
                case Hadamard(Mask(), kept):
                    return kept
            return node

        return tuple(Step(s.quantity, rewrite(s.formula, without_mask)) for s in self.forward)

    @cached_property
    def deltas(self) -> dict[str, Formula]:
        """Quantity -> its delta, in the order of the backward pass; without those nobody reads."""
        needed, fresh = set[str](), _deltas(self.gradients.values())
        while fresh:
            needed |= fresh
            fresh = _deltas(self._all[name] for name in fresh) - needed
        return {name: formula for name, formula in self._all.items() if name in needed}

    @cached_property
    def gradients(self) -> dict[str, Formula]:
        """Parameter -> what every time step adds to its gradient."""
        return {
            name: total([path.formula for path in paths])
            for name, paths in self.derivation.gradients.items()
        }

    @cached_property
    def _all(self) -> dict[str, Formula]:
        return {
            name: total([path.formula for path in paths])
            for name, paths in self.derivation.deltas.items()
            if paths
        }

    @cached_property
    def lags(self) -> dict[str, int]:
        """Quantity -> the largest lag at which the forward pass reads it, where that is not 0."""
        lags: dict[str, int] = {}
        for step in self.forward:
            for node in walk(step.formula):
                if isinstance(node, Value) and node.lag:
                    lags[node.quantity] = max(node.lag, lags.get(node.quantity, 0))
        return lags

    @cached_property
    def later_reads(self) -> dict[Value | Delta | Mask, None]:
        """All that the backward pass reads of later steps, once each."""
        formulas = (*self.deltas.values(), *self.gradients.values())
        nodes = (node for formula in formulas for node in walk(formula))
        return dict.fromkeys(
            replace(node, lag=-k)
            for node in nodes
            if isinstance(node, Value | Delta | Mask)
            for k in range(1, 1 - node.lag)
        )

    @cached_property
    def rates(self) -> tuple[float | None, ...]:
        """The rate of every mask, in the order of their numbers; None: the recipe's."""
        equations = {equation.name: equation for equation in self.network.equations}
        order = [step.quantity for step in self.derivation.steps if step.quantity in equations]
        everything = [*(equations[name] for name in order), self.network.output]
        nodes = (node for equation in everything for node in walk_expression(equation.expression))
        return tuple(node.rate for node in nodes if isinstance(node, Dropout))

    def value_of(self, function: str, argument: Formula) -> Value | None:
        """The quantity that is this function of this argument, if the forward pass keeps one."""
        for step in self.derivation.steps:
            if step.formula == Apply(function, argument) and step.quantity not in self.inlined:
                return Value(step.quantity, 0)
        return None

    def is_matrix(self, formula: Formula) -> bool:
        """Whether a formula is a matrix over time."""
        return kind_of_formula(formula, self.derivation.kinds) == Kind.MATRIX

    def is_narrow(self, step: Step, shapes: Shapes) -> bool:
        """Whether a line gives the same to all streams, or to all rows or columns of a matrix."""
        value = Value(step.quantity, 0)
        return is_fixed(step.formula) or self.sides(step.formula, shapes) != self.sides(
            value, shapes
        )

    def blocks(self, formula: Formula) -> int:
        """The number of blocks of a matrix over time; 0: it is a whole one."""
        match formula:
            case Value(quantity) | Delta(quantity):
                count = self.network.blocks.get(quantity.partition(".")[0])
                return int(count.value) if count else 0
            case Dyad(_, _, blocks):
                return blocks
        return max((self.blocks(p) for p in parts(formula) if self.is_matrix(p)), default=0)

    def as_matrices(self, formula: Formula, *besides: Kind) -> Formula:
        """A formula whose direct parts, where it is a matrix, are matrices.

        Args:
            formula: any one.
            besides: other kinds than vectors, which have a number for each block, to be changed:
                numbers, for libraries in which a matrix has more axes behind than these.
        """
        if isinstance(formula, Dyad | BlockNumbers) or not self.is_matrix(formula):
            return formula
        kinds, blocks = self.derivation.kinds, self.blocks(formula)

        def widen(part: Formula) -> Formula:
            if kind_of_formula(part, kinds) not in (Kind.VECTOR, *besides):
                return part
            return BlockNumbers(part) if blocks else Dyad(part, Constant(1.0))

        return change_parts(formula, widen)

    def sides(self, formula: Formula, shapes: Shapes) -> tuple[int, ...]:
        """The size of a vector; of a matrix its blocks, rows and columns, 1 where it has none."""
        if not self.is_matrix(formula):
            return (self.size(formula, shapes),)
        match formula:
            case Value(quantity):
                grid = shapes.grids[quantity.partition(".")[0]]
                return grid if self.blocks(formula) else grid[1:]
            case Dyad(left, right, blocks):
                whole = self.size(left, shapes), self.size(right, shapes)
                return (blocks, *(-(-n // blocks) for n in whole)) if blocks else whole
            case BlockNumbers(vector):
                return self.size(vector, shapes), 1, 1
        grids = [self.sides(part, shapes) for part in parts(formula) if self.is_matrix(part)]
        return tuple(map(max, zip(*grids, strict=True)))

    def size(self, formula: Formula, shapes: Shapes) -> int:
        """The number of entries of a formula; 1 for a plain number."""
        match formula:
            case _ if self.is_matrix(formula):
                return prod(self.sides(formula, shapes))
            case Value(quantity) | Delta(quantity):
                if quantity in shapes.vectors:
                    return shapes.vectors[quantity]
                (found,) = (s.formula for s in self.derivation.steps if s.quantity == quantity)
                return self.size(found, shapes)
            case Parameter(name):
                return shapes.parameters[name][0]
            case Total():
                return 1
            case Join(vectors):
                return sum(self.size(one, shapes) for one in vectors)
            case MatrixVector(matrix, transposed):
                as_stored = (matrix in shapes.transposed) == transposed
                return shapes.sides(matrix)[0 if as_stored else 1]
            case MemoryVector(matrix, transposed, _, blocks):
                return self.sides(matrix, shapes)[-1 if transposed else -2] * max(1, blocks)
        return max((self.size(part, shapes) for part in parts(formula)), default=1)


def program_steps(network: Network) -> Steps:
    """The steps of a network, with the arguments of functions inlined where nobody needs them."""
    derivation = derive(network)
    readers: dict[Formula, list[Formula]] = {}
    for step in derivation.steps:
        for node in walk(step.formula):
            if isinstance(node, Value) and not node.lag:
                readers.setdefault(node, []).append(step.formula)
    inlined: dict[str, str] = {}
    for step in reversed(derivation.steps):
        match step.formula:
            case Apply(function, Value(quantity) as argument) if (
                "." in quantity
                and step.quantity not in inlined
                and function not in ROW_FUNCTIONS
                and readers[argument] == [step.formula]
                and "x" not in FUNCTIONS[network.function(function)].reads
            ):
                inlined[quantity] = step.quantity
    return Steps(derivation, inlined)


def is_fixed(formula: Formula) -> bool:
    """Whether a formula holds parameters and numbers only: it is the same at every time step."""
    leaves = (node for node in walk(formula) if not parts(node))
    return all(isinstance(leaf, Constant | Parameter) for leaf in leaves)


def reads_character(formula: Formula) -> bool:
    """Whether a formula is the character itself."""
    return isinstance(formula, Value) and formula.quantity == CHARACTER


def safe_line(line: str) -> str:
    """A line of a user, inside of a docstring."""
    return line.replace("\\", "\\\\").replace('"', '\\"')


def _deltas(formulas: Iterable[Formula]) -> set[str]:
    return {node.quantity for f in formulas for node in walk(f) if isinstance(node, Delta)}
