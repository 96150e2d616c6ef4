"""Model: a network with sizes, a vocabulary and parameters."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.compute.base import Engine, Parameters
from recurra.compute.plan import make_plan
from recurra.compute.registry import DEFAULT_ENGINE, make_engine
from recurra.lang.network import Network
from recurra.lang.shapes import Shapes
from recurra.text.vocabulary import Vocabulary

Array = npt.NDArray[Any]


@dataclass(eq=False)
class Model:
    """Everything needed to read or continue a text.

    Attributes:
        network: the equations.
        vocabulary: the characters, in the order of the output.
        shapes: sizes of vectors and parameters.
        parameters: name -> array as stored (see `recurra.lang.shapes.Shapes`).
    """

    network: Network
    vocabulary: Vocabulary
    shapes: Shapes
    parameters: Parameters

    @property
    def dtype(self) -> np.dtype[Any]:
        """The float type of the parameters."""
        return next(iter(self.parameters.values())).dtype

    def engine(self, name: str = DEFAULT_ENGINE, threads: int | None = None) -> Engine:
        """An engine that has this model's parameters."""
        made = make_engine(name, make_plan(self.network), self.shapes, self.dtype, threads)
        made.load({f"parameter/{name}": value for name, value in self.parameters.items()})
        return made

    def matrix(self, name: str) -> Array:
        """A parameter as on paper (a view)."""
        return self.shapes.swap_layout(name, self.parameters[name])
