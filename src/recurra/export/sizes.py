"""Sizes as a program says them: H for the hidden size, V for the vocabulary, S for scores."""

from collections.abc import Iterable

from recurra.lang.network import Network
from recurra.lang.shape_solver import ShapeSolver
from recurra.training.recipe import Recipe

_SIZES = (10_007, 20_011)  # two vocabularies: a side that differs between them is as wide as it


class Sides:
    """The sides of every parameter, as on paper.

    Attributes:
        shapes: for a vocabulary that no hidden vector is as wide as.
        parameters: name -> its sides: H, V, S or a number; of blocks, those of the matrix in which
            they lie one below the other.
    """

    def __init__(self, network: Network, recipe: Recipe) -> None:
        self.network, self.hidden = network, recipe.hidden
        solver = ShapeSolver(network)
        self.shapes, other = (solver.shapes(size, self.hidden) for size in _SIZES)
        self.parameters = {
            name: tuple(map(self._side, self.shapes.paper(name), other.paper(name)))
            for name in network.parameters
        }
        self.parameters |= {
            name: (self.side(self.shapes.sides(name)[0]), self.block(name)[1])
            for name in self.shapes.blocks
        }

    def block(self, matrix: str) -> tuple[str, ...]:
        """The sides of each block of a matrix."""
        count = self.shapes.blocks[matrix]
        whole = map(self.side, self.shapes.sides(matrix))
        numbers = map(str, self.shapes.block(matrix))
        return tuple(
            f"H // {count}" if w == "H" else n for w, n in zip(whole, numbers, strict=True)
        )

    def unpacked(self, parameter: str, stored: str, comment: str) -> str:
        """A parameter as formulas read it; blocks have an axis of their own, and a comment."""
        if parameter not in self.shapes.blocks:
            return stored
        axes = f"{self.shapes.blocks[parameter]}, -1, {self.block(parameter)[1]}"
        return f"{stored}.reshape({axes})  # {comment}"

    def side(self, size: int) -> str:
        """The size of a hidden vector."""
        return "H" if size == self.hidden else str(size)

    def _side(self, one: int, other: int) -> str:
        """The length of a matrix's side, given for two vocabularies."""
        if one == other:
            return self.side(one)
        return "V" if one == self.shapes.vocabulary else "S"

    def lines(self) -> list[str]:
        """``H = ...`` and ``LISTED = ...``, as far as a program reads them."""
        lines = []
        if any("H" in sides for sides in self.parameters.values()):
            lines.append(f"H = {self.hidden}")
        if self.network.shortlist:
            lines.append(f"LISTED = {int(self.network.shortlist.value)}")
        return lines


def indented(lines: Iterable[str], by: int = 4) -> list[str]:
    """Lines of a block."""
    return [" " * by + line if line else line for line in lines]
