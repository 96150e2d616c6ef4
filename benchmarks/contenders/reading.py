"""Not a network: a step's recurrent matrices read again and again, all that these cores can do."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from cases import Task

VOLUME = 2**28


def rounds(task: Task) -> int:
    """How often a step of `Reading` reads all the matrices: some 256 MB."""
    return -(-VOLUME // max(task.recurrent_bytes, 1))


def total(numbers: np.ndarray, times: int) -> float:
    result = np.float32(0)
    for _ in range(times):
        for i in range(numbers.size):
            result += numbers[i]
    return result


class Reading:
    """Each core reads its own part; where the parts fit in a cache, they stay there."""

    def __init__(self, task: Task) -> None:
        import numba  # the parent process does without

        threads = task.case.threads
        self.parts = np.array_split(np.ones(task.recurrent_bytes // 4, np.float32), threads)
        self.times = [rounds(task)] * threads
        self.total = numba.njit(nogil=True, fastmath=True)(total)
        self.pool = ThreadPoolExecutor(threads)

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        list(self.pool.map(self.total, self.parts, self.times))
