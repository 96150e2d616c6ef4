"""Who is measured. A contender is made from a task and takes exact training steps.

    contender = Contender(task)
    loss = contender.step(inputs, targets)   # forward, backward, clip, update, all done on return
    contender.parameters()                   # name -> array as Recurra stores it, for the check

The step works on the loss summed over time and averaged over the streams; it returns the plain
sum over all characters.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import Case, Task, is_plain


@dataclass(frozen=True)
class Entry:
    """One contender of the table.

    Attributes:
        place: module and class.
        needs: the library it is written with, or a file below RECURRA_RIVALS: the interpreter of
            an environment of its own, or a compiled library. Without it the contender is left out.
        suits: whether it can take part in a case.
        same: whether its network is the very function of the case, or one of like work (marked *).
        eps: of the optimiser in the check; as large as the gradients, it makes an update a smooth
            function of them, so that parameters that agree mean gradients that agree.
    """

    place: str
    needs: str = "recurra"
    suits: Callable[[Case], bool] = lambda case: True
    same: Callable[[Case], bool] = lambda case: True
    eps: float = 0.05

    @property
    def file(self) -> Path | None:
        return (
            Path(os.environ.get("RECURRA_RIVALS", "rivals"), self.needs)
            if "/" in self.needs
            else None
        )

    @property
    def installed(self) -> bool:
        return self.file.exists() if self.file else importlib.util.find_spec(self.needs) is not None

    @property
    def python(self) -> str:
        """The interpreter that runs it."""
        return str(self.file) if self.needs.endswith("/bin/python") else sys.executable

    def make(self, task: Task) -> Any:
        module, name = self.place.split(":")
        return getattr(importlib.import_module(f"contenders.{module}"), name)(task)


ONE_HOT = 512  # up to this vocabulary torch.nn's recurrent layers may read one-hot columns
LAYERS = ("rnn", "wrnn", "lstm", "gru2")
FUSED = (*LAYERS, "lstm_embedding", "gru2_embedding")

OURS, PEAK, READING, CELLS = "recurra", "gemm", "reading", "libxsmm"
EXPORTED, EXPORTED_JAX, TRAFFIC, VECTORS = "torch export", "jax export", "copy", "copy vectors"
CONTENDERS = {
    OURS: Entry("ours:Recurra"),
    "course": Entry(
        "course:Course",
        suits=lambda c: (
            c.shape.batch == 1 and c.optimizer == "adagrad" and c.network in ("rnn", "wrnn", "lstm")
        ),
    ),
    "torch": Entry("pytorch:Eager", "torch", suits=is_plain),
    "torch.compile": Entry("pytorch:Compiled", "torch", suits=is_plain),
    "torch.nn": Entry(
        "fused:Fused",
        "torch",
        suits=lambda c: c.network in FUSED,
        same=lambda c: (
            c.network.endswith("_embedding")
            or (c.network != "wrnn" and c.shape.vocabulary <= ONE_HOT)
        ),
    ),
    "jax": Entry("jax_:Plain", "jax", suits=is_plain),
    "jax hoisted": Entry("jax_:Hoisted", "jax", suits=is_plain),
    "tensorflow": Entry("tensorflow_:Xla", "tensorflow/bin/python", suits=is_plain),
    "mlx": Entry("mlx_:Compiled", "mlx/bin/python", suits=is_plain),
    "dynet": Entry(
        "dynet_:Dynamic",
        "dynet/bin/python",
        suits=lambda c: c.optimizer == "adamw" and c.network in LAYERS,
        eps=1e-15,  # its Adam adds eps to the root before it corrects that
    ),
    PEAK: Entry("gemm:Product"),
    READING: Entry("reading:Reading"),
    CELLS: Entry(
        "libxsmm_:Cells",
        "libxsmm/cells.so",
        suits=lambda c: c.network in LAYERS and c.shape.hidden % 32 == 0 and c.shape.batch % 8 == 0,
        same=lambda c: False,
    ),
    # of networks with a matrix memory, see memories.py
    EXPORTED: Entry("exported:Exported", "torch"),
    EXPORTED_JAX: Entry("jax_:Exported", "jax", suits=lambda c: c.optimizer == "adagrad"),
    TRAFFIC: Entry("copy_:Copy"),
    VECTORS: Entry("copy_:CopyVectors"),  # of networks without a product in the loop
    # these write T characters a step instead of learning from them
    "write recurra": Entry("ours:Writing"),
    "write torch": Entry("pytorch:Writing", "torch"),
    "write jax": Entry("jax_:Writing", "jax"),
    "write jax at once": Entry("jax_:WritingAtOnce", "jax"),
}
# The yardsticks are no rivals.
RIVALS = ("torch", "torch.compile", "torch.nn", "jax", "jax hoisted", "tensorflow", "mlx", "dynet")
