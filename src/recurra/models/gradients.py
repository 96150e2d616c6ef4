"""Loss and gradients of a network on a text, in the orientation of the paper."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.errors import SettingError
from recurra.lang.network import Network
from recurra.lang.shape_solver import ShapeSolver
from recurra.models.initialisation import initialise
from recurra.models.model import Model

Arrays = dict[str, NDArray[Any]]


def gradients(
    network: Network | Model,
    text: ArrayLike,
    parameters: Mapping[str, ArrayLike] | None = None,
    *,
    hidden: int | Mapping[str, int] = 8,
    engine: str = "reference",
) -> tuple[float, Arrays]:
    """The loss of a text, and its gradient by every parameter, both exact, in float64.

    The loss is -ln of the probability of every character but the first, summed; the state is zeros
    at first, and nothing is dropped.

    Args:
        network: the equations, or a model with its own parameters and sizes.
        text: numbers of characters, ``(T,)``, or ``(T, B)`` for B texts side by side.
        parameters: as on paper, matrices ``(rows, columns)``, vectors ``(n,)``; None: those of the
            model, or of a network drawn from seed 0.
        hidden: sizes of a network's vectors; those of a model are its own.
        engine: what computes.

    Returns:
        The loss in nats, and parameter -> gradient, shaped as the parameter on paper.

    Raises:
        SettingError: the text is too short, or a parameter is missing or of another shape.
    """
    numbers = np.asarray(text)
    if numbers.ndim not in (1, 2) or len(numbers) < 2 or numbers.dtype.kind not in "iu":
        raise SettingError("a text is whole numbers, (T,) or (T, B), with T at least 2")
    columns = numbers.reshape(len(numbers), -1).astype(np.int32)
    if isinstance(network, Model):
        plan, shapes = make_plan(network.network), network.shapes
        stored = {n: a.astype(np.float64) for n, a in network.parameters.items()}
    else:
        vocabulary = int(columns.max()) + 1
        plan, shapes = make_plan(network), ShapeSolver(network).shapes(vocabulary, hidden)
        stored = initialise(plan, shapes, np.random.default_rng(0), dtype=np.float64)
    if columns.min() < 0 or columns.max() >= shapes.vocabulary:
        raise SettingError(f"a character is a number from 0 to {shapes.vocabulary - 1}")
    if parameters is not None:
        for name in stored:
            own = np.asarray(parameters.get(name, ()), np.float64)
            if own.shape != shapes.paper(name):
                raise SettingError(
                    f"the parameter {name} is {shapes.paper(name)} on paper, not {own.shape}"
                )
            stored[name] = shapes.swap_layout(name, own)
    computes = make_engine(engine, plan, shapes, np.float64)
    computes.load({f"parameter/{name}": np.ascontiguousarray(a) for name, a in stored.items()})
    state = computes.zero_state(columns.shape[1])
    loss, found, _ = computes.loss_and_gradients(columns[:-1], columns[1:], state)
    return loss, {n: np.array(shapes.swap_layout(n, a)) for n, a in found.items()}
