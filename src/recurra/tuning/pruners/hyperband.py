"""Hyperband: several successive halvings with later first rungs (Li et al. 2018)."""

from typing import TYPE_CHECKING, ClassVar

from recurra.tuning.pruners.optuna_base import OptunaPruner

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class HyperbandPruner(OptunaPruner):
    """Ends a trial that is not among the best 1/factor of its bracket."""

    name: ClassVar[str] = "hyperband"

    def optuna_pruner(self, length: int) -> "BasePruner":
        """Optuna's `HyperbandPruner`."""
        import optuna

        return optuna.pruners.HyperbandPruner(
            min_resource=self.rungs[0], max_resource=length, reduction_factor=self.factor
        )
