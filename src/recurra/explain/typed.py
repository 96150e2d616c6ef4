"""Formulas of a derivation as a student types them, read with `ast` against an allow-list.

    delta(a[t])      the derivative of the loss by a vector; also δ(a[t])
    bar(a[t])        the argument of a's function; bar(a[t], 2) that of its second one
    f1'(bar(a[t]))   the derivative of a function
    W.T @ v, W @ v   a matrix times a vector
    outer(u, v)      column times row; also u @ v.T
    o[t] - y[t]      the probabilities minus what came
    (u > v)          one where u is larger, else zero, as the derivative of max(u, v) needs it

Products ``*`` and quotients ``/`` go entry by entry. Times are ``[t]``, ``[t-1]``, ``[t+1]``. In
the gradient of a parameter the sum over t is meant, and may be written as ``sum(...)``; inside,
``sum(v)`` and ``mean(v)`` are those of a vector's entries. Nothing is ever evaluated here.
"""

import ast
import re

from recurra.errors import EquationError
from recurra.explain import formulas
from recurra.explain.derivation import Derivation
from recurra.explain.formulas import Formula, is_number, opposite
from recurra.explain.names import free, symbols
from recurra.lang.functions import FUNCTIONS
from recurra.lang.source import Source
from recurra.lang.syntax import CHARACTER, MEAN, NORM, ROW_FUNCTIONS, SOFTMAX, TOTALS

_PRIME = "ʹ"  # a letter, so that f' is a name for `ast`; as long as what it stands for
_DELTAS = ("delta", "δ", "d")
_CURE = "type one formula, such as W.T @ delta(bar(a[t+1]))"
_MAX_DEPTH = 60
_MATRICES = (NORM, SOFTMAX)  # functions whose derivatives are matrices


def read_formula(text: str, derivation: Derivation) -> Formula:
    """The formula that a text stands for; of an equation, its right side.

    Raises:
        EquationError: with line, column, caret and cure.
    """
    text = " ".join(text.splitlines())  # one formula, on however many lines
    source = Source(re.sub(r"(?<=\w)['’′](?=\s*\()", _PRIME, text), "")
    try:
        match source.statements():
            case [ast.Expr(value=node)] | [ast.Assign(value=node)]:
                return _Reader(source, derivation).whole(node)
            case _:
                raise EquationError(_CURE, text, 1)
    except EquationError as error:
        message = re.sub("write name.*", _CURE, error.message)
        raise EquationError(message, text, error.line, error.column) from None


