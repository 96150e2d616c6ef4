"""LIBXSMM's own recurrent layers (up to version 1.17), forward and backward: less than a step.

There is no look-up, no output layer, no loss, no clip and no update, and the weights come
transposed for the way back. The lowest layer reads so few numbers that its product is hardly
there; the second one of the W-RNN reads the first at the same time step alone.
"""

import ctypes
import time
from itertools import product
from typing import Any

import numpy as np
from cases import Task

from contenders import CELLS, CONTENDERS

KINDS = {"rnn": 2, "wrnn": 2, "lstm": 3, "gru2": 4}  # libxsmm_dnn_rnncell_type
INPUTS = 16


class Cells:
    """In blocks of units and of streams, those that are quickest here."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.library = ctypes.CDLL(str(CONTENDERS[CELLS].file))
        self.library.cell_create.restype = ctypes.c_void_p
        self.library.cell_create.argtypes = [*[ctypes.c_int] * 9, ctypes.c_void_p]
        units = [n for n in (32, 64, 128) if task.case.shape.hidden % n == 0]
        streams = [n for n in (8, 16, 32) if task.batch % n == 0]
        self.layers = min(map(self._create, product(units, streams)), key=self._seconds)

    def _create(self, blocks: tuple[int, int]) -> Any:
        """The network's layers, the lowest first."""
        case, below, inputs, cells = self.task.case, None, INPUTS, []
        for _ in range(2 if case.network == "wrnn" else 1):
            sizes = case.threads, case.shape.hidden, case.shape.batch, inputs, case.shape.steps
            block = min(inputs, blocks[0])
            below = self.library.cell_create(KINDS[case.network], *sizes, *blocks, block, below)
            cells.append(below)
            inputs = case.shape.hidden
        return (ctypes.c_void_p * len(cells))(*cells)

    def _run(self, layers: Any) -> None:
        if self.library.cells_step(layers, len(layers)):
            raise RuntimeError("LIBXSMM refused to compute")

    def _seconds(self, layers: Any) -> float:
        self._run(layers)  # compiles its kernels
        begin = time.perf_counter()
        self._run(layers)
        return time.perf_counter() - begin

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        self._run(self.layers)
