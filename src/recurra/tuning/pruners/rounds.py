"""Synchronous successive halving (Jamieson, Talwalkar 2016).

A large network learns slowly at first, so that an early rung favours small ones. Rounds may
therefore be held ``within`` the trials that share a value, as of ``hidden``.
"""

from typing import ClassVar

from recurra.tuning.pruners.base import SynchronousPruner


class RoundsPruner(SynchronousPruner):
    """All trials train to a rung, then the best 1/factor of them to the next."""

    name: ClassVar[str] = "rounds"
    groupable: ClassVar[bool] = True

    def promoted(self, reached: int, groups: int = 1) -> int:
        """The best 1/factor of each group, at least one."""
        return min(max(1, reached), groups * max(1, reached // groups // self.factor))
