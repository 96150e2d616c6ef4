"""A plan as kernels walk it: neighbouring blocks that one pass computes are one block."""

from collections.abc import Iterable

from recurra.compute.autodiff import SumValue
from recurra.compute.plan import Block, Plan, Sum, Term


def kernel_blocks(plan: Plan) -> tuple[Block, ...]:
    """The blocks of a plan, with neighbours made one where a single pass computes both.

    So it is where units are equally many, and no product of the one waits for the other.
    """
    blocks: list[Block] = []
    families = _families(plan)
    for block in plan.blocks:
        if blocks and _is_one_pass(last := blocks[-1], block, families):
            recurrent = last.recurrent or block.recurrent
            blocks[-1] = Block(last.stages + block.stages, recurrent)
        else:
            blocks.append(block)
    return tuple(blocks)


def is_pass(block: Block) -> bool:
    """Whether every unit goes through time on its own: each product can be done before."""
    sums = (total for stage in block.stages for total in stage.sums)
    hoisted = all(term.hoisted for total in sums for term in total.terms)
    return hoisted and all(stage.is_pointwise for stage in block.stages)


def _is_one_pass(one: Block, other: Block, families: dict[str, set[str]]) -> bool:
    own = {stage.vector for stage in one.stages}
    sums = (total for stage in other.stages for total in stage.sums)
    waits = any(term.vector in own for total in sums for term in total.terms)
    alike = other.stages[0].vector in families[one.stages[0].vector]
    return is_pass(one) and is_pass(other) and alike and not waits


def _families(plan: Plan) -> dict[str, set[str]]:
    """Vector -> all that are as wide, for they meet element by element."""
    families = {name: {name} for name in plan.stages}
    for stage in plan.stages.values():
        for read in stage.reads if stage.is_pointwise else ():
            family = families[stage.vector] | families[read.vector]
            families |= dict.fromkeys(family, family)
    return families


def local_gradients(plan: Plan) -> set[str]:
    """Vectors whose gradient lives for one time step only: read at [t] in their own block alone."""
    outside, blocks = set(plan.dropped), kernel_blocks(plan)
    for block in blocks:
        own = {stage.vector for stage in block.stages}
        outside |= {r.vector for stage in block.stages for r in stage.reads} - own
    return {
        stage.vector
        for block in blocks
        for stage in block.stages
        if (block.recurrent or is_pass(block))
        and plan.lags[stage.vector] == 0
        and stage.vector not in outside
    }


def loop_matrices(sums: Iterable[Sum]) -> tuple[str, ...]:
    """Matrices that time loops multiply with, in order."""
    terms = (t for s in sums for t in s.terms if not t.hoisted)
    return tuple(dict.fromkeys(t.matrix for t in terms))


def looked_up_from(plan: Plan, term: Term) -> str:
    """The matrix whose rows, looked up, are the operand of a product; empty if there is none."""
    stage = plan.stages[term.vector]
    if term.lag or term.transposed or not term.hoisted or not stage.is_pointwise:
        return ""
    match stage.sums:
        case (Sum(name, lookups=(matrix,), terms=(), biases=()),):
            return matrix if stage.element.value == SumValue(name) else ""
    return ""
