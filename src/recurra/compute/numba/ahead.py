"""The kernels of output layer and writing, compiled by a second process beside a network's own.

Numba compiles one kernel at a time in a process. The second one runs none, leaves its kernels in
the signed cache, and ends when its standard input is closed: with the first one, if that dies.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numba import types

from recurra.compute.numba.cache import unwritable
from recurra.compute.numba.kernels import class_softmax, softmax
from recurra.compute.numba.kernels.jit import is_kept, stub_symbols
from recurra.compute.numba.loading import load
from recurra.compute.numba.start import import_without_blas

PROGRAM = "from recurra.compute.numba.ahead import main; main()"


def output_kernels(dtype: str, classes: bool) -> list[tuple[Any, tuple[Any, ...]]]:
    """The kernels of an output layer, with or without classes, and their arguments' types."""
    kernels: Any = class_softmax if classes else softmax
    matrix, vector = (types.Array(getattr(types, dtype), n, "C") for n in (2, 1))
    text, sizes = types.Array(types.int32, 1, "C"), (types.int64,) * 3 if classes else ()
    operand = matrix, matrix, vector
    return [
        (kernels.train, (*operand, text, types.float64, *operand, *sizes)),
        (kernels.losses, (*operand, text, *sizes)),
        (kernels.log_probabilities, (*operand, *sizes)),
    ]


@contextmanager
def compiled_ahead(
    dtype: str, classes: bool, source: str, writing: Sequence[Any]
) -> Iterator[None]:
    """Have other kernels compiled elsewhere meanwhile, if that is of use.

    Args:
        dtype, classes: of the output layer, see `output_kernels`.
        source: the generated kernels, which this process compiles.
        writing: the arguments of its function ``write``.
    """
    kept = all(is_kept(*kernel) for kernel in output_kernels(dtype, classes))
    useful = not kept and not unwritable() and (os.cpu_count() or 1) > 1
    process = _second_process() if useful else None
    try:
        if process:
            work = {"dtype": dtype, "classes": classes, "source": source}
            _tell(process, work | {"writing": [_described(value) for value in writing]})
        yield
        if process:
            process.wait()
    finally:
        if process:
            process.communicate()  # closes its standard input


def _tell(process: "subprocess.Popen[bytes]", work: dict[str, Any]) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it has died: this one compiles all
        process.stdin.write(json.dumps(work).encode() + b"\n")
        process.stdin.flush()


def _described(value: Any) -> list[Any]:
    """An argument's type as something to send: kind and dimensions of an array, or its type."""
    if isinstance(value, tuple):
        return ["tuple", len(value)]
    return (
        [value.dtype.name, value.ndim]
        if isinstance(value, np.ndarray)
        else [type(value).__name__, 0]
    )


def _type(kind: str, number: int) -> Any:
    if kind == "tuple":
        return types.UniTuple(types.int64, number) if number else types.Tuple(())
    scalar = getattr(types, {"int": "int64", "float": "float64"}.get(kind, kind))
    return types.Array(scalar, number, "C") if number else scalar


def _second_process() -> "subprocess.Popen[bytes] | None":
    with suppress(OSError):  # no more processes, say: this one compiles all
        return subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the parent
            process_group=None if sys.platform == "win32" else 0,
        )
    return None


def main() -> None:
    """The second process; its work is a line of standard input."""
    work = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_without_blas()
    stub_symbols()
    for kernel, arguments in output_kernels(work["dtype"], work["classes"]):
        kernel.compile(arguments)
    # by now the first process has compiled what this function calls, and kept it
    load(work["source"]).write.compile(tuple(_type(*value) for value in work["writing"]))


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
