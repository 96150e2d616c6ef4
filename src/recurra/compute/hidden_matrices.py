"""The matrices between vectors, which an optimiser may change as a whole."""

from recurra.compute.plan import Plan
from recurra.lang.shapes import Shapes


def hidden_matrices(plan: Plan, shapes: Shapes) -> dict[str, int]:
    """Matrices that neither read characters nor give scores, in order -> number of their blocks."""
    sums = [s for stage in plan.stages.values() for s in stage.sums]
    outer = {name for s in (*sums, plan.logits) for name in s.lookups}
    outer |= {term.matrix for term in plan.logits.terms}
    inner = dict.fromkeys(t.matrix for s in sums for t in s.terms if t.matrix not in outer)
    return {name: shapes.blocks.get(name, 1) for name in inner}