class _Reader:
    """Reads one formula; every rule is one method."""

    def __init__(self, source: Source, derivation: Derivation) -> None:
        self.error, network = source.error, derivation.network
        self.network = network
        self.quantities = {step.quantity for step in derivation.steps} | {CHARACTER}
        self.target = free(symbols(network), "y", "k", "next")
        self.functions = {*FUNCTIONS, *_MATRICES, *network.functions}

    def whole(self, node: ast.expr) -> Formula:
        match node:
            case ast.Call(func=ast.Name(id=name), args=[inner]) if name == "sum":
                return self.formula(inner)
        return self.formula(node)

    def formula(self, node: ast.expr, depth: int = 0) -> Formula:
        if depth > _MAX_DEPTH:
            raise self.error("nested too deeply: leave out parentheses", node)
        deeper = depth + 1
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return formulas.Constant(float(number))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return formulas.Negative(self.formula(operand, deeper))
            case ast.BinOp(left=left, op=ast.Sub(), right=right) if self._is_error(left, right):
                return formulas.Error()
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._product(node, left, right, deeper)
            case ast.Compare(left=left, ops=[ast.Gt()], comparators=[right]):
                return formulas.Larger(self.formula(left, deeper), self.formula(right, deeper))
            case ast.Compare(left=left, ops=[ast.Lt()], comparators=[right]):
                return formulas.Larger(self.formula(right, deeper), self.formula(left, deeper))
            case ast.BinOp(left=left, op=op, right=right):
                one, other = self.formula(left, deeper), self.formula(right, deeper)
                match op:
                    case ast.Add():
                        return formulas.Sum((*terms(one), *terms(other)))
                    case ast.Sub():
                        return formulas.Sum((*terms(one), *map(opposite, terms(other))))
                    case ast.Mult():
                        return formulas.Hadamard(one, other)
                    case ast.Div():
                        return formulas.Quotient(one, other)
                    case ast.Pow() if is_number(other):
                        return formulas.Power(one, other)
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                return self._vector(name, index, node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, node, deeper)
            case ast.Name(id=name):
                return self._bare(name, node)
        raise self.error(
            "only + - * / @, numbers, vectors such as a[t-1], parameters, delta(...), bar(...), "
            "outer(..., ...) and functions may stand here",
            node,
        )

    def _is_error(self, left: ast.expr, right: ast.expr) -> bool:
        names = [self.network.output.name, self.target]
        match left, right:
            case (
                ast.Subscript(value=ast.Name(id=one), slice=ast.Name(id="t")),
                ast.Subscript(value=ast.Name(id=other), slice=ast.Name(id="t")),
            ):
                return [one, other] == names
        return False

    def _bare(self, name: str, node: ast.Name) -> Formula:
        if name in self.network.constants:
            return formulas.Constant(self.network.constants[name], name)
        if name in self.network.biases:
            return formulas.Parameter(name)
        if name in self.network.matrices:
            raise self.error(f"{name} is a matrix: write {name} @ or {name}.T @", node)
        if name in self.quantities:
            raise self.error(f"{name} is a vector over time: write {name}[t]", node)
        raise self.error(f"{name} stands nowhere in the equations", node)

    def _vector(self, name: str, index: ast.expr, node: ast.expr) -> Formula:
        lag = self._lag(index)
        if name in self.quantities:
            return formulas.Value(name, lag)
        if name in (self.network.output.name, self.target):
            output = self.network.output.name
            raise self.error(
                f"{name}[t] stands only in {output}[t] - {self.target}[t], which is "
                f"delta(bar({output}[t]))",
                node,
            )
        raise self.error(f"no equation defines {name}[t]", node)

    def _lag(self, index: ast.expr) -> int:
        match index:
            case ast.Name(id="t"):
                return 0
            case ast.BinOp(
                left=ast.Name(id="t"), op=ast.Add() | ast.Sub() as op, right=ast.Constant(value=k)
            ) if type(k) is int and k <= 1000:
                return k if isinstance(op, ast.Sub) else -k
        raise self.error("a time is [t], [t-1] or [t+1]", index)

    def _call(self, name: str, arguments: list[ast.expr], node: ast.expr, depth: int) -> Formula:
        match name, arguments:
            case _, [inner] if name in _DELTAS:
                quantity = self.formula(inner, depth)
                if not isinstance(quantity, formulas.Value) or quantity.quantity == CHARACTER:
                    raise self.error("delta takes a vector, as in delta(a[t]), or its bar", inner)
                return formulas.Delta(quantity.quantity, quantity.lag)
            case "bar", [inner]:
                return self._bar(inner, 1, node)
            case "bar", [inner, ast.Constant(value=int(number))]:
                return self._bar(inner, number, node)
            case "max" | "min", [left, right]:
                return formulas.Extreme(name, self.formula(left, depth), self.formula(right, depth))
            case "outer", [left, right]:
                return formulas.Outer(self.formula(left, depth), self.formula(right, depth))
            case _, [inner] if name in TOTALS:
                return formulas.Total(self.formula(inner, depth), name == MEAN)
            case _, [inner, heads] if name in ROW_FUNCTIONS:
                return formulas.Apply(name, self.formula(inner, depth), self._heads(heads, depth))
            case _, [inner] if name in self.functions:
                return formulas.Apply(name, self.formula(inner, depth))
            case _, [inner] if name.removesuffix(_PRIME) in self.functions:
                function = name.removesuffix(_PRIME)
                if function in _MATRICES:
                    raise self.error(f"{function}' is a matrix: write {function}'(z) @ v", node)
                return formulas.Derivative(function, self.formula(inner, depth))
        raise self.error(
            f"{name.replace(_PRIME, chr(39))} is no function here: there are delta(v), bar(v), "
            f"outer(u, v), {', '.join([*self.network.functions, 'tanh', 'sigmoid'])} and their "
            "derivatives, such as tanh'(z)",
            node,
        )

    def _heads(self, node: ast.expr, depth: int) -> int:
        match self.formula(node, depth):
            case formulas.Constant(number) if number >= 1 and number.is_integer():
                return int(number)
        raise self.error("a number of heads is a whole number, as in norm(a[t], 4)", node)

    def _bar(self, inner: ast.expr, number: int, node: ast.expr) -> Formula:
        match inner:
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                quantity = f"{name}.{number}"
                if quantity in self.quantities:
                    return formulas.Value(quantity, self._lag(index))
                if any(one.startswith(f"{name}.") for one in self.quantities):
                    raise self.error(f"{name} has no argument number {number}", node)
                raise self.error(f"the equation of {name} has no function: bar has no sense", node)
        raise self.error("bar takes a vector, as in bar(a[t])", node)

    def _product(self, node: ast.BinOp, left: ast.expr, right: ast.expr, depth: int) -> Formula:
        # Python reads A @ B @ v as (A @ B) @ v; on paper it is A @ (B @ v)
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.MatMult):
            right = ast.copy_location(ast.BinOp(left.right, ast.MatMult(), right), left.right)
            left = left.left
        match left, right:
            case ast.UnaryOp(op=ast.USub(), operand=matrix), _:
                inner = ast.copy_location(ast.BinOp(matrix, ast.MatMult(), right), matrix)
                return formulas.Negative(self.formula(inner, depth))
            case ast.BinOp(left=ast.Constant() as number, op=ast.Mult(), right=matrix), _:
                inner = ast.copy_location(ast.BinOp(matrix, ast.MatMult(), right), matrix)
                return formulas.Hadamard(self.formula(number, depth), self.formula(inner, depth))
            case ast.Name(id=name), _ if name in self.network.matrices:
                return formulas.MatrixVector(name, False, self.formula(right, depth))
            case ast.Attribute(value=ast.Name(id=name), attr="T"), _ if (
                name in self.network.matrices
            ):
                return formulas.MatrixVector(name, True, self.formula(right, depth))
            case ast.Call(func=ast.Name(id=name), args=[inner]), _ if (
                name.removesuffix(_PRIME) in _MATRICES
            ):
                derivative = name.removesuffix(_PRIME), self.formula(inner, depth)
                return formulas.RowDerivative(*derivative, self.formula(right, depth))
            case ast.Call(func=ast.Name(id=name), args=[inner, heads]), _ if (
                name.removesuffix(_PRIME) in _MATRICES
            ):
                pair = self.formula(inner, depth), self.formula(right, depth)
                own = self._heads(heads, depth)
                return formulas.RowDerivative(name.removesuffix(_PRIME), *pair, own)
            case _, ast.Attribute(value=row, attr="T"):
                return formulas.Outer(self.formula(left, depth), self.formula(row, depth))
        raise self.error(
            "before @ stands a matrix, as in W.T @ v, or behind it a row, as in u @ v.T", node
        )


def terms(formula: Formula) -> tuple[Formula, ...]:
    """The terms of a sum, signs taken into them; of anything else, itself."""
    match formula:
        case formulas.Sum(parts):
            return tuple(term for part in parts for term in terms(part))
        case formulas.Negative(formulas.Sum(parts)):
            return tuple(opposite(term) for part in parts for term in terms(part))
    return (formula,)
