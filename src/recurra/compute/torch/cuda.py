"""Element-wise programs as CUDA kernels, compiled while running; elsewhere plain operations."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from typing import Any

import torch

from recurra.compute.autodiff import MaskValue
from recurra.compute.torch.cuda_codegen import (
    Argument,
    Kernel,
    backward_kernel,
    forward_kernel,
)
from recurra.compute.torch.devices import Tensor
from recurra.compute.torch.elements import ElementPrograms, PlainPrograms, Step, Tensors
from recurra.compute.torch.layout import BlockLayout, Fusion

THREADS = 256  # of a block
# Calls a kernel for so many numbers, with these arrays.
Launch = Callable[[int, Sequence[Tensor]], None]
Compile = Callable[[Kernel], Launch]


@cache
def compile_kernel(kernel: Kernel, device: str) -> Launch:
    """Compile with NVRTC, which comes with PyTorch, for a device, which has to be the present one.

    A compiled kernel belongs to its device.
    """
    compiled = torch.cuda._compile_kernel(kernel.source, kernel.name)

    def launch(count: int, arrays: Sequence[Tensor]) -> None:
        grid = ((count + THREADS - 1) // THREADS, 1, 1)
        compiled(grid=grid, block=(THREADS, 1, 1), args=[count, *arrays])

    return launch


def make_programs(device: Any, dtype: str) -> Callable[[BlockLayout, Fusion], ElementPrograms]:
    """The function that computes the element-wise part of a fusion on a device."""
    if device.type == "cuda" and torch.version.cuda and hasattr(torch.cuda, "_compile_kernel"):
        own = partial(compile_kernel, device=str(device))
        return partial(fused_programs, dtype=dtype, compile=own)
    return PlainPrograms


def fused_programs(
    layout: BlockLayout, fusion: Fusion, dtype: str, compile: Compile
) -> ElementPrograms:
    """One kernel each way, where a thread can compute its numbers without another one."""
    pairs = {(read.vector, read.lag) for stage in fusion.stages for read in stage.reads}
    reads = Counter(vector for vector, _ in pairs)
    # all time steps at once: two lags of one vector are the same number for two threads
    shared = not layout.block.recurrent and max(reads.values(), default=0) > 1
    if shared or not all(stage.is_pointwise for stage in fusion.stages):
        return PlainPrograms(layout, fusion)
    return KernelPrograms(layout, fusion, dtype, compile)


class KernelPrograms:
    """The programs of a fusion as one kernel each way.

    Args:
        layout, fusion: what to compute.
        dtype: "float32" or "float64".
        compile: makes kernels that can be called.
    """

    def __init__(self, layout: BlockLayout, fusion: Fusion, dtype: str, compile: Compile) -> None:
        self.layout, self.fusion, self.dtype, self.compile = layout, fusion, dtype, compile
        self._plain = PlainPrograms(layout, fusion)
        self._masks = {
            value.name
            for stage in fusion.stages
            for operation in stage.element.forward
            for value in operation.arguments
            if isinstance(value, MaskValue)
        }

    @cached_property
    def _forward(self) -> tuple[Kernel, Launch]:
        kernel = forward_kernel(self.layout, self.fusion, self.dtype)
        return kernel, self.compile(kernel)

    @cached_property
    def _backward(self) -> tuple[Kernel, Launch]:
        kernel = backward_kernel(self.layout, self.fusion, self.dtype)
        return kernel, self.compile(kernel)

    def forward(self, tensors: Tensors, at: Step) -> None:
        """See `ElementPrograms`."""
        if self._masks - tensors.edges.keys():
            self._plain.forward(tensors, at)  # nothing is dropped, in reading
        else:
            self._launch(*self._forward, tensors, at)

    def backward(self, tensors: Tensors, at: Step) -> None:
        """See `ElementPrograms`."""
        if self._masks - tensors.edges.keys():
            self._plain.backward(tensors, at)
        else:
            self._launch(*self._backward, tensors, at)

    def _launch(self, kernel: Kernel, launch: Launch, tensors: Tensors, at: Step) -> None:
        count = tensors.vector(self.fusion.stages[0].vector, 0, at).numel()
        launch(count, [_array(argument, tensors, at) for argument in kernel.arguments])


def _array(argument: Argument, tensors: Tensors, at: Step) -> Tensor:
    name = argument.name
    match argument.kind:
        case "sum":
            return tensors.sum(name, at)
        case "d_sum":
            return tensors.d_sum(name, at)
        case "vector":
            return tensors.vector(name, argument.lag, at)
        case "d_vector":
            return tensors.d_vector(name, argument.lag, at)
        case "parameter":
            return tensors.parameters[name]
        case "mask":
            return tensors.edges[name][at]
        case "part":
            return tensors.parts[name, argument.parameter][at]
    raise AssertionError(argument)
