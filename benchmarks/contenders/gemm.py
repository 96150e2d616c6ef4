"""Not a network: one large float32 product, the most that these cores can do."""

import importlib.util
import time
from collections.abc import Callable

import numpy as np
from cases import Task

SIDE = 1536
FLOPS = 2 * SIDE**3


class Product:
    """By NumPy's BLAS or PyTorch's, whichever is quicker here."""

    def __init__(self, task: Task) -> None:
        one, other = np.random.default_rng(0).random((2, SIDE, SIDE), np.float32)
        out = np.empty_like(one)
        ways: list[Callable[[], object]] = [lambda: np.matmul(one, other, out=out)]
        if importlib.util.find_spec("torch"):
            import torch

            torch.set_num_threads(task.case.threads)
            left, right, result = map(torch.from_numpy, (one, other, out))
            ways.append(lambda: torch.mm(left, right, out=result))
        self.multiply = min(ways, key=_seconds)

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        self.multiply()


def _seconds(call: Callable[[], object]) -> float:
    def once() -> float:
        begin = time.perf_counter()
        call()
        return time.perf_counter() - begin

    return min(once() for _ in range(5))
