"""A meeting point of threads inside kernels: far sooner passed than a thread is woken."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from recurra.engines.kernels.jit import INLINED

_ORDER = "seq_cst"


@intrinsic
def _arrive(typing_context: Any, gate: Any) -> Any:
    """Add 1 to ``gate[0]`` in one piece."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        builder.atomic_rmw("add", array.data, ir.IntType(64)(1), _ORDER)
        return context.get_dummy_value()

    return types.void(gate), generate


@intrinsic
def _arrived(typing_context: Any, gate: Any) -> Any:
    """``gate[0]``, as the other threads see it now."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        return builder.load_atomic(array.data, _ORDER, 8)

    return types.int64(gate), generate


def wait_for(gate: Any, threads: Any) -> None:
    """Go on when so many threads have come here; ``gate`` is int64 (1,), 0 before.

    Waiting is spinning: only for threads that run now and come soon. Uncompiled, for one thread.
    """
    gate[0] += 1
    assert gate[0] >= threads


@overload(wait_for, jit_options=INLINED)
def _wait_for(gate: Any, threads: Any) -> Any:
    def wait(gate: Any, threads: Any) -> None:
        _arrive(gate)
        while _arrived(gate) < threads:
            pass

    return wait
