"""The output layer's kernels, compiled by a second process while this one compiles a network's.

Numba compiles one kernel at a time in a process. The second one runs none, leaves its kernels in
the signed cache, and ends when its standard input is closed: with the first one, if that dies.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from numba import types

from recurra.compute.numba.cache import unwritable
from recurra.compute.numba.kernels import class_softmax, softmax
from recurra.compute.numba.kernels.jit import is_kept, stub_symbols
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
def compiled_ahead(dtype: str, classes: bool) -> Iterator[None]:
    """Have the output layer's kernels compiled elsewhere meanwhile, if that is of use."""
    kept = all(is_kept(*kernel) for kernel in output_kernels(dtype, classes))
    useful = not kept and not unwritable() and (os.cpu_count() or 1) > 1
    process = _second_process(dtype, *["classes"] * classes) if useful else None
    try:
        yield
        if process:
            process.wait()
    finally:
        if process:
            process.communicate()  # closes its standard input


def _second_process(*arguments: str) -> "subprocess.Popen[bytes] | None":
    with suppress(OSError):  # no more processes, say: this one compiles all
        return subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-P", "-c", PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the parent
            process_group=None if sys.platform == "win32" else 0,
        )
    return None


def main() -> None:
    """The second process; its arguments are those of `output_kernels`."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_without_blas()
    stub_symbols()
    for kernel, arguments in output_kernels(sys.argv[1], len(sys.argv) > 2):
        kernel.compile(arguments)


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
