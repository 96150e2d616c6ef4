"""Contract of an export target, and all that a target may ask of a network or a run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from recurra.lang.network import Network
from recurra.models.model import Model
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import Recipe

Language = Literal["en", "zh"]
WeightFormat = Literal["float32", "float16", "int8"]


@dataclass(frozen=True)
class Export:
    """All that a target may ask of a network or a run.

    Attributes:
        network: the equations.
        recipe: how a program trains the network; its ``hidden`` are the sizes.
        model: the weights and the vocabulary of a run; None: a network alone.
        run: the run.
        language: of comments.
        weights: how they are stored; None: as the target likes it.
    """

    network: Network
    recipe: Recipe
    model: Model | None = None
    run: FinishedRun | None = None
    language: Language = "en"
    weights: WeightFormat | None = None

    def paper_parameters(self) -> Mapping[str, NDArray[Any]]:
        """The weights of the run, each matrix as on paper, ``(rows, columns)``."""
        assert self.model is not None
        return {name: self.model.matrix(name) for name in self.model.parameters}


class Target(ABC):
    """One kind of export.

    Attributes:
        name: by which it is asked for.
        suffix: of the file that it writes; "": a folder.
        help: one line for lists.
        weights: the formats of weights among which one may choose, its own first.
    """

    name: str
    suffix: str
    help: str
    weights: tuple[WeightFormat, ...] = ()

    @abstractmethod
    def write(self, export: Export, path: Path) -> list[Path]:
        """Write the export.

        Args:
            export: what is exported.
            path: the main file; others stand beside it.

        Returns:
            The files written, the main one first.

        Raises:
            SettingError: this target cannot hold such a network.
            RunError: a file cannot be written.
        """
