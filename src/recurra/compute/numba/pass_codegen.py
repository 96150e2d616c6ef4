"""Source of the one pass over all units and time steps of a block without products in its loop.

Every number of every equation is computed while it is in a register. A number belongs to one unit
of one stream, and meets only those of the same unit: one loop, of which threads may take columns.
"""

from collections.abc import Callable

from recurra.compute.autodiff import ParameterValue, Read, SumValue
from recurra.compute.numba.emitter import Emitter
from recurra.compute.plan import Block, Stage, Sum


def add_forward_pass(emitter: Emitter, block: Block) -> None:
    """Add the pass that computes the vectors of a block, after its products."""
    with emitter.one_pass(block.stages, "range(0, rows, batch)"):
        for place, stage in enumerate(block.stages):
            for number, total in enumerate(stage.sums):
                _add_sum(emitter, total, f"s{place}_{number}")
            prefix, result = f"x{place}_", f"v{place}"
            emitter.program(stage.element.forward, stage, prefix)
            emitter.line(f"{result} = {emitter.value(stage.element.value, stage, prefix)}")
            vector = emitter.array("vector", stage.vector)
            emitter.line(f"{vector}[{emitter.row(stage.vector, 0)}, j] = {result}")
            emitter.known[Read(stage.vector, 0)] = result


def add_backward_pass(
    emitter: Emitter, block: Block, local: set[str], begins: Callable[[Read], bool]
) -> None:
    """Add the pass back through a block, before the gradients of its products.

    Args:
        emitter, block: see `add_forward_pass`.
        local: vectors of which nothing outside the block sends a gradient.
        begins: whether what is sent to a vector is the first, and all, of a gradient.
    """
    sent: dict[Read, str] = {}
    own = {stage.vector for stage in block.stages}
    with emitter.one_pass(block.stages, "range(rows - batch, -1, -batch)"):
        for place, stage in reversed([*enumerate(block.stages)]):
            received = [sent[read]] if (read := Read(stage.vector, 0)) in sent else []
            if stage.vector not in local:
                d_vector = emitter.array("d_vector", stage.vector)
                received.append(f"{d_vector}[{emitter.row(stage.vector, 0)}, j]")
            emitter.line(f"d_value = {' + '.join(received) or f'{emitter.dtype}(0.0)'}")
            _add_stage_backward(emitter, stage, place, sent)
        outside = {read: name for read, name in sent.items() if read.lag or read.vector not in own}
        for read, name in outside.items():
            lags = [other.lag for other in outside if other.vector == read.vector]
            sign = "=" if len(lags) == 1 and begins(read) else "+="
            d_vector = emitter.array("d_vector", read.vector)
            emitter.line(f"{d_vector}[{emitter.row(read.vector, read.lag)}, j] {sign} {name}")


def _add_stage_backward(emitter: Emitter, stage: Stage, place: int, sent: dict[Read, str]) -> None:
    element, prefix = stage.element, f"z{place}_"
    used = {value for operation in element.backward for value in operation.arguments}
    used |= {adjoint for _, adjoint in element.adjoints}
    for number, total in enumerate(stage.sums):
        if SumValue(total.name) in used:
            _add_sum(emitter, total, f"s{place}_{number}")
    emitter.program(element.backward, stage, prefix)
    sums = {total.name: total for total in stage.sums}
    for leaf, adjoint in element.adjoints:
        value = emitter.value(adjoint, stage, prefix)
        match leaf:
            case SumValue(name):
                _add_sum_backward(emitter, sums[name], value)
            case ParameterValue(name):
                emitter.line(f"{emitter.array('gradient', name)}[j] += {value}")
            case Read() as read:
                sign = "+=" if read in sent else "="
                name = sent.setdefault(read, f"d{len(sent)}")
                emitter.line(f"{name} {sign} {value}")


def _add_sum(emitter: Emitter, total: Sum, name: str) -> None:
    """A sum's products, look-ups and biases, as a variable."""
    parts = [f"{emitter.array('sum', total.name)}[row, j]"] if total.terms else []
    parts += [f"{emitter.array('parameter', matrix)}[c, j]" for matrix in total.lookups]
    parts += [f"{emitter.array('parameter', bias)}[j]" for bias in total.biases]
    emitter.line(f"{name} = {' + '.join(parts)}")
    emitter.known[SumValue(total.name)] = name


def _add_sum_backward(emitter: Emitter, total: Sum, value: str) -> None:
    """The derivative of a sum, kept for its products; of the rest, the gradients."""
    if total.terms:
        emitter.line(f"{emitter.array('sum', total.name)}[row, j] = {value}")
    for matrix in total.lookups:
        emitter.line(f"{emitter.array('gradient', matrix)}[c, j] += {value}")
    for bias in total.biases:
        emitter.line(f"{emitter.array('gradient', bias)}[j] += {value}")
