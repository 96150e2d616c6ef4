"""Numbers by which a program tests itself: losses and gradients of the reference engine."""

import numpy as np

from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.lang.network import Network
from recurra.lang.shape_solver import ShapeSolver
from recurra.training.recipe import Recipe

# Two texts side by side, a column each, over seven characters.
TEXT = ((1, 4), (2, 0), (6, 6), (3, 5), (0, 1), (5, 2))
VOCABULARY = 7


def expected_numbers(network: Network, recipe: Recipe) -> tuple[float, dict[str, float]]:
    """The summed loss of `TEXT`, and the length of the gradient by every parameter.

    Entry k of the i-th parameter, as on paper, row by row, is ``sin(k + i) / sqrt(columns)``.
    """
    shapes = ShapeSolver(network).shapes(VOCABULARY, recipe.hidden)
    engine = make_engine("reference", make_plan(network), shapes, np.float64)
    parameters = {}
    for i, name in enumerate(network.parameters):
        shape = shapes.paper(name)
        value = np.sin(np.arange(np.prod(shape)) + i).reshape(shape) / np.sqrt(shape[-1])
        parameters[f"parameter/{name}"] = shapes.swap_layout(name, value)
    engine.load(parameters)
    text = np.array(TEXT, np.int32)
    loss, gradients, _ = engine.loss_and_gradients(text[:-1], text[1:], engine.zero_state(2))
    return loss, {n: float(np.sqrt((gradients[n] ** 2).sum())) for n in network.parameters}
