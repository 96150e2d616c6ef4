"""An oracle that shares nothing with the engines: the text of a network *is* the program.

Every line of a network's text is also a line of Python. Here each is executed as such, one
character at a time, with ``x[t]`` as a one-hot column, matrices as on paper and float64 tensors
of PyTorch, which then differentiates. Lines are tried until what they read is there.
"""

import ast
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from recurra.lang.shapes import Shapes

torch.set_num_threads(1)  # small tensors; threads would only wait for each other

Arrays = dict[str, np.ndarray]


class Memory:
    """A matrix for each text, (rows, columns, texts); what it meets element-wise is one number.

    One of blocks has them on its diagonal, and what it meets may have a number for each.
    """

    def __init__(self, numbers: torch.Tensor) -> None:
        self.numbers = numbers

    @property
    def T(self) -> "Memory":  # noqa: N802
        return Memory(self.numbers.transpose(0, 1))

    def __matmul__(self, column: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ijb,jb->ib", self.numbers, column.expand(len(column), self.texts))

    @property
    def texts(self) -> int:
        return self.numbers.shape[2]

    def meet(self, function: Callable[..., torch.Tensor], other: Any) -> "Memory":
        if isinstance(other, torch.Tensor) and len(other) > 1:
            other = other.repeat_interleave(len(self.numbers) // len(other), 0)[:, None]
        return Memory(function(self.numbers, getattr(other, "numbers", other)))

    def __add__(self, other: Any) -> "Memory":
        return self.meet(torch.add, other)

    def __sub__(self, other: Any) -> "Memory":
        return self.meet(torch.sub, other)

    def __mul__(self, other: Any) -> "Memory":
        return self.meet(torch.mul, other)

    def __truediv__(self, other: Any) -> "Memory":
        return self.meet(torch.div, other)

    __rmul__, __radd__ = __mul__, __add__


def of_blocks(blocks: torch.Tensor) -> Memory:
    """A matrix with these blocks, (blocks, rows, columns, texts), on its diagonal."""
    count, rows, columns, texts = blocks.shape
    whole = torch.zeros(count, rows, count, columns, texts, dtype=blocks.dtype)
    for b in range(count):
        whole[b, :, b] = blocks[b]
    return Memory(whole.reshape(count * rows, count * columns, texts))


def blocks_of(memory: Memory, grid: tuple[int, int, int]) -> torch.Tensor:
    """The blocks on the diagonal, (blocks, rows, columns, texts)."""
    count, rows, columns = grid
    whole = memory.numbers.expand(count * rows, count * columns, -1)
    parts = whole.reshape(count, rows, count, columns, -1)
    return torch.stack([parts[b, :, b] for b in range(count)])


def outer(left: Any, right: Any) -> Memory:
    """Column times row; 1 is a side of ones."""
    sides = [s if isinstance(s, torch.Tensor) else torch.ones(1, 1) for s in (left, right)]
    return Memory(sides[0][:, None] * sides[1][None])


def on_numbers(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Any], Any]:
    def call(z: Any) -> Any:
        if isinstance(z, Memory):
            return Memory(function(z.numbers))
        return function(torch.as_tensor(z, dtype=torch.float64))

    return call


def of_pairs(function: Callable[[Any, Any], torch.Tensor]) -> Callable[[Any, Any], Any]:
    """A function of two that does not mind their order."""

    def call(a: Any, b: Any) -> Any:
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Memory):
                return one.meet(function, other)
        return function(*(torch.as_tensor(value, dtype=torch.float64) for value in (a, b)))

    return call


