"""A run folder, read: its configuration, network, records and model, each at most once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, TypeVar

from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shapes import ShapeSolver
from recurra.models.model import Model
from recurra.storage.runs import Name, Run
from recurra.text.vocabulary import Vocabulary
from recurra.training.records import Finished, Kept, read_records
from recurra.training.run_config import RunConfig

Kind = TypeVar("Kind", bound=Kept)


@dataclass(frozen=True)
class FinishedRun:
    """A run as it was left; what it has read, it keeps.

    Attributes:
        run: its folder, opened.
    """

    run: Run

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a run folder.

        Raises:
            RunError: it is no run, or is damaged.
        """
        return cls(Run.open(folder))

    @cached_property
    def config(self) -> RunConfig:
        """What it was asked for."""
        return RunConfig.load(self.run)

    @cached_property
    def network(self) -> Network:
        """Its equations, parsed."""
        return parse(self.run.equations, self.config.network)

    @cached_property
    def records(self) -> tuple[Kept, ...]:
        """All records, oldest first."""
        recipe = self.config.recipe
        return tuple(read_records(self.run, recipe.batch * recipe.seq_len))

    def records_of(self, kind: type[Kind]) -> list[Kind]:
        """The records of one kind, oldest first."""
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def finished(self) -> Finished | None:
        """Its last record; None while training is not over."""
        last = self.records[-1] if self.records else None
        return last if isinstance(last, Finished) else None

    @cached_property
    def best(self) -> Model:
        """The model of its best checkpoint; of the last one, if there is no best."""
        return self.model("best" if self.run.has("best") else "last")

    def model(self, checkpoint: Name) -> Model:
        """The model of a checkpoint.

        Raises:
            RunError: it was not saved, or is damaged.
        """
        vocabulary = Vocabulary(self.run.vocabulary)
        shapes = ShapeSolver(self.network).shapes(len(vocabulary), self.config.recipe.hidden)
        wanted = {f"parameter/{name}": shape for name, shape in shapes.parameters.items()}
        arrays, _ = self.run.load(checkpoint, wanted)
        parameters = {name: arrays[f"parameter/{name}"] for name in shapes.parameters}
        return Model(self.network, vocabulary, shapes, parameters)


def load_model(run: Run | str | Path, checkpoint: Name | None = None) -> Model:
    """The model of a run.

    Args:
        run: a run folder.
        checkpoint: "best" (lowest held-out loss) or "last"; None: the best that there is.

    Raises:
        RunError: the folder is no run, is damaged, or holds no checkpoint yet.
    """
    reader = FinishedRun(run if isinstance(run, Run) else Run.open(run))
    return reader.best if checkpoint is None else reader.model(checkpoint)
