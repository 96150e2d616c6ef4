"""Plan -> readable kernel source: a ``forward`` and a ``backward`` function for every block.

Nothing in the source depends on sizes, so a network is compiled once for all of them. Blocks that
differ in names alone, as layers do, share their functions. Arrays are two-dimensional: row ``t *
batch + r`` of a sum is time step t of stream r; a vector has ``lags`` more steps in front, the
carried past. Arguments are named after their `Kind` and their quantity.
"""

from recurra.compute.numba.backward_codegen import BackwardEmitter
from recurra.compute.numba.blocks import kernel_blocks
from recurra.compute.numba.emitter import WORD, Emitter
from recurra.compute.numba.forward_codegen import ForwardEmitter
from recurra.compute.numba.source import Call, Key, Source
from recurra.compute.numba.writing_codegen import writing_function
from recurra.compute.plan import Plan

# The equations are comments, and without those of the user: a text must not become code.
HEADER = '''"""Kernels generated from a plan by recurra/compute/numba/codegen.py."""

{equations}
from numpy import {dtype}, uintp

from recurra.compute.numba.kernels.sampling import carry, draw, log_probabilities, put
from recurra.compute.numba.kernels.elementwise import *  # noqa: F403
from recurra.compute.numba.kernels.jit import jit, one_pass
from recurra.compute.numba.kernels.layernorm import *  # noqa: F403
from recurra.compute.numba.kernels.products import *  # noqa: F403
from recurra.compute.numba.kernels.rows import *  # noqa: F403
{units}

'''
# what kernels need besides when threads share the units
UNITS_HEADER = """from recurra.compute.numba.kernels.barrier import wait_for
from recurra.compute.numba.kernels.units import *  # noqa: F403
"""


def generate_kernels(plan: Plan, dtype: str = "float32", *, by_units: bool = False) -> Source:
    """The kernels of a plan for ``"float32"`` or ``"float64"``.

    Args:
        plan: what is computed.
        dtype: type of every array.
        by_units: several threads call each function at once, and share the units of every vector;
            see `can_share_units`. They meet where one reads what others have written.
    """
    functions, begun = _Functions(), _begun(plan)
    blocks = list(enumerate(kernel_blocks(plan), 1))
    forward = [
        functions.call("forward", ForwardEmitter(plan, dtype, *b, begun, by_units)) for b in blocks
    ]
    write, text = writing_function(plan, forward)
    if not by_units:  # one thread writes
        functions.texts.append(text)
    blocks.reverse()
    backward = [
        functions.call("backward", BackwardEmitter(plan, dtype, *b, begun, by_units))
        for b in blocks
    ]
    lines = [line for line in plan.network.source.splitlines() if not line.startswith("#")]
    header = HEADER.format(
        equations="".join(f"# {line}\n" for line in lines),
        dtype=dtype,
        units=UNITS_HEADER if by_units else "",
    )
    return Source(header + "\n\n".join(functions.texts), tuple(forward), tuple(backward), write)


def can_share_units(plan: Plan) -> bool:
    """Whether units depend on one another through whole matrices alone, each used in one way."""
    sums = [total for total in plan.sums.values() if total is not plan.logits]
    terms = [term for total in sums for term in total.terms]
    looked_up = {matrix for total in sums for matrix in total.lookups}
    return (
        all(stage.is_pointwise for stage in plan.stages.values())
        and not plan.network.blocks
        and not any(term.transposed or term.matrix in looked_up for term in terms)
    )


def _begun(plan: Plan) -> set[Key]:
    """Gradients that something else has begun: the output layer, or zeros for look-ups."""
    names = {m for total in plan.sums.values() for m in total.lookups}
    names |= {*plan.logits.biases, *(term.matrix for term in plan.logits.terms)}
    output: set[Key] = {("d_dropped", term.vector) for term in plan.logits.terms}
    return output | {("gradient", name) for name in names}


class _Functions:
    """The functions of a source, and the names of those with given lines."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._names: dict[tuple[str, ...], str] = {}

    def call(self, kind: str, block: Emitter) -> Call:
        """The call of the function for a block: a new one, or one that differs in names alone."""
        places = {name: f"{place}_" for place, name in enumerate(block.arguments.values())}
        renamed = (WORD.sub(lambda word: places.get(word[0], word[0]), x) for x in block.body)
        lines = (kind, *renamed)
        if lines not in self._names:
            number = sum(known == kind for known, *_ in self._names) + 1
            self._names[lines] = name = f"{kind}_{number}" if number > 1 else kind
            self.texts.append(block.function(name))
        return Call(self._names[lines], tuple(block.arguments))
