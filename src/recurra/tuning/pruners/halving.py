"""Asynchronous successive halving.

Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning".
"""

from typing import TYPE_CHECKING, ClassVar

from recurra.tuning.pruners.optuna_base import OptunaPruner

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class HalvingPruner(OptunaPruner):
    """Ends a trial that is not among the best 1/factor that came to this rung before it."""

    name: ClassVar[str] = "halving"

    def optuna_pruner(self, length: int) -> "BasePruner":
        """Optuna's `SuccessiveHalvingPruner`."""
        import optuna

        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=self.rungs[0], reduction_factor=self.factor
        )