def of_heads(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A function of each of the heads of every column."""

    def call(z: torch.Tensor, heads: float = 1) -> torch.Tensor:
        parts = z.T.unflatten(-1, (int(heads), -1))
        return function(parts).expand_as(parts).flatten(-2).T

    return call


def of_columns(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """One row of a number for each column; or with heads, that of each of them all over it."""
    repeated = of_heads(lambda parts: function(parts, -1, keepdim=True))
    return lambda z, *heads: repeated(z, *heads) if heads else function(z, 0, keepdim=True)


FUNCTIONS = {
    name: on_numbers(function)
    for name, function in {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "swish": functional.silu,
        "gelu": lambda z: functional.gelu(z, approximate="tanh"),
        "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
        "identity": lambda z: z,
        "elu": functional.elu,
        "softsign": functional.softsign,
        "exp": torch.exp,
        "log": torch.log,
        "sqrt": torch.sqrt,
        "abs": torch.abs,
        "sin": torch.sin,
        "cos": torch.cos,
    }.items()
} | {
    "norm": of_heads(lambda parts: functional.layer_norm(parts, parts.shape[-1:], eps=1e-5)),
    "softmax": of_heads(partial(torch.softmax, dim=-1)),
    "sum": of_columns(torch.sum),
    "mean": of_columns(torch.mean),
    "dropout": lambda z, rate=None: z,  # masks are written out by those who test them
    "max": of_pairs(torch.maximum),
    "min": of_pairs(torch.minimum),
}


def concat(*vectors: torch.Tensor) -> torch.Tensor:
    """Columns one below the other; a parameter has one column for all texts."""
    batch = max(vector.shape[1] for vector in vectors)
    return torch.cat([vector.expand(len(vector), batch) for vector in vectors])


def output_softmax(vocabulary: int, z: torch.Tensor, shortlist: int | None = None) -> torch.Tensor:
    """Log of the probabilities; the scores of classes follow those of the characters."""
    listed = vocabulary if shortlist is None else min(vocabulary, int(shortlist))
    head = torch.log_softmax(torch.cat([z[:listed], z[vocabulary:]]), dim=0)
    if listed == vocabulary:
        return head
    classes = z[listed:vocabulary].split(math.ceil(math.sqrt(vocabulary - listed)))
    assert len(head) == listed + len(classes)
    within = [torch.log_softmax(own, dim=0) for own in classes]
    return torch.cat([head[:listed], *(w + p for w, p in zip(within, head[listed:], strict=True))])


class NotYetError(Exception):
    """A vector is read before its line has been executed."""


class Series(dict[int, Any]):
    """``name[t]`` for every t, one column for each text of the batch, or one matrix."""

    def __init__(self, shape: tuple[int, int], grid: tuple[int, int, int] | None = None) -> None:
        super().__init__()
        self.shape, self.grid = shape, grid

    def __setitem__(self, time: int, value: Any) -> None:
        if isinstance(value, Memory):
            assert self.grid is not None
            blocks = blocks_of(value, self.grid).expand(*self.grid, self.shape[1])
            super().__setitem__(time, of_blocks(blocks))
            return
        columns = torch.as_tensor(value, dtype=torch.float64)
        super().__setitem__(time, columns.expand(self.shape))

    def __missing__(self, time: int) -> Any:
        raise NotYetError


@dataclass
class Result:
    """What an engine should give, in its layout."""

    log_p: np.ndarray  # (T, B, V)
    losses: np.ndarray  # (T, B)
    gradients: Arrays
    state: Arrays


def evaluate(
    text: str,
    shapes: Shapes,
    parameters: Arrays,
    inputs: np.ndarray,
    targets: np.ndarray,
    state: Arrays,
    scale: float = 1.0,
    known: Mapping[str, np.ndarray] | None = None,
) -> Result:
    """Execute a text.

    Args:
        text: equations; the output is called ``o``.
        shapes: sizes of vectors and layout of parameters.
        parameters: as stored.
        inputs, targets: (T, B).
        state: name -> (lags, B, n), oldest first.
        scale: of the loss whose gradients are wanted.
        known: vectors over time with given values, (lags + T, B, n).
    """
    steps, batch = inputs.shape
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in parameters.items()}
    variables: dict[str, Any] = dict(FUNCTIONS)
    for name, leaf in leaves.items():
        matrix = leaf if leaf.ndim == 2 else leaf[:, None]
        if name in shapes.blocks:
            matrix = torch.block_diag(*leaf.chunk(shapes.blocks[name]))
        elif f"{name}: diagonal" in text:
            matrix = torch.diag(leaf)
        variables[name] = matrix.T if name in shapes.transposed else matrix
    # where an embedding is tied to scores of classes too, zeros for them follow the character
    characters = min((len(parameters[n]) for n in shapes.transposed), default=shapes.vocabulary)
    for name, size in {**shapes.vectors, "x": characters, "o": shapes.vocabulary}.items():
        variables[name] = Series((size, batch), shapes.grids.get(name))
    for name, past in state.items():
        for time, rows in enumerate(past, start=-len(past)):
            columns = torch.as_tensor(rows.T)
            if name in shapes.grids:
                variables[name][time] = of_blocks(columns.reshape(*shapes.grids[name], batch))
            else:
                variables[name][time] = columns
    for time in range(-1000, 0):
        variables["x"][time] = 0.0
    for name, values in (known or {}).items():
        variables[name] = Series((values.shape[2], batch))
        for time, rows in enumerate(values, start=steps - len(values)):
            variables[name][time] = rows.T
    for time in range(steps):
        variables["x"][time] = np.eye(characters)[:, inputs[time]]

    variables["concat"], variables["outer"] = concat, outer
    variables["output_softmax"] = partial(output_softmax, shapes.vocabulary)
    lines, first_values = [], set[str]()
    for line in ast.parse(text).body:
        match line:
            case ast.Assign(targets=[ast.Name()]):
                execute(line, variables)
            case ast.Assign([ast.Subscript(ast.Name("o"))], ast.Call(ast.Name() as function)):
                function.id = "output_softmax"
                lines.append(line)
            case ast.Assign(targets=[ast.Subscript(ast.Name(name), ast.Constant(0))]):
                first_values.add(name)
                first = eval(compile(ast.Expression(line.value), "first", "eval"), variables)
                for time in range(-len(state[name]), 0):
                    variables[name][time] = first
            case ast.Assign():
                lines.append(line)
    for time in range(steps):
        variables["t"] = time
        lines = in_order(lines, variables)

    log_p = torch.stack([variables["o"][time].T for time in range(steps)])
    chosen = torch.as_tensor(targets[..., None].astype(np.int64))
    losses = -log_p.gather(2, chosen)[..., 0]
    found = torch.autograd.grad(
        scale * losses.sum(), list(leaves.values()), allow_unused=True, materialize_grads=True
    )
    gradients = {name: g.numpy() for name, g in zip(leaves, found, strict=True)}
    following = {
        name: torch.stack(
            [
                # engines keep 0 for what is before a text, and let first values in from there
                as_rows(variables[name], steps - k) * (k <= steps or name not in first_values)
                for k in range(len(past), 0, -1)
            ]
        )
        for name, past in state.items()
        if steps - 1 in variables[name]  # not what engines alone need for first values
    }
    return Result(
        log_p.detach().numpy(),
        losses.detach().numpy(),
        gradients,
        {name: values.detach().numpy() for name, values in following.items()},
    )


def as_rows(series: Series, time: int) -> torch.Tensor:
    """A text's numbers side by side, (B, n)."""
    value = series[time] if series.grid is None else blocks_of(series[time], series.grid)
    return value.reshape(-1, series.shape[1]).T


def execute(line: ast.stmt, variables: dict[str, Any]) -> None:
    exec(compile(ast.Module([line], []), "equations", "exec"), variables)


def in_order(lines: list[ast.stmt], variables: dict[str, Any]) -> list[ast.stmt]:
    """Execute every line; in the order in which it worked, for the next time."""
    done: list[ast.stmt] = []
    while len(done) < len(lines):
        before = len(done)
        for line in lines:
            if line not in done:
                with suppress(NotYetError):
                    execute(line, variables)
                    done.append(line)
        assert len(done) > before, "the equations have no order"
    return done
