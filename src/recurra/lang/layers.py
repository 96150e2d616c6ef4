"""Layer stacks: one line for every layer of a network, written out before it is read.

    layers = 3
    h[0][t] = E @ x[t]
    h[l][t] = tanh(V[l] @ h[l-1][t] + W[l] @ h[l][t-1] + s[l])
    o[t] = softmax(Q @ h[layers][t] + c)

A line that mentions layer ``l`` stands for one line each with l = 1, ..., ``layers``. A name with a
layer is a name with a number: ``h[2][t]`` is ``h2[t]``, ``V[2]`` is ``V2``. Elsewhere ``layers``
and ``l`` are numbers, as in ``h[l][t] / layers``.
"""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping

from recurra.errors import EquationError, SettingError

LAYER, COUNT = "l", "layers"
MAX_LAYERS = 50

Error = Callable[[str, ast.stmt | ast.expr], EquationError]


def unroll(
    body: list[ast.stmt], choices: Mapping[str, str | float], error: Error
) -> tuple[list[ast.stmt], int | None]:
    """Every line for every layer.

    Args:
        body: the lines as typed.
        choices: new values of choices; ``layers`` may be among them.
        error: makes the error at a node.

    Returns:
        The lines without layers, each node with its place in the text, and how many layers there
        are; None where no line has any.

    Raises:
        EquationError: layers without a count, or a count that is no whole number in range.
        SettingError: a new count that is none.
    """
    mentioned = next((n for line in body for n in _layered(line) if _mentions_layer(n)), None)
    if mentioned is None:
        return body, None
    counts = [line for line in body if _is_count(line)]
    if not counts:
        raise error(f"how many layers? add a line such as {COUNT} = 3", mentioned)
    count = _count(counts[0], choices, error)
    vectors = {
        target.value.id
        for line in body
        for target in getattr(line, "targets", [])
        if isinstance(target, ast.Subscript)
        and isinstance(target.value, ast.Name)
        and not _has_layer(target.slice)
    }
    lines: list[ast.stmt] = []
    named: dict[str, tuple[str, int]] = {}
    for line in body:
        if _is_count(line):
            continue
        if _is_first_value(line, vectors):
            lines.append(line)
            continue
        repeated = any(_mentions_layer(node, LAYER) for node in _layered(line))
        try:
            lines += [
                _Numbered(layer, count, named, error).visit(copy.deepcopy(line))
                for layer in (range(1, count + 1) if repeated else (0,))
            ]
        except RecursionError:
            raise error("nested too deeply: split it into several equations", line) from None
    return lines, count


def _layered(line: ast.stmt) -> Iterator[ast.Subscript]:
    """Names with a layer in a line."""
    for node in ast.walk(line):
        match node:
            case ast.Subscript(value=ast.Name(), slice=index) if _has_layer(index):
                yield node


def _has_layer(index: ast.expr) -> bool:
    match index:
        case ast.Name(id=name):
            return name in (LAYER, COUNT)
        case ast.Constant(value=value):
            return type(value) is int
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub()):
            return _has_layer(left)
    return False


def _mentions_layer(node: ast.Subscript, *names: str) -> bool:
    """Whether the index says ``l`` or ``layers``, not just a number."""
    wanted = names or (LAYER, COUNT)
    return any(isinstance(n, ast.Name) and n.id in wanted for n in ast.walk(node.slice))


def _is_first_value(line: ast.stmt, vectors: set[str]) -> bool:
    """``h[0] = h0`` of a vector without layers; ``h[0][t] = ...`` is a layer."""
    match line:
        case ast.Assign(targets=[ast.Subscript(ast.Name(name), ast.Constant(0))]):
            return name in vectors
    return False


def _is_count(line: ast.stmt) -> bool:
    match line:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name == COUNT
    return False


def _count(line: ast.stmt, choices: Mapping[str, str | float], error: Error) -> int:
    wanted = f"{COUNT} is a whole number from 1 to {MAX_LAYERS}"
    if COUNT in choices:
        value = choices[COUNT]
        if isinstance(value, str) or value not in range(1, MAX_LAYERS + 1):
            raise SettingError(f"{wanted}, not {value}")
        return int(value)
    match line:
        case ast.Assign(value=ast.Constant(value=int(count))) if 1 <= count <= MAX_LAYERS:
            return int(count)
    raise error(wanted, line)


class _Numbered(ast.NodeTransformer):
    """Puts numbers in place of layers; every node keeps its place.

    Args:
        layer: of the line; 0 if it has none.
        count: of layers.
        named: numbered name -> what it was made of, in all lines so far.
        error: makes the error at a node.
    """

    def __init__(
        self, layer: int, count: int, named: dict[str, tuple[str, int]], error: Error
    ) -> None:
        self.values = {LAYER: layer, COUNT: count}
        self.named = named
        self.error = error

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """``layers`` and ``l`` outside of brackets."""
        if node.id not in self.values or isinstance(node.ctx, ast.Store):
            return node
        if self.values[node.id] == 0:
            raise self.error("l is the layer of a line with [l], and here is none", node)
        return ast.copy_location(ast.Constant(self.values[node.id]), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """``h[l-1]`` -> ``h1`` in the second layer; ``h[t-1]`` stays."""
        match node:
            case ast.Subscript(value=ast.Name(id=name)) if _has_layer(node.slice):
                number = self._number(node.slice)
                if not 0 <= number <= self.values[COUNT]:
                    raise self.error(
                        f"there is no layer {number}: they go from 0 to {self.values[COUNT]}", node
                    )
                numbered = f"{name}{number}"
                other, layer = self.named.setdefault(numbered, (name, number))
                if other != name:
                    raise self.error(
                        f"{name}[{number}] and {other}[{layer}] would both be {numbered}: "
                        "rename one",
                        node,
                    )
                return ast.copy_location(ast.Name(numbered, node.ctx), node)
        if not isinstance(node.value, ast.Name):  # a vector, also one called l
            node.value = self.visit(node.value)
        return node

    def _number(self, index: ast.expr) -> int:
        match index:
            case ast.Name(id=name):
                return self.values[name]
            case ast.Constant(value=int(number)):
                return number
            case ast.BinOp(left=left, op=op, right=ast.Constant(value=int(step))):
                return self._number(left) + (step if isinstance(op, ast.Add) else -step)
        raise self.error("a layer is a number, l, l-1 or layers, as in h[l-1][t]", index)
