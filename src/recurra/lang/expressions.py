"""The right sides of equations: nodes of Python's parser -> trees of `recurra.lang.syntax`.

Nothing is evaluated: what is not on the list of allowed forms is refused, with a caret and a cure.
"""

import ast
from difflib import get_close_matches

from recurra.lang.functions import FUNCTIONS, PAIRS, SOFT
from recurra.lang.source import Source
from recurra.lang.syntax import (
    CHARACTER,
    CONCAT,
    DOT,
    DROPOUT,
    MEAN,
    NORM,
    OUTER,
    ROW_FUNCTIONS,
    SOFTMAX,
    SUM,
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
    Place,
    Product,
    Vector,
    is_number,
)

TIME = "t"
_SOFT = SOFT | {SUM, MEAN, DOT, CONCAT, OUTER}
RESERVED = frozenset((SOFTMAX, NORM, DROPOUT, *FUNCTIONS)) - SOFT
MAX_LAG = 1000
LARGEST = 1e300
MAX_BLOCKS = 10_000
_MAX_DEPTH = 100
_MAX_VECTORS = 300


class ExpressionReader:
    """Reads expressions of one text; every rule is one method.

    Attributes:
        functions, constants: the choices of the text.
        defined: names of the vectors that have an equation.
        reserved: names that nothing of this text can have.

    Args:
        source: the text.
        body: its statements, without layers.
    """

    def __init__(self, source: Source, body: list[ast.stmt]) -> None:
        self.source, self.body = source, body
        self.place, self.error, self.error_at = source.place, source.error, source.error_at
        self.functions: dict[str, str] = {}
        self.constants: dict[str, float] = {}
        self.defined = {
            target.value.id
            for node in body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Subscript)
            and isinstance(target.value, ast.Name)
            and not is_zero(target.slice)
        }
        called = {_called(node) for line in body for node in ast.walk(line)}
        self.reserved = RESERVED | (_SOFT & called)
        self.inner_softmax: ast.Call | None = None
        self._vectors = 0
        # first use of every parameter: name -> ("matrix" | "vector", place)
        self._uses: dict[str, tuple[str, Place]] = {}

    def count_vector(self, node: ast.stmt | ast.expr) -> None:
        """Count one vector more; too many are refused."""
        self._vectors += 1
        if self._vectors > _MAX_VECTORS:
            raise self.error(
                f"more than {_MAX_VECTORS} vectors (those in parentheses behind @ count too): "
                "this network is too large",
                node,
            )

    def expression(self, node: ast.expr, depth: int) -> Expression:
        """Read an expression that lies so deep in parentheses and functions."""
        if depth > _MAX_DEPTH:
            raise self.error("nested too deeply: split it into several equations", node)
        deeper = depth + 1
        number = self.number(node)
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
            case ast.BinOp(op=ast.Pow()):
                return self._power(node, deeper)
            case ast.Compare():
                raise self.error(
                    "a comparison has no derivative to learn from: write max(a, b), min(a, b) or "
                    "relu(z)",
                    node,
                )
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negative(self.expression(operand, deeper), self.place(node))
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node, deeper)
            case ast.Attribute(value=ast.Name(id=name), attr="T"):
                raise self.error(f"{name}.T stands only before @, as in {name}.T @ h[t]", node)
        raise self.error(
            "only + - * / @ **, numbers, vectors such as h[t-1], parameters and functions "
            "may stand in an equation",
            node,
        )

    def _binary(self, node: ast.BinOp, depth: int) -> Expression:
        symbol = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}[type(node.op)]
        left, right = self.expression(node.left, depth), self.expression(node.right, depth)
        # in parentheses the left factor would begin behind the whole
        bare = self.place(node.left) == self.place(node)
        product = isinstance(left, Product | MemoryProduct)
        if symbol in "*/" and bare and product and not isinstance(right, Number):
            raise self.error(
                f"this can be read in two ways: write (W @ v) {symbol} w or W @ (v {symbol} w)",
                node,
            )
        return Binary(symbol, left, right, self.place(node))

    def _power(self, node: ast.BinOp, depth: int) -> Expression:
        base, exponent = (self.expression(side, depth) for side in (node.left, node.right))
        if not is_number(exponent):
            raise self.error(
                "an exponent is a number, as in h[t] ** 2: write a power that changes as "
                "exp(b * log(a))",
                node.right,
            )
        return Binary("**", base, exponent, self.place(node))

    def _pair(self, name: str, node: ast.Call, depth: int) -> Expression:
        if len(node.args) != 2 or node.keywords or any(map(_is_starred, node.args)):
            raise self.error(
                f"{name} takes two arguments, as in {name}(a[t], 0) or {name}(a[t], {name}(b, 1))",
                node,
            )
        left, right = (self.expression(argument, depth) for argument in node.args)
        return Binary(name, left, right, self.place(node))

    def argument(self, node: ast.Call, depth: int = 0) -> Expression:
        """Read the only argument of a call."""
        if len(node.args) != 1 or node.keywords or _is_starred(node.args[0]):
            raise self.error(f"{name_of(node.func)} takes one argument", node)
        return self.expression(node.args[0], depth)

    def _call(self, name: str, node: ast.Call, depth: int) -> Expression:
        if name == DROPOUT:
            return self._dropout(node, depth)
        if name in PAIRS:
            return self._pair(name, node, depth)
        if name in (DOT, CONCAT, OUTER):
            return self._joined(name, node, depth)
        if name not in (*ROW_FUNCTIONS, *FUNCTIONS, *self.functions):
            raise self.error(self.unknown_function(name), node)
        if name == SOFTMAX:
            self.inner_softmax = self.inner_softmax or node
        if name in ROW_FUNCTIONS:
            return self._of_parts(name, node, depth)
        return Call(name, self.argument(node, depth), self.place(node))

    def _of_parts(self, name: str, node: ast.Call, depth: int) -> Expression:
        """``norm(z)``, or ``norm(z, 4)``: each of four equal parts by itself."""
        self.count_vector(node)
        if len(node.args) not in (1, 2) or node.keywords or any(map(_is_starred, node.args)):
            raise self.error(
                f"{name} takes a vector, and a number of heads or none, as in {name}(a[t], 4)", node
            )
        vector, *given = (self.expression(argument, depth) for argument in node.args)
        heads = next((one for one in given if isinstance(one, Number)), None)
        if given and (heads is None or heads.value not in range(1, MAX_BLOCKS + 1)):
            raise self.error(
                f"a number of heads is a whole number from 1 to {MAX_BLOCKS:,}", node.args[1]
            )
        return Call(name, vector, self.place(node), heads)

    def _joined(self, name: str, node: ast.Call, depth: int) -> Expression:
        """``dot(a, b)``, which is ``sum(a * b)``, ``outer(a, b)`` or ``concat(a, b, ...)``."""
        count, wrong = len(node.args), node.keywords or any(map(_is_starred, node.args))
        if wrong or count < 2 or (name != CONCAT and count > 2):
            number = "two or more" if name == CONCAT else "two"
            raise self.error(f"{name} takes {number} vectors, as in {name}(a[t], b[t])", node)
        self.count_vector(node)
        place, parts = self.place(node), [self.expression(one, depth) for one in node.args]
        if name == DOT:
            return Call(SUM, Binary("*", parts[0], parts[1], place), place)
        if name == OUTER:
            return Outer(parts[0], parts[1], place)
        return Concat(tuple(parts), place)

    def _dropout(self, node: ast.Call, depth: int) -> Expression:
        rate = None
        if len(node.args) == 2 and not node.keywords:
            rate = self.number(node.args[1])
            if rate is None or not 0 <= rate < 1:
                raise self.error("a rate of dropout is a number from 0 to below 1", node.args[1])
        elif len(node.args) != 1 or node.keywords:
            raise self.error("dropout takes a vector, and a rate or none", node)
        return Dropout(self.expression(node.args[0], depth), rate, self.place(node))

    def no_choice(self, name: str) -> str:
        """Why a choice cannot stand for this function."""
        if name in (*PAIRS, *ROW_FUNCTIONS, DOT, CONCAT, OUTER, DROPOUT):
            return f"{name} cannot be a choice: choose among {', '.join(FUNCTIONS)}"
        return self.unknown_function(name)

    def unknown_function(self, name: str) -> str:
        """The message about a function that there is not."""
        names = [*FUNCTIONS, *PAIRS, *ROW_FUNCTIONS, DOT, CONCAT, OUTER, DROPOUT]
        near = self.nearest(name, names + list(self.functions))
        return f"unknown function {name}{near} (there are {', '.join(names)})"

    def _bare(self, name: str, node: ast.Name) -> Expression:
        if name in self.constants:
            return Number(self.constants[name], name)
        if name in self.defined or name == CHARACTER:
            raise self.error(f"{name} is a vector over time: write {name}[t] or {name}[t-1]", node)
        if name == TIME:
            raise self.error("t is the time and stands only in an index, as in h[t-1]", node)
        if name in self.reserved or name in self.functions:
            raise self.error(f"{name} is a function: write {name}(...) or rename it", node)
        self._use(name, "vector", node)
        return Bias(name, self.place(node))

    def _vector(self, name: str, index: ast.expr, node: ast.expr) -> Expression:
        if name == CHARACTER:
            raise self.error(
                "x[t] is one-hot and stands only behind a matrix, as in U @ x[t]", node
            )
        if name not in self.defined:
            near = self.nearest(name, sorted(self.defined))
            raise self.error(f"{name}[t] is read but no equation defines it{near}", node)
        return self._read(name, index, node)

    def _read(self, name: str, index: ast.expr, node: ast.expr) -> Vector:
        """A vector, or the character, at an index."""
        lag = self.lag(index)
        if lag < 0:
            raise self.error(f"{name} is read in the future: write {name}[t] or {name}[t-1]", node)
        if lag > MAX_LAG:
            raise self.error(f"a lag above {MAX_LAG:,} is not supported", node)
        return Vector(name, lag, self.place(node))

    def lag(self, index: ast.expr) -> int:
        """How many steps before t an index is."""
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
        memory = left.value if isinstance(left, ast.Attribute) and transposed else left
        if isinstance(memory, ast.Subscript) and isinstance(memory.value, ast.Name):
            return self._memory_product(memory, transposed, node, depth)
        name = name_of(left.value if isinstance(left, ast.Attribute) and transposed else left)
        if name is None:
            raise self.error(
                "before @ stands the name of a matrix: put the product into parentheses, as in "
                "r[t] * (W @ h[t-1]) or -(W @ h[t-1])",
                left,
            )
        if name in (TIME, *self.reserved, *self.functions, *self.constants):
            raise self.error(f"{name} is not a matrix: choose another name", left)
        if name in self.defined or name == CHARACTER:
            raise self.error(f"{name} is a vector over time and cannot be a matrix", left)
        self._use(name, "matrix", left)
        place = self.place(node)
        match right:
            case ast.Subscript(value=ast.Name(id="x"), slice=index):
                character = self._read(CHARACTER, index, right)
                if character.lag:
                    self.count_vector(right)
                return Product(name, transposed, character, place)
        operand = self.expression(right, depth)
        if not isinstance(operand, Vector):
            self.count_vector(right)
        return Product(name, transposed, operand, place)

    def _memory_product(
        self, left: ast.Subscript, transposed: bool, node: ast.BinOp, depth: int
    ) -> Expression:
        memory = self.expression(left, depth)
        assert isinstance(memory, Vector)
        self.count_vector(node)
        operand = self.expression(node.right, depth)
        return MemoryProduct(memory, transposed, operand, self.place(node))

    def _use(self, name: str, kind: str, node: ast.stmt | ast.expr) -> None:
        first, place = self._uses.setdefault(name, (kind, self.place(node)))
        if first != kind:
            raise self.error(
                f"{name} is used in two shapes: a {kind} here, a {first} on line {place.line}; "
                "rename one",
                node,
            )

    def number(self, node: ast.expr) -> float | None:
        """A constant and its sign; None for anything else."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.number(node.operand) if isinstance(node.operand, ast.Constant) else None
            return None if inner is None else -inner
        if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
            return None
        value = node.value
        if isinstance(value, (int, float)) and abs(value) < LARGEST:
            return float(value)
        raise self.error("this number is too large: use a smaller one", node)

    def nearest(self, name: str, names: list[str]) -> str:
        """Words that propose the nearest of some names; none, if none is near."""
        same = [one for one in names if one.lower() == name.lower()]
        near = same or get_close_matches(name, names, n=1)
        return f"; did you mean {near[0]}?" if near else ""


def is_zero(index: ast.expr) -> bool:
    """Whether an index is that of a first value, as in ``h[0]``."""
    return isinstance(index, ast.Constant) and type(index.value) is int and index.value == 0


def name_of(node: ast.expr) -> str | None:
    """A bare name; None for anything else."""
    return node.id if isinstance(node, ast.Name) else None


def _called(node: ast.AST) -> str | None:
    """The name of the function that a node calls, or that a choice stands for."""
    match node:
        case ast.Call(func=ast.Name(name)) | ast.Assign([ast.Name()], ast.Name(name)):
            return name
    return None


def _is_starred(node: ast.expr) -> bool:
    return isinstance(node, ast.Starred)
