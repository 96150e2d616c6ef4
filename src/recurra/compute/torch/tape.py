"""One forward pass of a layout, kept for back-propagation through time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from recurra.compute.autodiff import ParameterValue
from recurra.compute.plan import Plan, Sum, Term
from recurra.compute.torch.devices import Tensor
from recurra.compute.torch.elements import ElementPrograms, Step
from recurra.compute.torch.layout import BlockLayout, Fusion, Product, make_layout
from recurra.lang.shapes import Shapes
from recurra.lang.syntax import NORM

ALL = slice(None)
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class DeviceMasks:
    """Dropout's masks: 0, or 1 / (probability to keep).

    Attributes:
        arrays: vector -> ``(lags + T, B, n)``.
        edges: mask of an edge -> ``(T, B, n)``.
    """

    arrays: Mapping[str, Tensor]
    edges: Mapping[str, Tensor]


class Walk:
    """The shared part of all passes through a plan.

    Args:
        plan: the computation.
        sizes: of its vectors.
        widths: of their element-wise programs.
        shapes: of its parameters and memories.
        programs: what computes the element-wise part of a fusion.
    """

    def __init__(
        self,
        plan: Plan,
        sizes: Mapping[str, int],
        widths: Mapping[str, int],
        shapes: Shapes,
        programs: Callable[[BlockLayout, Fusion], ElementPrograms],
    ) -> None:
        self.plan, self.sizes, self.widths, self.shapes = plan, sizes, widths, shapes
        self.layouts = make_layout(plan, sizes, widths, shapes.grids)
        self.programs = {
            fusion: programs(layout, fusion) for layout in self.layouts for fusion in layout.fusions
        }
        # sum -> number of its block, and its columns there
        self.place = {
            name: (number, *columns)
            for number, layout in enumerate(self.layouts)
            for name, columns in layout.columns.items()
        }


class Tape:
    """A forward pass.

    ``vectors[v]`` is ``(lags + T, B, n)``: its first rows are the carried past, so ``v[t - lag]``
    for all t is a plain slice. ``sums[i]`` is ``(T, B, width)``, all sums of block i side by side.
    It is the `Tensors` of element-wise programs.
    """

    def __init__(
        self,
        walk: Walk,
        parameters: Mapping[str, Tensor],
        inputs: Tensor,
        state: Mapping[str, Tensor],
        masks: DeviceMasks | None = None,
    ) -> None:
        self.walk, self.plan, self.parameters, self.inputs = walk, walk.plan, parameters, inputs
        self.masks = masks.arrays if masks else {}
        self.edges = masks.edges if masks else {}
        self.steps, self.batch = inputs.shape
        self._like = next(iter(parameters.values()))
        self.vectors = self._vectors()
        for name, past in state.items():
            self.vectors[name][: len(past)] = past[:, : self.batch]
        self.d_vectors: Tensors = {}
        self.sums: list[Tensor] = []
        self.d_sums: list[Tensor] = []
        self.inv_std: Tensors = {}
        self.parts: dict[tuple[str, str], Tensor] = {}
        # what products outside the block see: the vector itself, or some of its values
        self.operands: Tensors = {}
        for layout in walk.layouts:
            self._forward(layout)

    def zeros(self, *shape: int) -> Tensor:
        """Zeros of the parameters' type, on their device."""
        return self._like.new_zeros(shape)

    def _vectors(self) -> Tensors:
        return {
            name: self.zeros(lags + self.steps, self.batch, self.walk.sizes[name])
            for name, lags in self.plan.lags.items()
        }

    # -- places

    def rows(self, vector: str, lag: int, at: Step = ALL) -> Step:
        """Where ``vector[t - lag]`` lies in its array."""
        start = self.plan.lags[vector] - lag
        return slice(start, start + self.steps) if isinstance(at, slice) else start + at

    def vector(self, name: str, lag: int, at: Step) -> Tensor:
        """``name[t - lag]``."""
        return self.vectors[name][self.rows(name, lag, at)]

    def d_vector(self, name: str, lag: int, at: Step) -> Tensor:
        """d loss / d ``name[t - lag]``, as far as it is known."""
        return self.d_vectors[name][self.rows(name, lag, at)]

    def sum(self, name: str, at: Step) -> Tensor:
        """A sum, ``(B, n)`` or ``(T, B, n)``."""
        block, low, high = self.walk.place[name]
        return self.sums[block][at][..., low:high]

    def d_sum(self, name: str, at: Step) -> Tensor:
        """d loss / d sum."""
        block, low, high = self.walk.place[name]
        return self.d_sums[block][at][..., low:high]

    def operand(self, term: Term | Product) -> Tensor:
        """The input of a hoisted product, a row for each character: ``(T B, n)``."""
        return self.operands[term.vector][self.rows(term.vector, term.lag)].flatten(0, 1)

    def matrix(self, term: Term) -> Tensor:
        """The matrix of a product, (out, in), as stored or transposed."""
        stored, count = self.parameters[term.matrix], self.walk.shapes.blocks.get(term.matrix, 1)
        whole = stored if count == 1 else torch.block_diag(*stored.chunk(count))
        return whole.T if term.transposed else whole

    def _stacked(self, product: Product) -> Tensor:
        matrices = [self.matrix(term) for term in product.terms]
        return matrices[0] if len(matrices) == 1 else torch.cat(matrices)

    def next_state(self) -> Tensors:
        """The last values of every vector read at a lag."""
        return {
            name: self.vectors[name][self.steps : self.steps + lags].clone()
            for name, lags in self.plan.state.items()
        }

    # -- forward

    def _forward(self, layout: BlockLayout) -> None:
        sums = self.zeros(self.steps, self.batch, layout.width)
        flat = sums.flatten(0, 1)
        for total in (s for stage in layout.block.stages for s in stage.sums):
            low, high = layout.columns[total.name]
            self.add_parameters(total, flat[:, low:high])
        for product in layout.hoisted:
            operand = self.operand(product)
            flat[:, product.low : product.high].addmm_(operand, self._stacked(product).T)
        self.sums.append(sums)
        for stage in layout.block.stages:
            if stage.row_function == NORM:
                heads = max(1, stage.heads)
                self.inv_std[stage.vector] = self.zeros(self.steps, self.batch, heads, 1)
        weights = {p: self._stacked(p).T for p in layout.products if p not in layout.hoisted}
        for at in range(self.steps) if layout.block.recurrent else (ALL,):
            self._products(layout.past, weights, sums[at], at)
            for fusion in layout.fusions:
                self._products(fusion.products, weights, sums[at], at)
                self.walk.programs[fusion].forward(self, at)
        for name in (stage.vector for stage in layout.block.stages):
            vector = self.vectors[name]
            self.operands[name] = vector * self.masks[name] if name in self.masks else vector

    def add_parameters(self, total: Sum, value: Tensor) -> None:
        """Add to ``(T B, n)`` what of a sum is look-ups and biases."""
        for matrix in total.lookups:
            value += self.parameters[matrix][self.inputs.flatten()]
        for bias in total.biases:
            value += self.parameters[bias]

    def _products(
        self,
        products: Sequence[Product],
        weights: Mapping[Product, Tensor],
        sums: Tensor,
        at: Any,
    ) -> None:
        for product in products:
            operand = self.vector(product.vector, product.lag, at)
            sums[:, product.low : product.high].addmm_(operand, weights[product])

    # -- backward

    def begin_backward(self, gradients: Tensors) -> None:
        """Zeros for everything that derivatives are added to."""
        self.gradients = gradients
        self.d_vectors = self._vectors()
        # products outside the block collect apart where dropout's mask lies between
        self.d_operands = {
            name: torch.zeros_like(d) if name in self.masks else d
            for name, d in self.d_vectors.items()
        }
        self.d_sums = [torch.empty_like(sums) for sums in self.sums]

    def add_d_operand(self, term: Term | Product, d_operand: Tensor) -> None:
        """Add to d loss / d what a hoisted product reads, ``(T B, n)``."""
        rows = self.rows(term.vector, term.lag)
        target = self.d_operands[term.vector][rows].view(len(d_operand), -1)
        target += d_operand

    def backward(self) -> None:
        """Back-propagation through time, after the output layer has added its derivatives."""
        for layout, d_sums in zip(reversed(self.walk.layouts), reversed(self.d_sums), strict=True):
            self._backward(layout, d_sums)

    def _backward(self, layout: BlockLayout, d_sums: Tensor) -> None:
        for stage in layout.block.stages:
            name = stage.vector
            if name in self.masks:
                self.d_vectors[name] += self.d_operands[name] * self.masks[name]
            for leaf, _ in stage.element.adjoints:
                if isinstance(leaf, ParameterValue):
                    size = self.walk.widths[name]
                    self.parts[name, leaf.name] = self.zeros(self.steps, self.batch, size)
        weights = {p: self._stacked(p) for p in layout.products}
        for at in reversed(range(self.steps)) if layout.block.recurrent else (ALL,):
            for fusion in reversed(layout.fusions):
                self.walk.programs[fusion].backward(self, at)
                self._products_backward(fusion.products, weights, d_sums[at], at)
            self._products_backward(layout.past, weights, d_sums[at], at)
        flat = d_sums.flatten(0, 1)
        for product in layout.products:
            d_product = flat[:, product.low : product.high]
            self._d_matrices(product, d_product)
            if product in layout.hoisted:
                self.add_d_operand(product, d_product @ weights[product])
        for stage in layout.block.stages:
            for total in stage.sums:
                low, high = layout.columns[total.name]
                self.add_d_parameters(total, flat[:, low:high])
            for leaf, _ in stage.element.adjoints:
                if isinstance(leaf, ParameterValue):
                    part = self.parts.pop((stage.vector, leaf.name))
                    self.gradients[leaf.name] += part.sum((0, 1))

    def _products_backward(
        self,
        products: Sequence[Product],
        weights: Mapping[Product, Tensor],
        d_sums: Tensor,
        at: Any,
    ) -> None:
        for product in products:
            d_operand = self.d_vector(product.vector, product.lag, at)
            d_operand.addmm_(d_sums[:, product.low : product.high], weights[product])

    def _d_matrices(self, product: Product, d_product: Tensor) -> None:
        if product.terms[0].hoisted:
            operand = self.operand(product)
        else:
            rows = self.rows(product.vector, product.lag)
            operand = self.vectors[product.vector][rows].flatten(0, 1)
        gradient = d_product.T @ operand
        start = 0
        for term in product.terms:
            end = start + len(self.matrix(term))
            own = gradient[start:end]
            own = own.T if term.transposed else own
            self.gradients[term.matrix] += self.walk.shapes.stored(term.matrix, own)
            start = end

    def add_d_parameters(self, total: Sum, d_value: Tensor) -> None:
        """Add the gradients of a sum's look-ups and biases, from d loss / d it, ``(T B, n)``."""
        for matrix in total.lookups:
            # the derivative of an embedding: in a fixed order, unlike index_add_ on a GPU
            self.gradients[matrix] += torch.ops.aten.embedding_dense_backward(
                d_value.contiguous(), self.inputs.flatten(), len(self.parameters[matrix]), -1, False
            )
        for bias in total.biases:
            self.gradients[bias] += d_value.sum(0)
