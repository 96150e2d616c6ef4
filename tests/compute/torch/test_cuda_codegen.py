"""The text of CUDA kernels, compiled by a C++ compiler and run on this processor."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equations_list import COMPILED, VALID
from recurra.compute.gradcheck import load_parameters, random_problem
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.compute.torch.cuda import KernelPrograms, Launch, fused_programs
from recurra.compute.torch.cuda_codegen import Kernel
from recurra.compute.torch.tape import Walk
from recurra.lang.functions import FUNCTIONS
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import ShapeSolver
from strategies import POSITIVE

COMPILER = shutil.which("g++") or shutil.which("c++")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")

# What CUDA's few words mean to a processor that takes one number after the other.
SHIM = """
#define __global__
struct Place { int x; };
static Place blockIdx, blockDim = {1}, threadIdx;
extern "C" void place(int i) { blockIdx.x = i; }
""" + "".join(
    f"#define {name} __builtin_{name}\n"
    for name in (
        "sqrt",
        "exp",
        "expm1",
        "log1p",
        "tanh",
        "log",
        "sin",
        "cos",
        "pow",
        "fabs",
        "fmin",
        "fmax",
    )
)


class Compiler:
    """Compiles kernels into a folder, each text once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.launches: dict[str, Launch] = {}

    def __call__(self, kernel: Kernel) -> Launch:
        if kernel.source not in self.launches:
            self.launches[kernel.source] = self._compile(kernel)
        return self.launches[kernel.source]

    def _compile(self, kernel: Kernel) -> Launch:
        source = self.folder / f"{len(self.launches)}.cpp"
        source.write_text(SHIM + kernel.source, encoding="utf-8")
        target = source.with_suffix(".so")
        flags = ["-shared", "-fPIC", "-Wall", "-Werror", "-Wno-unused-variable"]
        command = [COMPILER, *flags, "-o", target, source]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stderr}\n{kernel.source}"
        loaded = ctypes.CDLL(str(target))
        function = getattr(loaded, kernel.name)

        def launch(count: int, arrays: Sequence[Any]) -> None:
            pointers = [ctypes.c_void_p(array.data_ptr()) for array in arrays]
            for i in range(-(-(count + 1) // 4) * 4):  # a few threads too many, as on a GPU
                loaded.place(i)
                function(count, *pointers)

        return launch


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    return Compiler(tmp_path_factory.mktemp("kernels"))


def check(network: Network, compiler: Compiler, dropout: float = 0.0) -> None:
    """Loss and gradients by kernels and by the reference; at least one kernel was there."""
    plan, rng = make_plan(network), np.random.default_rng(0)
    shapes = ShapeSolver(network).shapes(7, 4)
    engine, reference = (
        make_engine(name, plan, shapes, np.float64) for name in ("torch:cpu", "reference")
    )
    programs = partial(fused_programs, dtype="float64", compile=compiler)
    engine._walk = Walk(plan, engine.sizes, engine.widths, shapes, programs)
    problem = random_problem(engine, 4, 3, rng)
    masks = engine.dropout_masks(dropout, 4, 3, rng)
    results = []
    for one in (engine, reference):
        load_parameters(one, problem.parameters)
        loss, gradients, _ = one.loss_and_gradients(
            problem.inputs, problem.targets, one.load_state(problem.state), masks=masks
        )
        results.append({"loss": np.array(loss), **gradients})
    for name, want in results[1].items():
        np.testing.assert_allclose(results[0][name], want, rtol=1e-10, atol=1e-11, err_msg=name)
    kernels = [p for p in engine._walk.programs.values() if isinstance(p, KernelPrograms)]
    assert kernels or all(stage.row_function for stage in plan.stages.values())


SHORT = ("glstm", "slstm", "wrnn")


@pytest.mark.parametrize(
    "network", [pytest.param(n, marks=[pytest.mark.long] * (n not in SHORT)) for n in COMPILED]
)
def test_library(network: str, compiler: Compiler) -> None:
    check(load_network(network), compiler)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions(function: str, compiler: Compiler) -> None:
    text = (
        "f = identity\nc = 0\na[t] = f(c + sin(U @ x[t] + W @ a[t-1] + s))\n"
        "b[t] = f(c + tanh(V @ a[t] + f(c + tanh(a[t-1])) * s))\no[t] = softmax(Q @ b[t])\n"
    )
    check(parse(text, choices={"f": function, "c": 1.5 * (function in POSITIVE)}), compiler)


PICKED = [
    *("one bias hidden and shared", "element-wise lags", "quotient", "gates", "edges that drop"),
    *("output reads an expression", "skip connection", "a constant vector", "layers", "signs"),
    *("largest and smallest of two", "ties", "powers", "logarithms of exponentials"),
    *("normalised values, read by products and lags", "two vectors in one block, typed backwards"),
]


@pytest.mark.parametrize("case", [c for c in VALID if c.name in PICKED], ids=lambda c: c.name)
@pytest.mark.parametrize("dropout", [pytest.param(0.0, marks=pytest.mark.long), 0.5])
def test_equations(case: Any, dropout: float, compiler: Compiler) -> None:
    check(parse(case.text), compiler, dropout)


def test_an_lstm_is_one_kernel_each_way(compiler: Compiler) -> None:
    check(load_network("lstm"), compiler)
    plan = make_plan(load_network("lstm"))
    shapes = ShapeSolver(plan.network).shapes(7, 4)
    programs = partial(fused_programs, dtype="float32", compile=compiler)
    (block,) = Walk(plan, plan.sizes(shapes), plan.widths(shapes), shapes, programs).layouts
    (fusion,) = block.fusions
    assert len(fusion.stages) == 6
    # four gates read the past by one product
    assert [len(product.terms) for product in block.past] == [4]
