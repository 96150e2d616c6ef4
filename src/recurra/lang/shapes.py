"""Sizes of a network's vectors and parameters, and how parameters are stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shapes:
    """Sizes of everything in a network.

    Attributes:
        vocabulary: number of distinct characters V.
        vectors: vector name -> its size.
        parameters: parameter name -> shape as stored. A matrix with a vocabulary axis is stored
            vocabulary first, ``(V, n)``, so that a row is a character; any other matrix is stored
            as on paper, ``(rows, columns)``; a bias is ``(n,)``, and so is a diagonal matrix.
        transposed: matrices stored transposed (those whose columns on paper are characters or
            scores).
        grids: vector that is a matrix -> number of its blocks, of most one, and rows and columns of
            each; its numbers are stored row by row.
        shortlist: how many characters, the first of the vocabulary, the softmax chooses among at
            once; V unless the equations say otherwise. The n others are in classes of about
            sqrt(n), whose scores stand behind the V scores of the characters: the output's
            matrices have V + classes rows. Character c is in class
            ``(c - shortlist) // class_size``.
        blocks: block-diagonal matrix -> number of its blocks, which are stored one below the
            other: n blocks of ``(rows, columns)`` as ``(n * rows, columns)``.
    """

    vocabulary: int
    vectors: Mapping[str, int]
    parameters: Mapping[str, tuple[int, ...]]
    transposed: frozenset[str]
    shortlist: int
    grids: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    blocks: Mapping[str, int] = field(default_factory=dict)

    def block(self, matrix: str) -> tuple[int, int]:
        """Rows and columns of each block of a matrix; of most there is one."""
        rows, columns = self.parameters[matrix]
        return rows // self.blocks.get(matrix, 1), columns

    def sides(self, matrix: str) -> tuple[int, int]:
        """Rows and columns of a matrix as stored, of all blocks together."""
        rows, columns = self.parameters[matrix]
        return rows, columns * self.blocks.get(matrix, 1)

    @property
    def scores(self) -> int:
        """Rows of the output layer: characters and classes."""
        return self.vocabulary + self.classes

    @property
    def class_size(self) -> int:
        """Characters in a class, the last perhaps fewer; 0 without classes."""
        return ceil(sqrt(self.vocabulary - self.shortlist))

    @property
    def classes(self) -> int:
        """Number of classes of the characters that are not on the shortlist."""
        return len(self.class_bounds)

    @property
    def class_bounds(self) -> list[tuple[int, int]]:
        """Where in the vocabulary each class begins and ends."""
        starts = range(self.shortlist, self.vocabulary, max(1, self.class_size))
        return [(start, min(start + self.class_size, self.vocabulary)) for start in starts]

    @property
    def count(self) -> int:
        """Number of trainable numbers."""
        return sum(prod(shape) for shape in self.parameters.values())

    def paper(self, parameter: str) -> tuple[int, ...]:
        """A parameter's shape as on paper."""
        stored = self.parameters[parameter]
        return stored[::-1] if parameter in self.transposed else stored

    def swap_layout(self, parameter: str, array: NDArray[Any]) -> NDArray[Any]:
        """A parameter as on paper, given the stored one, or the other way round."""
        return array.T if parameter in self.transposed else array

    def whole(self, matrix: str, stored: NDArray[Any]) -> NDArray[Any]:
        """A matrix with the zeros around its blocks, given the stored one; others as they are."""
        if matrix not in self.blocks:
            return stored
        count, (rows, columns) = self.blocks[matrix], self.block(matrix)
        whole = np.zeros((count, rows, count, columns), stored.dtype)
        places = [*range(count)]
        whole[places, :, places] = stored.reshape(count, rows, columns)
        return whole.reshape(self.sides(matrix))

    def stored(self, matrix: str, whole: Any) -> Any:
        """The blocks of a whole matrix, an array or tensor, as stored; others as they are."""
        if matrix not in self.blocks:
            return whole
        count, (rows, columns) = self.blocks[matrix], self.block(matrix)
        places = [*range(count)]
        blocks = whole.reshape(count, rows, count, columns)[places, :, places]
        return blocks.reshape(self.parameters[matrix])
