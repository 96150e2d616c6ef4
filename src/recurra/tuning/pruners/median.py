"""Pruning of the worse half."""

from typing import TYPE_CHECKING, ClassVar

from recurra.tuning.pruners.optuna_base import OptunaPruner

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class MedianPruner(OptunaPruner):
    """Ends a trial that is worse at a rung than the median of earlier trials there."""

    name: ClassVar[str] = "median"

    def optuna_pruner(self, length: int) -> "BasePruner":
        """Optuna's `MedianPruner`."""
        import optuna

        return optuna.pruners.MedianPruner(n_startup_trials=4)
