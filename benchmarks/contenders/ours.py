"""Recurra's engine, as training uses it."""

import numpy as np
from cases import Task

from recurra.compute.engines import make_engine
from recurra.compute.optimizers import Optimizer
from recurra.models.model import Model
from recurra.models.sampling import Sampling, Writer
from recurra.text.vocabulary import Vocabulary


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


class Writing:
    """A step writes T characters, drawn at temperature 0.8."""

    def __init__(self, task: Task) -> None:
        vocabulary = Vocabulary("".join(map(chr, range(0x4E00, 0x4E00 + task.vocabulary))))
        model = Model(task.plan.network, vocabulary, task.shapes, task.parameters)
        engine = make_engine("compiled", task.plan, task.shapes, np.float32, task.case.threads)
        self.writer = Writer(model, Sampling(temperature=0.8), seed=0, engine=engine)
        self.length = task.steps

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        for _ in self.writer.write(self.length):
            pass
