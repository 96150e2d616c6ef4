"""Element-wise programs of fused stages on tensors, operation by operation: for any device."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch

from recurra.compute import autodiff
from recurra.compute.autodiff import ARITHMETIC, SUMMED_AXES
from recurra.compute.plan import Stage
from recurra.compute.torch.devices import Tensor
from recurra.compute.torch.functions import formula_of
from recurra.compute.torch.layout import BlockLayout, Fusion
from recurra.lang.functions import NORM_EPS

Step = int | slice  # one time step, or all of them at once


class Tensors(Protocol):
    """The arrays that a pass holds for its programs.

    Attributes:
        parameters: name -> as stored.
        edges: mask of a dropout edge -> ``(T, B, n)``.
        inv_std: normalised vector -> 1 / that of every head before, ``(T, B, heads, 1)``.
        parts: (stage, parameter) -> the parameter's gradient of every row, ``(T, B, n)``.
    """

    parameters: Mapping[str, Tensor]
    edges: Mapping[str, Tensor]
    inv_std: dict[str, Tensor]
    parts: dict[tuple[str, str], Tensor]

    def vector(self, name: str, lag: int, at: Step) -> Tensor:
        """``name[t - lag]``."""

    def d_vector(self, name: str, lag: int, at: Step) -> Tensor:
        """d loss / d ``name[t - lag]``, as far as it is known."""

    def sum(self, name: str, at: Step) -> Tensor:
        """A sum; `d_sum` is d loss / d it."""

    def d_sum(self, name: str, at: Step) -> Tensor:
        """See `sum`."""


class ElementPrograms(Protocol):
    """The programs of a fusion, however they are computed."""

    def forward(self, tensors: Tensors, at: Step) -> None:
        """Set the vectors of its stages."""

    def backward(self, tensors: Tensors, at: Step) -> None:
        """Set the derivatives of its sums and parts, add to those of the vectors it reads."""


class PlainPrograms:
    """One operation of PyTorch after the other."""

    def __init__(self, layout: BlockLayout, fusion: Fusion) -> None:
        self.layout, self.fusion = layout, fusion

    def forward(self, tensors: Tensors, at: Step) -> None:
        """See `ElementPrograms`."""
        for stage in self.fusion.stages:
            vector, element = tensors.vector(stage.vector, 0, at), stage.element
            if stage.parts:
                parts = [tensors.vector(part.vector, part.lag, at) for part in stage.parts]
                vector[...] = torch.cat(parts, -1)
                continue
            result = self._run(element.forward, element.value, stage, tensors, at, None, [])
            match stage.row_function:
                case "sum" | "mean" as total if stage.is_total:
                    vector[...] = _OF_PARTS[total](self._wide(stage, result, vector))
                case "row sums":
                    vector[...] = self._wide(stage, result, vector).sum(-1).flatten(-2)
                case "column sums":
                    vector[...] = self._wide(stage, result, vector).sum(-2).flatten(-2)
                case "" if stage.matrix:
                    vector[...] = self._wide(stage, result, vector).flatten(-3)
                case "":
                    vector[...] = result
                case "norm":
                    vector[...] = result
                    tensors.inv_std[stage.vector][at] = _normalise(_heads(vector, stage))
                case "softmax" | "sum" | "mean" as function:
                    vector[...] = result
                    heads = _heads(vector, stage)
                    heads[...] = _OF_PARTS[function](heads)

    def _wide(self, stage: Stage, value: Any, vector: Tensor) -> Tensor:
        """A value for every number that a stage's program computes."""
        value = torch.as_tensor(value, dtype=vector.dtype, device=vector.device)
        return value.expand(*vector.shape[:-1], *self._shape(stage))

    def _shape(self, stage: Stage) -> tuple[int, ...]:
        """The numbers that a stage's program computes: of a matrix, rows and columns."""
        if stage.matrix:
            return self.layout.grids[stage.matrix]
        return (self.layout.widths[stage.vector],)

    def _placed(self, numbers: Tensor, stage: Stage, broadcast: autodiff.Broadcast = "") -> Tensor:
        """Numbers where the program meets them; of a matrix ``(..., blocks, rows, columns)``."""
        if not stage.matrix:
            return numbers
        own = [*self._shape(stage)]
        for axis in SUMMED_AXES[broadcast]:
            own[axis] = 1
        return numbers.unflatten(-1, own)

    def backward(self, tensors: Tensors, at: Step) -> None:
        """See `ElementPrograms`."""
        for stage in reversed(self.fusion.stages):
            d_value = tensors.d_vector(stage.vector, 0, at)
            value = tensors.vector(stage.vector, 0, at)
            match stage.row_function:
                case "sum" if stage.is_total:
                    d_value = self._wide(stage, d_value, value)
                case "mean" if stage.is_total:
                    d_value = self._wide(stage, d_value, value) / self.layout.widths[stage.vector]
                case "row sums":
                    d_value = self._wide(stage, self._placed(d_value, stage, "rows"), value)
                case "column sums":
                    d_value = self._wide(stage, self._placed(d_value, stage, "columns"), value)
                case "":
                    d_value = self._placed(d_value, stage)
                case function:
                    d_heads, heads = _heads(d_value, stage), _heads(value, stage)
                    if function == "norm":
                        inv_std = tensors.inv_std[stage.vector][at]
                        d_heads = _normalise_backward(d_heads, heads, inv_std)
                    elif function == "softmax":
                        d_heads = heads * (d_heads - (d_heads * heads).sum(-1, keepdim=True))
                    else:  # as a number goes to every place of its part, it takes of every place
                        d_heads = _OF_PARTS[function](d_heads).expand_as(heads)
                    d_value = d_heads.flatten(-2)
            start = 0
            for part in stage.parts:
                target = tensors.d_vector(part.vector, part.lag, at)
                target += d_value[..., start : start + target.shape[-1]]
                start += target.shape[-1]
            known: list[Any] = []
            for leaf, adjoint in stage.element.adjoints:
                part = self._run(
                    stage.element.backward, adjoint, stage, tensors, at, d_value, known
                )
                match leaf:
                    case autodiff.SumValue(name):
                        tensors.d_sum(name, at)[...] = part
                    case autodiff.Read(vector, lag, broadcast):
                        target = tensors.d_vector(vector, lag, at)
                        if stage.matrix:
                            part = self._wide(stage, part, value)
                            for axis in SUMMED_AXES[broadcast]:
                                part = part.sum(axis, keepdim=True)
                            part = part.reshape(target.shape)
                        elif broadcast:
                            part = part.sum(-1, keepdim=True)
                        target += part
                    case autodiff.ParameterValue(name):
                        tensors.parts[stage.vector, name][at] = part

    def _run(
        self,
        program: tuple[autodiff.Operation, ...],
        result: autodiff.Value,
        stage: Stage,
        tensors: Tensors,
        at: Step,
        d_value: Tensor | None,
        known: list[Any],
    ) -> Any:
        """The value of a program's result; ``known`` takes those of its operations."""

        def value_of(value: autodiff.Value) -> Any:
            match value:
                case autodiff.Temporary(index):
                    return known[index]
                case autodiff.SumValue(name):
                    return tensors.sum(name, at)
                case autodiff.Read(vector, lag, broadcast):
                    return self._placed(tensors.vector(vector, lag, at), stage, broadcast)
                case autodiff.ParameterValue(name):
                    return tensors.parameters[name]
                case autodiff.MaskValue(name):
                    if name not in tensors.edges:
                        return 1.0
                    return self._placed(tensors.edges[name][at], stage)
                case autodiff.Constant(number):
                    return number
                case autodiff.Result():
                    return self._placed(tensors.vector(stage.vector, 0, at), stage)
                case autodiff.Adjoint():
                    return d_value

        for operation in program[len(known) :]:
            values = [value_of(v) for v in operation.arguments]
            known.append(_apply(operation.kind, values))
        return value_of(result)


