"""Exhaustive search: every point of a grid, in its order."""

from typing import ClassVar

from recurra.tuning.history import History
from recurra.tuning.pruners.base import Pruner
from recurra.tuning.samplers.base import Sampler
from recurra.tuning.space import Setting, Space


class GridSampler(Sampler):
    """Walks the grid of the space; the last parameter runs fastest."""

    name: ClassVar[str] = "grid"
    exhaustive: ClassVar[bool] = True

    def suggest(self, history: History, pruner: Pruner) -> Setting:
        """The point of the trial's number."""
        return history.space.point(history.number)

    def default_trials(self, space: Space) -> int:
        """All points of the grid."""
        return space.grid_size()
