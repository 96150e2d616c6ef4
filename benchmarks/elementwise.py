"""Nanoseconds an element of every element-wise kernel, beside the same formula in NumPy.

    python benchmarks/elementwise.py [--markdown FILE]

Each kernel stands in a loop such as generated kernels have, over 4,096 numbers that a core's cache
holds; the least of many times. ``lanes``: so many numbers its vector instructions take at once.
"""

import argparse
import re
import time
from collections.abc import Callable
from inspect import signature
from typing import Any

import numba
import numpy as np
from report import Report

from recurra.compute.autodiff import forward
from recurra.compute.numba.kernels import elementwise
from recurra.compute.numba.kernels.jit import FAST

OPERATIONS = {"absolute": "abs", "maximum": "max", "minimum": "min", "power": "**"}
NUMBERS, TIMES = 4096, 200


def looped(kernel: Any, arity: int) -> Any:
    """The loop of a kernel of one or two numbers, compiled as generated kernels are."""

    def of_one(out: Any, x: Any) -> None:
        for i in range(x.size):
            out[i] = kernel(x[i])

    def of_two(out: Any, x: Any, y: Any) -> None:
        for i in range(x.size):
            out[i] = kernel(x[i], y[i])

    return numba.njit(fastmath=FAST, error_model="numpy")(of_one if arity == 1 else of_two)


def nanoseconds(function: Callable[..., object], *arguments: object) -> float:
    """The least time of a call, for each number."""
    function(*arguments)  # compiles it
    times = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - begun)
    return 1e9 * min(times) / NUMBERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", metavar="FILE", help="docs/benchmarks.md: replace its table")
    report = Report("Element-wise kernels", parser.parse_args().markdown)
    report.say(
        "Nanoseconds an element on one core, the least of many. `numpy`: the same in NumPy, with",
        "float32; `lanes`: how many float32 numbers a vector instruction of the kernel takes.",
        "",
    )
    report.table(("kernel", "float32", "float64", "numpy", "lanes"), [20, 8, 8, 8, 6])
    for name in (n for n in elementwise.__all__ if n != "expm1"):  # a part of elu
        kernel, plain = getattr(elementwise, name), name.removesuffix("_derivative")
        operation = OPERATIONS.get(plain, plain) + "'" * name.endswith("_derivative")
        arity, times = len(signature(kernel.py_func).parameters), []
        loop = looped(kernel, arity)
        for dtype in (np.float32, np.float64):
            arrays = [np.linspace(0.1, 3.0, NUMBERS, dtype=dtype), np.full(NUMBERS, 0.7, dtype)]
            arrays = arrays[:arity]
            times.append(nanoseconds(loop, np.empty(NUMBERS, dtype), *arrays))
            if dtype == np.float32:
                numpy = nanoseconds(forward, operation, *arrays)
        code = next(iter(loop.inspect_llvm().values()))
        lanes = max(map(int, re.findall(r"store <(\d+) x float>", code)), default=1)
        report.row((name, *(f"{t:.2f}" for t in (*times, numpy)), str(lanes)))


if __name__ == "__main__":
    main()
