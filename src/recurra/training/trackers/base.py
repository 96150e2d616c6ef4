"""Contract of a tracker."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from recurra.training.records import Record


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
