"""Not a network: one large float32 product, the most that these cores can do."""

import importlib.util

import numpy as np
from cases import Task

SIDE = 1536
FLOPS = 2 * SIDE**3


class Product:
    def __init__(self, task: Task) -> None:
        one, other = np.random.default_rng(0).random((2, SIDE, SIDE), np.float32)
        self.out = np.empty_like(one)
        if importlib.util.find_spec("torch"):  # its MKL is often ahead of NumPy's OpenBLAS
            import torch

            torch.set_num_threads(task.case.threads)
            left, right, out = map(torch.from_numpy, (one, other, self.out))
            self.multiply = lambda: torch.mm(left, right, out=out)
        else:
            self.multiply = lambda: np.matmul(one, other, out=self.out)

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        self.multiply()
        return float(self.out[0, 0])
