"""The stop rules of the published W-RNN code, in every trial.

No new minimum of the smoothed loss for 1,000 steps, or its integer part not fallen for 10,000.
"""

from collections.abc import Mapping
from typing import ClassVar

from recurra.training.recipe import CLASSIC
from recurra.tuning.history import History
from recurra.tuning.pruners.base import Decision, Pruner


class ClassicPruner(Pruner):
    """Ends a trial by the stop rules of its own recipe, which it sets."""

    name: ClassVar[str] = "classic"
    stop_rules: ClassVar[Mapping[str, int | None]] = {
        "stop_no_minimum": CLASSIC.stop_no_minimum,
        "stop_same_integer": CLASSIC.stop_same_integer,
    }

    def decide(self, history: History, rungs: Mapping[int, float]) -> Decision:
        """Go on: the training ends itself."""
        return Decision(False)
