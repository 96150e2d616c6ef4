"""Plan -> what of it is one matrix product, and which stages are one kernel."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from recurra.compute.plan import Block, Plan, Stage, Term


@dataclass(frozen=True)
class Product:
    """Terms with one operand whose sums are neighbours: one product, their matrices stacked.

    Attributes:
        vector, lag: the operand.
        low, high: its columns among the sums of the block.
        terms: from the first column to the last.
    """

    vector: str
    lag: int
    low: int
    high: int
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Fusion:
    """Stages, in order, between whose element-wise programs no product has to be computed.

    Attributes:
        size: of all their vectors.
        stages: one that is more than number by number is alone.
        products: of vectors of the same time step, to be computed before.
    """

    size: int
    stages: tuple[Stage, ...]
    products: tuple[Product, ...]


@dataclass(frozen=True)
class BlockLayout:
    """How a block is computed.

    Attributes:
        block: of the plan.
        widths: of the element-wise programs of its stages.
        grids: memory -> number of its blocks, rows and columns of each.
        columns: sum -> where it lies in ``(T, B, width)``.
        width: of all sums side by side.
        hoisted: products for all time steps at once.
        past: products of the block's own past, for one time step.
        fusions: in order.
    """

    block: Block
    widths: Mapping[str, int]
    grids: Mapping[str, tuple[int, int, int]]
    columns: Mapping[str, tuple[int, int]]
    width: int
    hoisted: tuple[Product, ...]
    past: tuple[Product, ...]
    fusions: tuple[Fusion, ...]

    @property
    def products(self) -> tuple[Product, ...]:
        """All of them."""
        return (*self.hoisted, *self.past, *(p for f in self.fusions for p in f.products))


def make_layout(
    plan: Plan,
    sizes: Mapping[str, int],
    widths: Mapping[str, int],
    grids: Mapping[str, tuple[int, int, int]],
) -> tuple[BlockLayout, ...]:
    """The layout of every block, for these sizes of vectors and widths of programs."""
    return tuple(_layout(block, sizes, widths, grids) for block in plan.blocks)


def _layout(
    block: Block,
    sizes: Mapping[str, int],
    widths: Mapping[str, int],
    grids: Mapping[str, tuple[int, int, int]],
) -> BlockLayout:
    columns: dict[str, tuple[int, int]] = {}
    width = 0
    for stage in block.stages:
        for total in stage.sums:
            columns[total.name] = width, width + widths[stage.vector]
            width += widths[stage.vector]
    hoisted = _stacked(block.stages, columns, lambda term: term.hoisted)
    past = _stacked(block.stages, columns, lambda term: not term.hoisted and term.lag > 0)
    fusions = tuple(
        Fusion(
            sizes[stages[0].vector],
            stages,
            _stacked(stages, columns, lambda term: not term.hoisted and term.lag == 0),
        )
        for stages in _fused(block.stages, sizes)
    )
    return BlockLayout(block, widths, grids, columns, width, hoisted, past, fusions)


def _fused(stages: Iterable[Stage], sizes: Mapping[str, int]) -> list[tuple[Stage, ...]]:
    groups: list[list[Stage]] = []
    for stage in stages:
        now = {t.vector for s in stage.sums for t in s.terms if not (t.hoisted or t.lag)}
        if (
            not groups
            or not stage.is_pointwise
            or not groups[-1][-1].is_pointwise
            or sizes[stage.vector] != sizes[groups[-1][-1].vector]
            or now & {member.vector for member in groups[-1]}
        ):
            groups.append([])
        groups[-1].append(stage)
    return [tuple(group) for group in groups]


def _stacked(
    stages: Iterable[Stage], columns: Mapping[str, tuple[int, int]], chosen: Callable[[Term], bool]
) -> tuple[Product, ...]:
    by_operand: dict[tuple[str, int], list[Product]] = {}
    for total in (s for stage in stages for s in stage.sums):
        low, high = columns[total.name]
        for term in filter(chosen, total.terms):
            products = by_operand.setdefault((term.vector, term.lag), [])
            if products and products[-1].high == low:
                last = products.pop()
                low_, terms = last.low, (*last.terms, term)
            else:
                low_, terms = low, (term,)
            products.append(Product(term.vector, term.lag, low_, high, terms))
    return tuple(product for products in by_operand.values() for product in products)
