"""Not a network: as many numbers copied as a training step has to move at least."""

import numpy as np
from cases import Task


class Copy:
    """Reads each number of the memories once and writes it once."""

    def __init__(self, task: Task) -> None:
        self.source, self.target = np.ones((2, self.numbers(task)), np.float32)

    def numbers(self, task: Task) -> int:
        return task.memory_numbers

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        np.copyto(self.target, self.source)


class CopyVectors(Copy):
    """The same of vectors and the results of products."""

    def numbers(self, task: Task) -> int:
        return task.vector_numbers
