"""Text of equations -> `Network`; a network prints itself back as text.

The language is lines of Python expression syntax, read with `ast` against an allow-list;
nothing is ever evaluated. ``x[t]`` is the current character (one-hot), ``v[t-k]`` reads a vector,
``M @ v[t]`` makes ``M`` a matrix, a bare name is a bias vector, exactly one line is ``softmax``.

    f1 = tanh                                   # a choice, changed by --set f1=sigmoid
    a[t] = f1(U @ x[t] + W @ a[t-1] + s1)       # a vector over time
    o[t] = softmax(Q @ a[t] + s2)               # the distribution of the next character
    W: identity                                 # how a parameter starts (optional)

Besides the element-wise functions there are ``norm(z)``, layer normalisation, and ``dropout(z)``,
an edge that drops part of its numbers in training. ``softmax(z, 1000)`` chooses among the 1000
most frequent characters and classes of all others, then within the class. Layers: see
`recurra.lang.layers`.
"""

import ast
from collections.abc import Mapping
from difflib import get_close_matches

from recurra.errors import SettingError
from recurra.lang.functions import FUNCTIONS
from recurra.lang.layers import COUNT, unroll
from recurra.lang.network import (
    INITIALISERS,
    MATRIX_INITIALISERS,
    Equation,
    Initialiser,
    Network,
    check_order,
    check_used,
)
from recurra.lang.shapes import ShapeSolver
from recurra.lang.source import Source
from recurra.lang.syntax import (
    CHARACTER,
    DROPOUT,
    NORM,
    Bias,
    Binary,
    Call,
    Dropout,
    Expression,
    Negative,
    Number,
    Place,
    Product,
    Vector,
)

TIME = "t"
SOFTMAX = "softmax"
RESERVED = (SOFTMAX, NORM, DROPOUT, *FUNCTIONS)
MAX_LAG = 1000
LARGEST = 1e300
_MAX_DEPTH = 100
_MAX_VECTORS = 300


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


