"""Small training steps of every engine, checked against the oracle."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from oracle import Result, evaluate
from recurra.compute.base import Engine, State
from recurra.compute.gradcheck import (
    Problem,
    load_parameters,
    random_problem,
)
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.lang.expansion import expand
from recurra.lang.network import Network
from recurra.lang.shape_solver import ShapeSolver
from recurra.lang.shapes import Shapes

ENGINES = ["reference", "compiled", "torch:cpu"]
VOCABULARY = 7
HIDDEN = 4
EXACT = 1e-10

engines = pytest.mark.parametrize("name", ENGINES)


@dataclass
class Task:
    """A network, an engine of it and a small random training step."""

    network: Network
    shapes: Shapes
    engine: Engine
    problem: Problem

    @property
    def state(self) -> State:
        """The problem's state, as the engine has it."""
        return self.engine.load_state(self.problem.state)

    def oracle(self, text: str = "", **options: object) -> Result:
        p = self.problem
        return evaluate(
            text or self.network.source,
            self.shapes,
            p.parameters,
            p.inputs,
            p.targets,
            p.state,
            **options,  # type: ignore[arg-type]
        )


def make_task(
    name: str,
    network: Network,
    hidden: int | dict[str, int] = HIDDEN,
    steps: int = 4,
    batch: int = 2,
    dtype: type = np.float64,
    seed: int = 0,
) -> Task:
    shapes = ShapeSolver(network).shapes(VOCABULARY, hidden)
    engine = make_engine(name, make_plan(network), shapes, dtype, threads=2)
    problem = random_problem(engine, steps, batch, np.random.default_rng(seed))
    load_parameters(engine, problem.parameters)
    if shortened(network):
        problem = replace(problem, state={n: np.zeros_like(s) for n, s in problem.state.items()})
    return Task(network, shapes, engine, problem)


def shortened(network: Network) -> bool:
    """Whether the state of an engine is not that of the text; both begin alike."""
    return expand(network) is not network


def error(got: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> float:
    """The largest error of any array relative to its largest element.

    An array whose elements are all ten thousand times smaller than the largest of all is what
    differences of larger numbers left: it is measured by that.
    """
    got = {name: got[name] for name in want}
    if not want:
        return 0.0
    overall = max(float(np.abs(w).max()) for w in want.values())
    return max(
        float(np.abs(got[name] - w).max()) / max(float(np.abs(w).max()), 1e-4 * overall, 1e-300)
        for name, w in want.items()
    )


def check(task: Task, scale: float = 1.0) -> None:
    """Everything that an engine computes, against the oracle."""
    p, engine = task.problem, task.engine
    want = task.oracle(scale=scale)
    loss, gradients, state = engine.loss_and_gradients(p.inputs, p.targets, task.state, scale=scale)
    assert loss == pytest.approx(want.losses.sum(), rel=EXACT)
    assert error(gradients, want.gradients) <= EXACT
    assert error(engine.dump_state(state), want.state) <= EXACT
    losses, after = engine.losses(p.inputs, p.targets, task.state)
    assert error({"losses": losses}, {"losses": want.losses}) <= EXACT
    assert error(engine.dump_state(after), want.state) <= EXACT
    state = task.state
    for time, inputs in enumerate(p.inputs):
        log_p, state = engine.next_log_probabilities(inputs, state)
        assert error({"log p": log_p}, {"log p": want.log_p[time]}) <= EXACT
    assert error(engine.dump_state(state), want.state) <= EXACT
