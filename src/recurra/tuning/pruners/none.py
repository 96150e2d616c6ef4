"""No pruning: every trial is trained in full."""

from collections.abc import Mapping
from typing import ClassVar

from recurra.tuning.history import History
from recurra.tuning.pruners.base import Decision, Pruner


class NoPruner(Pruner):
    """Ends no trial."""

    name: ClassVar[str] = "none"

    def decide(self, history: History, rungs: Mapping[int, float]) -> Decision:
        """Go on."""
        return Decision(False)

    def expected_share(self, trials: int, length: int, finalists: int, groups: int) -> float | None:
        """All of it."""
        return 1.0
