"""Generated kernels as data: their text, and the arrays that each function takes."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "inputs",  # the text, int32, one character a row
    "batch",  # streams of text
    "dropout_scale",  # factor of what dropout keeps; 0: no dropout
    "parameter",
    "transposed",  # copy of a matrix that the time loop multiplies with
    "vector",
    "height",  # how many rows each block of a memory has, and
    "columns",  # how many columns; a vector holds its numbers row by row
    "dropped",  # what products outside the block see of a vector: itself, unless there is dropout
    "sum",  # in the backward pass: d loss / d sum
    "inv_std",  # 1 / standard deviation of a vector before its normalisation
    "mask",  # of a vector
    "edge_mask",  # of a dropout edge
    "d_vector",  # d loss / d vector
    "d_dropped",  # d loss / d what products outside the block see
    "gradient",  # d loss / d parameter
]
Key = tuple[Kind, str]  # and the name in the plan


@dataclass(frozen=True)
class Call:
    """The call of a generated function for one block: its name, its arguments in order."""

    function: str
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Source:
    """Generated kernels.

    Attributes:
        text: Python source of the functions.
        forward, backward: their calls, one a block, in order.
        write: the call of the function that writes text; what it takes besides, see
            `recurra.compute.numba.writing_codegen.writing_function`.
    """

    text: str
    forward: tuple[Call, ...]
    backward: tuple[Call, ...]
    write: Call


FIXED: dict[Key, str] = {
    ("inputs", ""): "inputs",
    ("batch", ""): "batch",
    ("dropout_scale", ""): "dropout_scale",
}
# What functions take before these, where threads share the units: which thread this is, how many
# there are, and where they meet; see `recurra.compute.numba.kernels.barrier`.
SHARED = ("part", "parts", "gate")