class _Parser:
    """One pass over the statements of a text; every rule is one method."""

    def __init__(self, text: str, name: str, choices: Mapping[str, str | float]) -> None:
        self.source = Source(text, name)
        self.place, self.error = self.source.place, self.source.error
        self.error_at = self.source.error_at
        self.body, self.layers = unroll(self.source.statements(), choices, self.error)
        if self.layers is not None:
            choices = {name: value for name, value in choices.items() if name != COUNT}
        self.functions: dict[str, str] = {}
        self.constants: dict[str, float] = {}
        self.initialisers: dict[str, tuple[Initialiser, Place]] = {}
        self.equations: dict[str, Equation] = {}
        self.output: Equation | None = None
        self.shortlist: Number | None = None
        self.defined = {
            target.value.id
            for node in self.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)
        }
        self.vectors = 0
        # first use of every parameter: name -> ("matrix" | "vector", place)
        self.uses: dict[str, tuple[str, Place]] = {}
        for node in self.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._choice(node.targets[0], node.value)
        self._apply(choices)

    def network(self) -> Network:
        for node in self.body:
            match node:
                case ast.Assign(targets=[ast.Subscript() as target], value=value):
                    self._equation(target, value)
                case ast.Assign(targets=[ast.Name()]):
                    pass
                case ast.AnnAssign(target=ast.Name() as target, value=None):
                    self._initialiser(target, node.annotation)
                case _:
                    raise self.error("this is not an equation: write name[t] = expression", node)
        if self.output is None:
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
            text=self.source.text,
            layers=self.layers,
        )
        self._check_initialisers(network)
        self._check_choices(network)
        return network

    def _check_initialisers(self, network: Network) -> None:
        for name, (initialiser, place) in self.initialisers.items():
            if name not in network.parameters:
                near = self._nearest(name, list(network.parameters))
                raise self.error_at(f"{name} is no parameter of these equations{near}", place)
            if name in network.biases and initialiser.kind in MATRIX_INITIALISERS:
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

    def _nearest(self, name: str, names: list[str]) -> str:
        same = [one for one in names if one.lower() == name.lower()]
        near = same or get_close_matches(name, names, n=1)
        return f"; did you mean {near[0]}?" if near else ""

    # -- statements

    def _choice(self, target: ast.Name, value: ast.expr) -> None:
        name = target.id
        self._check_new_name(name, target)
        if name in self.functions or name in self.constants:
            raise self.error(f"{name} is given twice: keep one line", target)
        if isinstance(value, ast.Name):
            if value.id not in FUNCTIONS:
                raise self.error(self._unknown_function(value.id), value)
            self.functions[name] = value.id
        elif (number := self._number(value)) is not None:
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
                    raise SettingError(f"{name}: {self._unknown_function(str(value))}")
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

    def _initialiser(self, target: ast.Name, annotation: ast.expr) -> None:
        kind, argument = annotation, None
        if isinstance(annotation, ast.Call) and len(annotation.args) == 1:
            if annotation.keywords:
                raise self.error("an initialiser takes one number", annotation)
            kind, argument = annotation.func, self._number(annotation.args[0])
            if argument is None:
                raise self.error("an initialiser takes one number", annotation.args[0])
            if argument < 0 and isinstance(kind, ast.Name) and kind.id in ("normal", "uniform"):
                raise self.error("a width cannot be negative", annotation.args[0])
        if not isinstance(kind, ast.Name) or kind.id not in INITIALISERS:
            known = ", ".join(INITIALISERS)
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
        if self._lag(target.slice) != 0:
            raise self.error(
                f"the left side must be {name}[t]: an equation gives today's value", target
            )
        if name in self.equations or (self.output and self.output.name == name):
            raise self.error(f"{name}[t] has two equations: keep one", target)
        if name in self.functions or name in self.constants:
            raise self.error(f"{name} is a choice on another line: choose another name", target)
        self._count_vector(target)
        if isinstance(value, ast.Call) and _name(value.func) == SOFTMAX:
            if self.output is not None:
                raise self.error(
                    f"a second softmax: {self.output.name}[t] on line {self.output.place.line} "
                    "is the output already, and there is exactly one",
                    value,
                )
            if len(value.args) == 2:
                self.shortlist = self._shortlist(value.args.pop())
            self.output = Equation(name, self._argument(value), self.place(target))
            self._check_logits(self.output.expression)
        else:
            self.equations[name] = Equation(name, self._expression(value, 0), self.place(target))

    def _shortlist(self, node: ast.expr) -> Number:
        count = self._expression(node, 0)
        if not isinstance(count, Number) or not count.value.is_integer() or count.value < 0:
            raise self.error(
                "softmax(z, n) takes the number of frequent characters that it chooses among at "
                "once, 0 or more",
                node,
            )
        return count

    def _count_vector(self, node: ast.stmt | ast.expr) -> None:
        self.vectors += 1
        if self.vectors > _MAX_VECTORS:
            raise self.error(
                f"more than {_MAX_VECTORS} vectors (those in parentheses behind @ count too): "
                "this network is too large",
                node,
            )

    def _check_new_name(self, name: str, node: ast.stmt | ast.expr) -> None:
        if name in (CHARACTER, TIME, *RESERVED):
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

    # -- expressions

    def _expression(self, node: ast.expr, depth: int) -> Expression:
        if depth > _MAX_DEPTH:
            raise self.error("nested too deeply: split it into several equations", node)
        deeper = depth + 1
        number = self._number(node)
        if number is not None:
            return Number(number)
        match node:
            case ast.Name(id=name):
                return self._bare(name, node)
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                return self._vector(name, index, node)
            case ast.BinOp(op=ast.MatMult()):
                return self._product(node, deeper)
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
                return self._binary(node, deeper)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negative(self._expression(operand, deeper), self.place(node))
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node, deeper)
            case ast.Attribute(value=ast.Name(id=name), attr="T"):
                raise self.error(f"{name}.T stands only before @, as in {name}.T @ h[t]", node)
        raise self.error(
            "only + - * / @, numbers, vectors such as h[t-1], parameters and functions "
            "may stand in an equation",
            node,
        )

    def _binary(self, node: ast.BinOp, depth: int) -> Expression:
        symbol = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}[type(node.op)]
        left, right = self._expression(node.left, depth), self._expression(node.right, depth)
        # in parentheses the left factor would begin behind the whole
        bare = self.place(node.left) == self.place(node)
        if symbol in "*/" and bare and isinstance(left, Product) and not isinstance(right, Number):
            raise self.error(
                f"this can be read in two ways: write (W @ v) {symbol} w or W @ (v {symbol} w)",
                node,
            )
        return Binary(symbol, left, right, self.place(node))

    def _argument(self, node: ast.Call, depth: int = 0) -> Expression:
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            raise self.error(f"{_name(node.func)} takes one argument", node)
        return self._expression(node.args[0], depth)

    def _call(self, name: str, node: ast.Call, depth: int) -> Expression:
        if name == DROPOUT:
            return self._dropout(node, depth)
        if name == SOFTMAX:
            raise self.error("softmax must be the whole right side of the output's line", node)
        if name != NORM and name not in FUNCTIONS and name not in self.functions:
            raise self.error(self._unknown_function(name), node)
        if name == NORM:
            self._count_vector(node)
        return Call(name, self._argument(node, depth), self.place(node))

    def _dropout(self, node: ast.Call, depth: int) -> Expression:
        rate = None
        if len(node.args) == 2 and not node.keywords:
            rate = self._number(node.args[1])
            if rate is None or not 0 <= rate < 1:
                raise self.error("a rate of dropout is a number from 0 to below 1", node.args[1])
        elif len(node.args) != 1 or node.keywords:
            raise self.error("dropout takes a vector, and a rate or none", node)
        return Dropout(self._expression(node.args[0], depth), rate, self.place(node))

    def _unknown_function(self, name: str) -> str:
        names = [*FUNCTIONS, NORM, DROPOUT]
        near = self._nearest(name, names + list(self.functions))
        return f"unknown function {name}{near} (there are {', '.join(names)})"

    def _bare(self, name: str, node: ast.Name) -> Expression:
        if name in self.constants:
            return Number(self.constants[name], name)
        if name in self.defined or name == CHARACTER:
            raise self.error(f"{name} is a vector over time: write {name}[t] or {name}[t-1]", node)
        if name == TIME:
            raise self.error("t is the time and stands only in an index, as in h[t-1]", node)
        if name in RESERVED or name in self.functions:
            raise self.error(f"{name} is a function: write {name}(...) or rename it", node)
        self._use(name, "vector", node)
        return Bias(name, self.place(node))

    def _vector(self, name: str, index: ast.expr, node: ast.expr) -> Expression:
        if name == CHARACTER:
            raise self.error(
                "x[t] is one-hot and stands only behind a matrix, as in U @ x[t]", node
            )
        if name not in self.defined:
            near = self._nearest(name, sorted(self.defined))
            raise self.error(f"{name}[t] is read but no equation defines it{near}", node)
        lag = self._lag(index)
        if lag < 0:
            raise self.error(f"{name} is read in the future: write {name}[t] or {name}[t-1]", node)
        if lag > MAX_LAG:
            raise self.error(f"a lag above {MAX_LAG:,} is not supported", node)
        return Vector(name, lag, self.place(node))

    def _lag(self, index: ast.expr) -> int:
        match index:
            case ast.Name(id="t"):
                return 0
            case ast.BinOp(left=ast.Name(id="t"), op=op, right=ast.Constant(value=int(step))):
                if not isinstance(step, bool) and isinstance(op, ast.Sub):
                    return step
                if not isinstance(step, bool) and isinstance(op, ast.Add):
                    return -step
        raise self.error("an index is [t], [t-1] or [t-k] with a whole number k", index)

    def _product(self, node: ast.BinOp, depth: int) -> Expression:
        # Python reads A @ B @ v as (A @ B) @ v; on paper it is A @ (B @ v).
        while isinstance(left := node.left, ast.BinOp) and isinstance(left.op, ast.MatMult):
            inner = ast.copy_location(ast.BinOp(left.right, ast.MatMult(), node.right), left.right)
            node = ast.copy_location(ast.BinOp(left.left, ast.MatMult(), inner), node)
        right = node.right
        transposed = isinstance(left, ast.Attribute) and left.attr == "T"
        name = _name(left.value if isinstance(left, ast.Attribute) and transposed else left)
        if name is None:
            raise self.error(
                "before @ stands the name of a matrix: put the product into parentheses, as in "
                "r[t] * (W @ h[t-1]) or -(W @ h[t-1])",
                left,
            )
        if name in (TIME, *RESERVED, *self.functions, *self.constants):
            raise self.error(f"{name} is not a matrix: choose another name", left)
        if name in self.defined or name == CHARACTER:
            raise self.error(f"{name} is a vector over time and cannot be a matrix", left)
        self._use(name, "matrix", left)
        place = self.place(node)
        match right:
            case ast.Subscript(value=ast.Name(id="x"), slice=index):
                if self._lag(index) != 0:
                    raise self.error(
                        "x is read at [t] only: define e[t] = U @ x[t] and read e[t-1]", right
                    )
                return Product(name, transposed, Vector(CHARACTER, 0, self.place(right)), place)
        operand = self._expression(right, depth)
        if not isinstance(operand, Vector):
            self._count_vector(right)
        return Product(name, transposed, operand, place)

    def _use(self, name: str, kind: str, node: ast.stmt | ast.expr) -> None:
        first, place = self.uses.setdefault(name, (kind, self.place(node)))
        if first != kind:
            raise self.error(
                f"{name} is used in two shapes: a {kind} here, a {first} on line {place.line}; "
                "rename one",
                node,
            )

    def _number(self, node: ast.expr) -> float | None:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self._number(node.operand) if isinstance(node.operand, ast.Constant) else None
            return None if inner is None else -inner
        if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
            return None
        value = node.value
        if isinstance(value, (int, float)) and abs(value) < LARGEST:
            return float(value)
        raise self.error("this number is too large: use a smaller one", node)


def _name(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None
