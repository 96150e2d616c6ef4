"""The program that `recurra export torch` writes: any network, those with a memory too."""

import runpy
import tempfile
from pathlib import Path

import numpy as np
import torch
from cases import Task
from torch.nn.functional import nll_loss

from contenders.pytorch import Updater
from recurra.export.api import export_to


class Exported:
    """All streams at once, a loop over time, autograd."""

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.case.threads)
        self.task = task
        with tempfile.TemporaryDirectory() as folder:
            network, hidden = task.plan.network, task.case.shape.hidden
            path, *_ = export_to("torch", network, Path(folder, "program.py"), hidden=hidden)
            self.model = runpy.run_path(str(path))["Network"](task.vocabulary)
        for name, parameter in self.model.named_parameters():
            paper = task.shapes.swap_layout(name, task.parameters[name])
            parameter.data = torch.from_numpy(paper.reshape(parameter.shape).copy())
        self.updater = Updater(task, list(self.model.parameters()), [])
        self.state = self.model.start(task.batch)

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        log_p, state = self.model(torch.from_numpy(inputs), self.state)
        following = torch.from_numpy(targets).flatten().long()
        loss = nll_loss(log_p.flatten(0, 1), following, reduction="sum")
        (loss / self.task.batch).backward()
        self.updater.update()
        self.state = {n: tuple(past.detach() for past in pasts) for n, pasts in state.items()}
        return loss.item()

    def parameters(self) -> dict[str, np.ndarray]:
        return {
            name: self.task.shapes.swap_layout(name, p.detach().numpy()).reshape(
                self.task.parameters[name].shape
            )
            for name, p in self.model.named_parameters()
        }
