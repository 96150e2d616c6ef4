"""One array of each parameter, in one piece of memory, so that updates are few operations."""

from collections.abc import Mapping
from math import prod
from typing import Any

import torch

# Where each array begins, in numbers: matrix products like addresses that are so aligned.
ALIGNED = 64


class Numbers:
    """Zeros for every parameter: matrices, which weight decay pulls, then biases.

    Attributes:
        flat: all numbers, with some of nobody between.
        matrices, biases: its two parts.
        arrays: name -> its view, in the order of the shapes.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: Any, device: Any) -> None:
        place, start = {}, 0
        for name in sorted(shapes, key=lambda name: len(shapes[name]) < 2):
            place[name] = start
            start += -(-prod(shapes[name]) // ALIGNED) * ALIGNED
        self.flat = torch.zeros(start, dtype=dtype, device=device)
        end = min((place[n] for n in shapes if len(shapes[n]) < 2), default=start)
        self.matrices, self.biases = self.flat[:end], self.flat[end:]
        self.arrays = {
            name: self.flat[place[name] : place[name] + prod(shape)].view(shape)
            for name, shape in shapes.items()
        }
