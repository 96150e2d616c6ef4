"""Text of equations -> `Network`; a network prints itself back as text.

The language is lines of Python expression syntax, read with `ast` against an allow-list;
nothing is ever evaluated. ``x[t]`` is the current character (one-hot), ``v[t-k]`` reads a vector,
``M @ v[t]`` makes ``M`` a matrix, a bare name is a bias vector, exactly one line is ``softmax``.

    f1 = tanh                                   # a choice, changed by --set f1=sigmoid
    a[t] = f1(U @ x[t] + W @ a[t-1] + s1)       # a vector over time
    o[t] = softmax(Q @ a[t] + s2)               # the distribution of the next character
    W: identity                                 # how a parameter starts (optional)
    V: blocks(4) = orthogonal(0.9)              # block-diagonal, or diagonal; and how it starts

Besides the element-wise functions, ``max(a, b)``, ``min(a, b)`` and ``a ** 2`` there are
``norm(z)``, layer normalisation, and ``dropout(z)``, an edge that drops part of its numbers in
training. ``sum(z)``, ``mean(z)`` and ``dot(a, b)`` make one number of vectors (see
`recurra.lang.kinds`), ``concat(a, b)`` makes a longer one, and ``softmax(z)`` of a vector that
others read is a gate. ``norm(z, 4)`` is of each of four parts, and so are ``softmax``, ``sum`` and
``mean``. The output's ``softmax(z, 1000)`` chooses among the 1000 most frequent
characters and classes of all others, then within the class. Layers: see `recurra.lang.layers`.
"""

import ast
from collections.abc import Mapping
from typing import TypeGuard

from recurra.errors import SettingError
from recurra.lang.expressions import LARGEST, MAX_BLOCKS, TIME, ExpressionReader, is_zero, name_of
from recurra.lang.functions import FUNCTIONS
from recurra.lang.layers import COUNT, unroll
from recurra.lang.network import (
    BLOCKS,
    DIAGONAL,
    INITIALISERS,
    MATRIX_INITIALISERS,
    Equation,
    Initialiser,
    Network,
    check_order,
    check_used,
)
from recurra.lang.shape_solver import ShapeSolver
from recurra.lang.source import Source
from recurra.lang.syntax import (
    CHARACTER,
    SOFTMAX,
    Bias,
    Binary,
    Call,
    Expression,
    Number,
    Place,
    Product,
    Vector,
    walk,
)

_STRUCTURES = (DIAGONAL, BLOCKS)


def parse(
    text: str, name: str = "network", choices: Mapping[str, str | float] | None = None
) -> Network:
    """Read equations.

    Args:
        text: the equations, see the module's docstring.
        name: what to call the network in messages and folders.
        choices: new values for choices of the text, such as ``{"f1": "sigmoid"}``.

    Raises:
        EquationError: with line, column, caret and cure.
        SettingError: a choice that the text does not have, or a value that it cannot take.
    """
    network = _Parser(text, name, choices or {}).network()
    check_order(network)
    check_used(network)
    ShapeSolver(network)
    return network


