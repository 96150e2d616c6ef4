"""Threads meet inside kernels, and deal out work: far sooner than a thread is woken."""

from typing import Any

from llvmlite import ir
from llvmlite.binding import address_of_symbol
from numba import types
from numba.extending import intrinsic, overload

from recurra.compute.numba.kernels.jit import INLINED, inlined

_ORDER = "seq_cst"
# Who has looks so often in vain shares its core with the thread that it waits for.
_PATIENCE = 2000
if address_of_symbol("sched_yield"):
    _give_way: Any = types.ExternalFunction("sched_yield", types.int32())
else:  # Windows

    @inlined
    def _give_way() -> None:
        pass


@intrinsic
def _arrive(typing_context: Any, gate: Any) -> Any:
    """Add 1 to ``gate[0]`` in one piece; what it was before."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        return builder.atomic_rmw("add", array.data, ir.IntType(64)(1), _ORDER)

    return types.int64(gate), generate


@intrinsic
def _arrived(typing_context: Any, gate: Any) -> Any:
    """``gate[0]``, as the other threads see it now."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        return builder.load_atomic(array.data, _ORDER, 8)

    return types.int64(gate), generate


def wait_for(gate: Any, threads: Any) -> None:
    """Go on when so many threads have come here; ``gate`` is int64 (1,), 0 before.

    Waiting is asking: only for threads that run now and come soon. Uncompiled, for one thread.
    """
    gate[0] += 1
    assert gate[0] >= threads


@overload(wait_for, jit_options=INLINED)
def _wait_for(gate: Any, threads: Any) -> Any:
    def wait(gate: Any, threads: Any) -> None:
        _arrive(gate)
        looks = 0
        while _arrived(gate) < threads:
            looks += 1
            if looks > _PATIENCE:
                _give_way()

    return wait


def take_number(gate: Any) -> Any:
    """0, 1, 2, ... for whoever comes next; ``gate`` is int64 (1,), 0 before."""
    gate[0] += 1
    return gate[0] - 1


@overload(take_number, jit_options=INLINED)
def _take_number(gate: Any) -> Any:
    def take(gate: Any) -> Any:
        return _arrive(gate)

    return take
