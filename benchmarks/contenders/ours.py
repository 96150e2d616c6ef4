"""Recurra's engine, as training uses it."""

import numpy as np
from cases import Task

from recurra.engines import make_engine
from recurra.optimizers import Optimizer


class Recurra:
    def __init__(self, task: Task) -> None:
        threads = task.case.threads
        self.engine = make_engine("compiled", task.plan, task.shapes, np.float32, threads)
        self.weights = task.parameters
        self.optimizer = Optimizer(task.settings, self.weights)
        self.rate, self.batch = task.rate, task.batch
        self.state = self.engine.zero_state(task.batch)

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        loss, self.state = self.engine.train_step(
            self.weights,
            self.optimizer,
            self.rate,
            inputs,
            targets,
            self.state,
            scale=1.0 / self.batch,
        )
        return loss

    def parameters(self) -> dict[str, np.ndarray]:
        return self.weights
