"""Formulas: assignments of a small language, parsed; as functions of tensors, or as C.

Numbers, names, ``+ - * /``, comparisons with ``<`` and ``>``, and calls of a few functions. An
optimiser's kernel is one, and so is an element-wise function; nothing of them is ever executed as
Python.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import add, gt, lt, mul, neg, sub, truediv
from typing import Any

import torch

from recurra.errors import SettingError

Environment = dict[str, Any]
Compute = Callable[[Environment], Any]

BINARY: dict[type, tuple[Callable[[Any, Any], Any], str]] = {
    ast.Add: (add, "+"),
    ast.Sub: (sub, "-"),
    ast.Mult: (mul, "*"),
    ast.Div: (truediv, "/"),
    ast.Lt: (lt, "<"),
    ast.Gt: (gt, ">"),
}
# name -> for tensors, and as C with its arguments in the place of {0}, {1}, ...
CALLS: dict[str, tuple[Callable[..., Any], str]] = {
    "sqrt": (torch.sqrt, "sqrt({0})"),
    "exp": (torch.exp, "exp({0})"),
    "expm1": (torch.expm1, "expm1({0})"),
    "log": (torch.log, "log({0})"),
    "sin": (torch.sin, "sin({0})"),
    "cos": (torch.cos, "cos({0})"),
    "pow": (torch.pow, "pow({0}, {1})"),
    "log1p": (torch.log1p, "log1p({0})"),
    "tanh": (torch.tanh, "tanh({0})"),
    "abs": (abs, "fabs({0})"),
    "clip": (torch.clamp, "fmin(fmax({0}, {1}), {2})"),
    "where": (torch.where, "({0} ? {1} : {2})"),
}


@dataclass(frozen=True)
class Formula:
    """Assignments in order: (name, its new value)."""

    assignments: tuple[tuple[str, ast.expr], ...]

    def run(self, environment: Environment) -> None:
        """Carry the assignments out on tensors; the environment takes the new values."""
        for name, compute in _computations(self):
            environment[name] = compute(environment)

    def to_c(self, number: Callable[[float], str]) -> list[tuple[str, str]]:
        """The assignments with values in C; ``number`` writes a constant."""
        return [(name, _to_c(value, number)) for name, value in self.assignments]


@lru_cache(256)
def parse_formula(text: str, what: str) -> Formula:
    """The formula that a text is; ``what`` says whose, if it is refused.

    Raises:
        SettingError: it is not of the language.
    """
    assignments = []
    try:
        lines = ast.parse("\n".join(line.strip() for line in text.splitlines())).body
    except SyntaxError as error:
        raise SettingError(f"{what} is no formula: {error.msg}") from None
    for line in lines:
        match line:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                _check(value, what)
                assignments.append((name, value))
            case _:
                raise SettingError(f"{what}: the engine torch reads only NAME = FORMULA")
    return Formula(tuple(assignments))


def _check(value: ast.expr, what: str) -> None:
    match value:
        case ast.Name() | ast.Constant(int() | float()):
            return
        case ast.UnaryOp(ast.USub(), operand):
            inner = [operand]
        case ast.BinOp(left, op, right) | ast.Compare(left, [op], [right]) if type(op) in BINARY:
            inner = [left, right]
        case ast.Call(ast.Name(name), inner, []) if name in CALLS:
            pass
        case _:
            raise SettingError(
                f"{what}: the engine torch cannot compute {ast.unparse(value)}: use + - * / and "
                f"{', '.join(CALLS)}, or another engine"
            )
    for part in inner:
        _check(part, what)


@lru_cache(256)
def _computations(formula: Formula) -> list[tuple[str, Compute]]:
    return [(name, _compute(value)) for name, value in formula.assignments]


def _compute(value: ast.expr) -> Compute:
    match value:
        case ast.Name(name):
            return lambda environment: environment[name]
        case ast.Constant(number):
            return lambda _: number
        case ast.UnaryOp(_, operand):
            inner = _compute(operand)
            return lambda environment: neg(inner(environment))
        case ast.BinOp(left, op, right) | ast.Compare(left, [op], [right]):
            function, first, second = BINARY[type(op)][0], _compute(left), _compute(right)
            return lambda environment: function(first(environment), second(environment))
        case ast.Call(ast.Name(name), arguments):
            call, computed = CALLS[name][0], [_compute(argument) for argument in arguments]
            return lambda environment: call(*[one(environment) for one in computed])
    raise AssertionError(ast.dump(value))


def _to_c(value: ast.expr, number: Callable[[float], str]) -> str:
    match value:
        case ast.Name(name):
            return name
        case ast.Constant(constant):
            return number(float(constant))  # type: ignore[arg-type]
        case ast.UnaryOp(_, operand):
            return f"(-{_to_c(operand, number)})"
        case ast.BinOp(left, op, right) | ast.Compare(left, [op], [right]):
            return f"({_to_c(left, number)} {BINARY[type(op)][1]} {_to_c(right, number)})"
        case ast.Call(ast.Name(name), arguments):
            return CALLS[name][1].format(*[_to_c(argument, number) for argument in arguments])
    raise AssertionError(ast.dump(value))