class _Parser(ExpressionReader):
    """One pass over the statements of a text; every rule is one method."""

    def __init__(self, text: str, name: str, choices: Mapping[str, str | float]) -> None:
        source = Source(text, name)
        body, self.layers = unroll(source.statements(), choices, source.error)
        super().__init__(source, body)
        self.initialisers: dict[str, tuple[Initialiser, Place]] = {}
        self.blocks: dict[str, tuple[Number | None, Place]] = {}
        self.equations: dict[str, Equation] = {}
        self.output: Equation | None = None
        self.shortlist: Number | None = None
        self.gates = self._gates()
        self.first: dict[str, tuple[Number | Bias, Place]] = {}
        for node in self.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._choice(node.targets[0], node.value)
        if self.layers is not None:
            choices = {name: value for name, value in choices.items() if name != COUNT}
        self._apply(choices)

    def network(self) -> Network:
        for node in self.body:
            match node:
                case ast.Assign(targets=[ast.Subscript(ast.Name(name), index) as target]) if (
                    is_zero(index)
                ):
                    self._first_value(name, target, node.value)
                case ast.Assign(targets=[ast.Subscript() as target], value=value):
                    self._equation(target, value)
                case ast.Assign(targets=[ast.Name()]):
                    pass
                case ast.AnnAssign(target=ast.Name() as target, annotation=said, value=start):
                    self._annotation(target, said, start)
                case _:
                    raise self.error("this is not an equation: write name[t] = expression", node)
        for name, (_, place) in self.first.items():
            if name not in self.equations:
                near = self.nearest(name, list(self.equations))
                raise self.error_at(
                    f"{name}[0] is the value before the text of a vector, and no equation of a "
                    f"hidden vector is {name}[t] = ...{near}",
                    place,
                )
        if self.output is None:
            if self.inner_softmax:
                raise self.error(
                    "the output's softmax must be the whole right side of its line, as in "
                    "o[t] = softmax(Q @ h[t] + s)",
                    self.inner_softmax,
                )
            raise self.error_at(
                "no output: one line must be softmax, such as o[t] = softmax(Q @ h[t] + s)",
                Place(max(1, len(self.source.lines)), 0),
            )
        network = Network(
            name=self.source.name,
            equations=tuple(self.equations.values()),
            output=self.output,
            shortlist=self.shortlist,
            functions=self.functions,
            constants=self.constants,
            initialisers={
                name: initialiser for name, (initialiser, _) in self.initialisers.items()
            },
            description=self.source.description(),
            description_zh=self.source.description("zh"),
            text=self.source.text,
            layers=self.layers,
            first={name: value for name, (value, _) in self.first.items()},
            blocks={name: count for name, (count, _) in self.blocks.items()},
        )
        self._check_blocks(network)
        self._check_initialisers(network)
        self._check_choices(network)
        return network

    def _gates(self) -> set[str]:
        """Vectors with a softmax that others read, where one is left that nobody reads."""
        found, read = set[str](), set[str]()
        for line in self.body:
            match line:
                case ast.Assign(targets=[target], value=value):
                    read |= {one for node in ast.walk(value) if (one := _vector_name(node))}
                    if _is_softmax(value) and (name := _vector_name(target)):
                        found.add(name)
        return found & read if found - read else set()

    def _check_blocks(self, network: Network) -> None:
        wide = {p.matrix for p in network.nodes if _reads_character(p)}
        wide |= {p.matrix for p in walk(network.output.expression) if isinstance(p, Product)}
        known = [*network.products, *self.equations]
        for name, (count, place) in self.blocks.items():
            if name not in known:
                near = self.nearest(name, known)
                raise self.error_at(f"{name} is no matrix of these equations{near}", place)
            if name in self.equations and count is None:
                raise self.error_at(
                    f"{name} changes over time and cannot be diagonal: write a vector, or "
                    f"{name}: blocks(4)",
                    place,
                )
            if name in wide:
                raise self.error_at(
                    f"{name} has a row or column for every character, and only a matrix between "
                    "hidden vectors is diagonal or of blocks: remove this line",
                    place,
                )

    def _check_initialisers(self, network: Network) -> None:
        for name, (initialiser, place) in self.initialisers.items():
            if name not in network.parameters:
                near = self.nearest(name, list(network.parameters))
                raise self.error_at(f"{name} is no parameter of these equations{near}", place)
            if name in network.diagonals and initialiser.kind == "orthogonal":
                raise self.error_at(
                    f"{name} is diagonal and cannot start as orthogonal: write {name}: diagonal = "
                    "identity(1), uniform or normal",
                    place,
                )
            is_vector = name in network.biases and name not in network.diagonals
            if is_vector and initialiser.kind in MATRIX_INITIALISERS:
                raise self.error_at(
                    f"{name} is a vector and cannot start as {initialiser.kind}: "
                    f"write {name}: constant(0), uniform or normal",
                    place,
                )

    def _check_choices(self, network: Network) -> None:
        """A choice that nothing uses: changing it would silently change nothing."""
        used = {node.function for node in network.nodes if isinstance(node, Call)}
        used |= {node.name for node in network.nodes if isinstance(node, Number)}
        for node in self.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) if name not in used:
                    raise self.error(f"{name} is never used: use it or remove its line", node)

    # -- statements

    def _choice(self, target: ast.Name, value: ast.expr) -> None:
        name = target.id
        self._check_new_name(name, target)
        if name in self.functions or name in self.constants:
            raise self.error(f"{name} is given twice: keep one line", target)
        if isinstance(value, ast.Name):
            if value.id not in FUNCTIONS:
                raise self.error(self.no_choice(value.id), value)
            self.functions[name] = value.id
        elif (number := self.number(value)) is not None:
            self.constants[name] = number
        else:
            raise self.error(
                f"{name} = ... names a function or a number, such as f1 = tanh; "
                f"a vector over time is written {name}[t] = ...",
                value,
            )

    def _apply(self, choices: Mapping[str, str | float]) -> None:
        for name, value in choices.items():
            if name in self.functions:
                if str(value) not in FUNCTIONS:
                    raise SettingError(f"{name}: {self.no_choice(str(value))}")
                self.functions[name] = str(value)
            elif name in self.constants:
                try:
                    number = float(value)
                except ValueError:
                    number = float("nan")
                if not abs(number) < LARGEST:
                    raise SettingError(f"{name} is a number in these equations, not {value!r}")
                self.constants[name] = number
            else:
                known = [*self.functions, *self.constants]
                have = f"it has {', '.join(known)}" if known else "it has none"
                raise SettingError(f"{self.source.name} has no choice {name} to set: {have}")

    def _annotation(self, target: ast.Name, said: ast.expr, start: ast.expr | None) -> None:
        """``W: orthogonal``, ``W: blocks(4)`` or ``W: blocks(4) = orthogonal``."""
        if (name := name_of(said.func if isinstance(said, ast.Call) else said)) in _STRUCTURES:
            if target.id in self.blocks:
                raise self.error(f"{target.id} is given two structures: keep one line", target)
            self.blocks[target.id] = self._block_count(said), self.place(target)
        elif start is None:
            start = said
        else:
            raise self.error(
                f"{name or 'this'} is neither diagonal nor blocks(n): write {target.id}: "
                "blocks(4) = orthogonal(1), or a start alone",
                said,
            )
        if start is not None:
            self._initialiser(target, start)

    def _block_count(self, said: ast.expr) -> Number | None:
        match said:
            case ast.Name(id="diagonal"):
                return None
            case ast.Call(ast.Name(id="blocks"), [count], []):
                number = self.expression(count, 0)
                if isinstance(number, Number) and number.value in range(1, MAX_BLOCKS + 1):
                    return number
        raise self.error(
            f"write blocks(n) with a whole number n from 1 to {MAX_BLOCKS:,}, or diagonal", said
        )

    def _initialiser(self, target: ast.Name, annotation: ast.expr) -> None:
        kind, argument = annotation, None
        if isinstance(annotation, ast.Call) and len(annotation.args) == 1:
            if annotation.keywords:
                raise self.error("an initialiser takes one number", annotation)
            kind, argument = annotation.func, self.number(annotation.args[0])
            if argument is None:
                raise self.error("an initialiser takes one number", annotation.args[0])
            if argument < 0 and isinstance(kind, ast.Name) and kind.id in ("normal", "uniform"):
                raise self.error("a width cannot be negative", annotation.args[0])
        if not isinstance(kind, ast.Name) or kind.id not in INITIALISERS:
            known = ", ".join([*INITIALISERS, DIAGONAL, f"{BLOCKS}(n)"])
            raise self.error(f"{target.id}: ... takes one of {known}", annotation)
        if target.id in self.initialisers:
            raise self.error(f"{target.id} is initialised twice: keep one line", target)
        value = INITIALISERS[kind.id] if argument is None else argument
        self.initialisers[target.id] = (Initialiser(kind.id, value), self.place(target))

    def _equation(self, target: ast.Subscript, value: ast.expr) -> None:
        if not isinstance(target.value, ast.Name):
            raise self.error("the left side must be name[t]", target)
        name = target.value.id
        self._check_new_name(name, target)
        if self.lag(target.slice) != 0:
            raise self.error(
                f"the left side must be {name}[t]: an equation gives today's value", target
            )
        if name in self.equations or (self.output and self.output.name == name):
            raise self.error(f"{name}[t] has two equations: keep one", target)
        if name in self.functions or name in self.constants:
            raise self.error(f"{name} is a choice on another line: choose another name", target)
        self.count_vector(target)
        if name not in self.gates and _is_softmax(value):
            if self.output is not None:
                raise self.error(
                    f"a second softmax: {self.output.name}[t] on line {self.output.place.line} "
                    "is the output already, and there is exactly one",
                    value,
                )
            if len(value.args) == 2:
                self.shortlist = self._shortlist(value.args.pop())
            self.output = Equation(name, self.argument(value), self.place(target))
            self._check_logits(self.output.expression)
        else:
            self.equations[name] = Equation(name, self.expression(value, 0), self.place(target))

    def _first_value(self, name: str, target: ast.Subscript, node: ast.expr) -> None:
        value = self.expression(node, 0)
        if not isinstance(value, Number | Bias):
            raise self.error(
                f"{name}[0] = ... takes a vector to train or a number, such as {name}[0] = h0",
                node,
            )
        if name in self.first:
            raise self.error(f"{name}[0] is given twice: keep one line", target)
        self.first[name] = value, self.place(target)

    def _shortlist(self, node: ast.expr) -> Number:
        count = self.expression(node, 0)
        if not isinstance(count, Number) or not count.value.is_integer() or count.value < 0:
            raise self.error(
                "softmax(z, n) takes the number of frequent characters that it chooses among at "
                "once, 0 or more",
                node,
            )
        return count

    def _check_new_name(self, name: str, node: ast.stmt | ast.expr) -> None:
        if name in (CHARACTER, TIME, *self.reserved):
            what = {CHARACTER: "the current character", TIME: "the time"}.get(name, "a function")
            raise self.error(f"{name} is {what} and cannot be defined: choose another name", node)

    def _check_logits(self, expression: Expression) -> None:
        match expression:
            case Binary("+", left, right):
                self._check_logits(left)
                self._check_logits(right)
            case Product(_, _, Vector(name, _)) if name == CHARACTER:
                raise self.error_at(
                    "the output reads hidden vectors, not x[t]: define a vector such as "
                    "h[t] = tanh(U @ x[t] + s) and read it here",
                    expression.place,
                )
            case Product() | Bias():
                pass
            case _:
                place = getattr(expression, "place", self.output.place if self.output else None)
                raise self.error_at(
                    "softmax takes a sum of products and biases, such as "
                    "softmax(Q @ b[t] + s): put anything else into a vector of its own",
                    place or Place(1, 0),
                )


def _reads_character(node: Expression) -> TypeGuard[Product]:
    """Whether this is a matrix times a character."""
    match node:
        case Product(operand=Vector(name)):
            return name == CHARACTER
    return False


def _is_softmax(node: ast.expr) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and name_of(node.func) == SOFTMAX


def _vector_name(node: ast.AST) -> str | None:
    match node:
        case ast.Subscript(value=ast.Name(id=name)):
            return name
    return None
