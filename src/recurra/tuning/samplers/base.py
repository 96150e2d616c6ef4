"""The contract of a sampler."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from recurra.tuning.history import History
from recurra.tuning.pruners.base import Pruner
from recurra.tuning.space import Setting, Space

TRIALS = 64  # of a search that has no end of its own


@dataclass(frozen=True)
class Sampler(ABC):
    """A rule that says which setting a trial has.

    Attributes:
        name: of the kind, in commands and files.
        uses_history: it suggests from the results of earlier trials.
        exhaustive: trial n has place n of the space's grid, known before the search begins.
    """

    name: ClassVar[str]
    uses_history: ClassVar[bool] = False
    exhaustive: ClassVar[bool] = False

    @abstractmethod
    def suggest(self, history: History, pruner: Pruner) -> Setting:
        """The setting of the trial that looks back.

        Args:
            history: the only thing, beside `pruner`, that it may depend on.
            pruner: of the study.
        """

    def default_trials(self, space: Space) -> int:
        """How many trials a search has, unless asked otherwise: no more than there are settings."""
        return min(TRIALS, space.settings or TRIALS)
