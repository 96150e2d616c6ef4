"""Contract of a tracker."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Protocol, Self

from recurra.compute.base import Engine
from recurra.storage.runs import Run
from recurra.text.corpus import Corpus
from recurra.training.recipe import Recipe
from recurra.training.records import Record
from recurra.training.stopping import Watch


class Training(Protocol):
    """The parts of a `recurra.training.trainer.Trainer` that trackers look at."""

    engine: Engine
    recipe: Recipe
    corpus: Corpus
    run: Run | None
    watch: Watch


class Tracker(ABC):
    """Takes every record of a training; closed at its end."""

    @abstractmethod
    def __call__(self, record: Record) -> None:
        """Take in the next record."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
