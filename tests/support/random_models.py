"""Models with random weights, for what is exported; and the networks that most targets take."""

import numpy as np
import pytest

import recurra
from equations_list import LIBRARY, VALID
from recurra.lang.shape_solver import ShapeSolver

ALL = {case.name: case.text for case in VALID}
ALL |= {name: recurra.load_network(name).source for name in recurra.library()}

# All equations of the list; of the library, those of the short suite.
TEXTS = [pytest.param(case.text, id=case.name) for case in VALID]
TEXTS += [pytest.param(ALL[one.values[0]], id=one.values[0], marks=one.marks) for one in LIBRARY]


def model_of(
    text: str,
    characters: str = "abcdefg",
    hidden: int | dict[str, int] = 3,
    scale: float = 0.5,
) -> recurra.Model:
    """A model with normal weights, in float32."""
    network = recurra.parse(text, "net")
    size = network.fitting_size(hidden) if isinstance(hidden, int) else hidden
    shapes = ShapeSolver(network).shapes(len(characters), size)
    rng = np.random.default_rng(3)
    parameters = {
        name: rng.normal(0, scale, shape).astype(np.float32)
        for name, shape in shapes.parameters.items()
    }
    return recurra.Model(network, recurra.Vocabulary(characters), shapes, parameters)
