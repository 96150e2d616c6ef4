"""Any engine's gradients against finite differences of its own loss, in float64."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.compute.base import Engine, Parameters
from recurra.compute.plan import make_plan
from recurra.compute.registry import DEFAULT_ENGINE, make_engine
from recurra.lang.network import Network
from recurra.lang.shape_solver import ShapeSolver
from recurra.lang.syntax import Number

Array = npt.NDArray[Any]
TOLERANCE = 1e-7


@dataclass(frozen=True)
class GradientCheck:
    """Outcome of the check for one parameter.

    Attributes:
        parameter: its name.
        shape: as stored.
        checked: how many of its entries were compared.
        error: the largest relative error among them.
        passed: whether that is below the tolerance.
    """

    parameter: str
    shape: tuple[int, ...]
    checked: int
    error: float
    passed: bool


class GradientChecks(list[GradientCheck]):
    """The outcomes for all parameters, which a notebook shows as a table."""


@dataclass(frozen=True)
class Problem:
    """A small random training step to check gradients on: parameters, text, carried state."""

    parameters: Parameters
    inputs: Array
    targets: Array
    state: Parameters


def random_problem(engine: Engine, steps: int, batch: int, rng: np.random.Generator) -> Problem:
    """Random float64 parameters wide enough that every path matters, random text and state."""
    parameters = {
        name: rng.normal(0.0, 0.8 / np.sqrt(shape[-1]) if len(shape) > 1 else 0.3, shape)
        for name, shape in engine.shapes.parameters.items()
    }
    text = rng.integers(0, engine.shapes.vocabulary, (steps + 1, batch)).astype(np.int32)
    shapes = engine.state_shapes(batch)
    state = {name: rng.normal(0.0, 0.5, shape) for name, shape in shapes.items()}
    return Problem(parameters, text[:-1], text[1:], state)


def load_parameters(engine: Engine, parameters: Parameters) -> None:
    """Let an engine compute with these parameters."""
    engine.load({f"parameter/{name}": value for name, value in parameters.items()})


def check_gradients(
    network: Network,
    engine: str = DEFAULT_ENGINE,
    *,
    vocabulary: int = 7,
    hidden: int = 6,
    steps: int = 5,
    batch: int = 2,
    entries: int = 40,
    seed: int = 0,
) -> GradientChecks:
    """Compare every parameter's gradient with finite differences.

    Args:
        network: the equations.
        engine: which engine to check.
        vocabulary: number of characters of the random problem; a shortlist that would hold all
            of them is shortened, so that there are classes to check.
        hidden: size of every vector, or the next that heads of at least 3 numbers divide: of two
            numbers a norm is 1 and -1, and its derivative hardly anything.
        steps: length of the text, at least two more than the longest lag; a random state is
            carried in.
        batch: number of texts.
        entries: at most this many random entries of each parameter are compared.
        seed: of the problem and of the choice of entries.

    Returns:
        One row a parameter. The relative error of an entry is |exact - difference| divided by
        the larger of the two, but at least by a hundredth of the parameter's largest gradient
        and by 1e-4 of the largest of all (below that, finite differences of a float64 loss hold
        no more digits).
    """
    rng = np.random.default_rng(seed)
    if network.shortlist and network.shortlist.value >= vocabulary:
        network = replace(network, shortlist=Number(float(vocabulary // 2)))
    shapes = ShapeSolver(network).shapes(vocabulary, network.fitting_size(hidden, 3))
    plan = make_plan(network)
    steps = max(steps, 2 + max(plan.lags.values(), default=0))
    checked = make_engine(engine, plan, shapes, np.float64)
    problem = random_problem(checked, steps, batch, rng)
    parameters, state = problem.parameters, checked.load_state(problem.state)

    def loss() -> float:
        load_parameters(checked, parameters)
        losses, _ = checked.losses(problem.inputs, problem.targets, state)
        return float(losses.sum())

    load_parameters(checked, parameters)
    _, gradients, _ = checked.loss_and_gradients(problem.inputs, problem.targets, state)
    rows = GradientChecks()
    overall = max(float(np.abs(g).max()) for g in gradients.values())
    for name, value in parameters.items():
        flat, gradient = value.reshape(-1), gradients[name].reshape(-1)
        chosen = rng.permutation(flat.size)[:entries]
        floor = max(0.01 * float(np.abs(gradient).max()), 1e-4 * overall, 1e-12)
        error = max(_entry_error(loss, flat, i, float(gradient[i]), floor) for i in chosen)
        rows.append(GradientCheck(name, value.shape, len(chosen), error, bool(error < TOLERANCE)))
    return rows


def _entry_error(
    loss: Callable[[], float], flat: Array, index: int, exact: float, floor: float
) -> float:
    """The smallest error over a few step widths: a kink (relu) may lie inside the wider ones."""
    smallest = np.inf
    for width in (1e-3, 1e-4, 1e-5):
        difference = _central_difference(loss, flat, index, width)
        error = abs(exact - difference) / max(abs(exact), abs(difference), floor)
        smallest = min(smallest, error) if np.isfinite(error) else smallest
        if smallest < TOLERANCE / 10:
            break
    return float(smallest)


def _central_difference(loss: Callable[[], float], flat: Array, index: int, width: float) -> float:
    # f' = (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12h + O(h^4)
    value = flat[index]
    at = {}
    for step in (-2, -1, 1, 2):
        flat[index] = value + step * width
        at[step] = loss()
    flat[index] = value
    return (8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * width)
