"""The plain baseline: one pass over the text, then the best ``keep`` go on."""

from typing import ClassVar

from recurra.tuning.pruners.base import Goal, SynchronousPruner


class TopPruner(SynchronousPruner):
    """All trials train for one pass, then the best ones to their end; by default a sixteenth."""

    name: ClassVar[str] = "top"
    uses_keep: ClassVar[bool] = True

    @classmethod
    def first_rung(cls, goal: Goal) -> int:
        """One pass over the text; a ninth of the way where that is not below half of it."""
        return goal.one_pass if 2 * goal.one_pass <= goal.length else goal.length // 9

    @classmethod
    def rungs_from(cls, first: int, factor: int, length: int) -> tuple[int, ...]:
        """The first rung is the only one."""
        return (first,)

    def promoted(self, reached: int, groups: int = 1) -> int:
        """As many as are kept."""
        return min(reached, self.keep)
