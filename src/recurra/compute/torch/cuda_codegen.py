"""Element-wise programs of fused stages -> CUDA source: one kernel forward, one backward.

One thread computes one number of every stage of a fusion, for one row of ``(rows, n)``. Nothing is
shared between threads, so the result does not depend on their order. The same text is C++ for a
compiler that is told what CUDA's few words mean: the tests run it so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import indent

from recurra.compute import autodiff
from recurra.compute.autodiff import ARITHMETIC
from recurra.compute.torch.functions import formula_of
from recurra.compute.torch.layout import BlockLayout, Fusion

REALS: Mapping[str, str] = {"float32": "float", "float64": "double"}

PLACES: Mapping[str, str] = {"parameter": "j", "sum": "k", "d_sum": "k"}
# i is a number of a vector, j its column, k the place of its sums.
TEMPLATE = """extern "C" __global__ void {name}(int count, {arguments}) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int j = i % {size};
    long long k = (long long)(i / {size}) * {width} + j;
{body}}}
"""


@dataclass(frozen=True, order=True)
class Argument:
    """An array that a kernel is given, at the present time step.

    Attributes:
        kind: "sum", "d_sum"; "vector", "d_vector" (at a lag); "parameter"; "mask"; "part" (of a
            stage and a parameter).
        name: of the array; of the stage, where it is a part.
        lag: of a vector.
        parameter: of a part.
    """

    kind: str
    name: str = ""
    lag: int = 0
    parameter: str = ""


@dataclass(frozen=True)
class Kernel:
    """A kernel's name, its source, and what it is to be called with after the count."""

    name: str
    source: str
    arguments: tuple[Argument, ...]


def forward_kernel(layout: BlockLayout, fusion: Fusion, dtype: str) -> Kernel:
    """Sets the vectors of a fusion."""
    writer = _Writer(layout, dtype)
    for stage in fusion.stages:
        own, element = f"v{len(writer.values)}", stage.element
        result = writer.program(element.forward, element.value, stage.vector, "")
        writer.lines.append(f"const real {own} = {result};")
        writer.lines.append(f"{writer.at(Argument('vector', stage.vector))} = {own};")
        writer.values[stage.vector] = own
    return writer.kernel("forward", fusion.size)


def backward_kernel(layout: BlockLayout, fusion: Fusion, dtype: str) -> Kernel:
    """Sets derivatives of sums and parts, and adds to those of the vectors that are read."""
    writer = _Writer(layout, dtype)
    for number, stage in enumerate(reversed(fusion.stages)):
        d_value = f"d{number}"
        # read after the stages that follow have added their parts
        d_vector = writer.at(Argument("d_vector", stage.vector))
        writer.lines.append(f"const real {d_value} = {d_vector};")
        known: dict[int, str] = {}
        for leaf, adjoint in stage.element.adjoints:
            part = writer.program(stage.element.backward, adjoint, stage.vector, d_value, known)
            match leaf:
                case autodiff.SumValue(name):
                    writer.lines.append(f"{writer.at(Argument('d_sum', name))} = {part};")
                case autodiff.Read(vector, lag):
                    target = writer.at(Argument("d_vector", vector, lag))
                    writer.lines.append(f"{target} += {part};")
                case autodiff.ParameterValue(name):
                    target = writer.at(Argument("part", stage.vector, parameter=name))
                    writer.lines.append(f"{target} = {part};")
    return writer.kernel("backward", fusion.size)


class _Writer:
    """Lines of a kernel's body, and the arguments that they read."""

    def __init__(self, layout: BlockLayout, dtype: str) -> None:
        self.layout, self.real = layout, REALS[dtype]
        self.lines: list[str] = []
        self.values: dict[str, str] = {}  # vectors that this kernel has computed
        self.names: dict[Argument, str] = {}
        self.made = 0

    def kernel(self, name: str, size: int) -> Kernel:
        arguments = ", ".join(f"real* {own}" for own in self.names.values())
        body = indent("\n".join(self.lines) + "\n", " " * 4)
        width = self.layout.width
        text = TEMPLATE.format(name=name, arguments=arguments, size=size, width=width, body=body)
        return Kernel(name, f"typedef {self.real} real;\n{text}", tuple(self.names))

    def at(self, argument: Argument) -> str:
        name = self.names.setdefault(argument, f"a{len(self.names)}")
        return f"{name}[{PLACES.get(argument.kind, 'i')}]"

    def number(self, value: float) -> str:
        return f"real({value!r})"

    def program(
        self,
        program: tuple[autodiff.Operation, ...],
        result: autodiff.Value,
        stage: str,
        d_value: str,
        known: dict[int, str] | None = None,
    ) -> str:
        """The operations, unless they are known already, and the name of a result."""
        known = {} if known is None else known

        def value_of(value: autodiff.Value) -> str:
            match value:
                case autodiff.Temporary(index):
                    return known[index]
                case autodiff.SumValue(name):
                    return self.at(Argument("sum", name))
                case autodiff.Read(vector, lag):
                    computed = None if lag else self.values.get(vector)
                    return computed or self.at(Argument("vector", vector, lag))
                case autodiff.ParameterValue(name):
                    return self.at(Argument("parameter", name))
                case autodiff.MaskValue(name):
                    return self.at(Argument("mask", name))
                case autodiff.Constant(number):
                    return self.number(number)
                case autodiff.Result():
                    return self.at(Argument("vector", stage))
                case autodiff.Adjoint():
                    return d_value

        for index, operation in enumerate(program):
            if index not in known:
                known[index] = self._operation(
                    operation.kind, [value_of(value) for value in operation.arguments]
                )
        return value_of(result)

    def _operation(self, kind: str, values: list[str]) -> str:
        name = f"t{self.made}"
        self.made += 1
        if kind in ARITHMETIC:
            self.lines.append(f"const real {name} = {values[0]} {kind} {values[1]};")
        elif kind == "negative":
            self.lines.append(f"const real {name} = -{values[0]};")
        else:
            assignments = formula_of(kind).to_c(self.number)
            inner = [f"const real {new} = {value};" for new, value in assignments[:-1]]
            given = [f"const real {n} = {v};" for n, v in zip("xy", values, strict=False)]
            lines = "\n".join([*given, *inner, f"{name} = {assignments[-1][1]};"])
            self.lines.append(f"real {name};\n{{\n{indent(lines, '    ')}\n}}")
        return name
