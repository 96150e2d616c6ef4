"""Recurra's engine, as training uses it."""

import numpy as np
from cases import Task

from recurra.compute.base import StepSettings
from recurra.compute.numba import engine as compiled
from recurra.compute.optimizers.registry import make_optimizer
from recurra.compute.sampling import Sampling
from recurra.models.model import Model
from recurra.models.writer import Writer
from recurra.text.vocabulary import Vocabulary


def model_of(task: Task) -> Model:
    vocabulary = Vocabulary("".join(map(chr, range(0x4E00, 0x4E00 + task.vocabulary))))
    return Model(task.plan.network, vocabulary, task.shapes, task.parameters)


class Recurra:
    def __init__(self, task: Task) -> None:
        self.engine = model_of(task).engine("compiled", task.case.threads)
        optimizer = make_optimizer(task.settings)
        settings = StepSettings(optimizer, task.batch, task.steps, scale=1.0 / task.batch)
        self.engine.prepare(settings)
        self.rate, self.updates, self.rng = task.rate, 0, np.random.default_rng(0)

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        self.updates += 1
        facts = {"update": self.updates, "restarted": False, "rng": self.rng}
        return self.engine.step(inputs, targets, self.rate, **facts)

    def parameters(self) -> dict[str, np.ndarray]:
        dumped = self.engine.dump("parameter")
        return {name.partition("/")[2]: value for name, value in dumped.items()}


class Writing:
    """A step writes T characters, drawn at temperature 0.8."""

    def __init__(self, task: Task) -> None:
        model = model_of(task)
        compiled.COMPILED_AFTER = 1e-9  # the first step compiles, and is not measured
        engine = model.engine("compiled", task.case.threads)
        self.writer = Writer(model, Sampling(temperature=0.8), seed=0, engine=engine)
        self.length = task.steps

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        for _ in self.writer.write(self.length):
            pass