def _apply(kind: str, values: list[Any]) -> Any:
    if kind in ARITHMETIC:
        return ARITHMETIC[kind](*values)
    if kind == "negative":
        return -values[0]
    formula, environment = formula_of(kind), dict(zip("xy", values, strict=False))
    formula.run(environment)
    return environment[formula.assignments[-1][0]]


def _heads(rows: Tensor, stage: Stage) -> Tensor:
    """Rows, each as rows of its equal parts."""
    return rows.unflatten(-1, (max(1, stage.heads), -1))


_OF_PARTS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda rows: rows.softmax(-1),
    "sum": lambda rows: rows.sum(-1, keepdim=True),
    "mean": lambda rows: rows.mean(-1, keepdim=True),
}


def _normalise(rows: Tensor) -> Tensor:
    """``z -> (z - mean z) / sqrt(variance of z + eps)`` in place; 1 / that root."""
    rows -= rows.mean(-1, keepdim=True)
    inv_std = ((rows * rows).mean(-1, keepdim=True) + NORM_EPS).rsqrt()
    rows *= inv_std
    return inv_std


def _normalise_backward(d_value: Tensor, y: Tensor, inv_std: Tensor) -> Tensor:
    """d loss / d z from d loss / d y: without its parts along 1 and along y, both taken out."""
    along = (d_value * y).mean(-1, keepdim=True)
    return (d_value - d_value.mean(-1, keepdim=True) - y * along) * inv_std
