"""Tree-structured Parzen estimators (Bergstra et al. 2011)."""

from typing import TYPE_CHECKING, ClassVar

from recurra.tuning.samplers.optuna_base import OptunaSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class TPESampler(OptunaSampler):
    """Draws where good trials lie closer together than bad ones."""

    name: ClassVar[str] = "tpe"
    uses_history: ClassVar[bool] = True

    def optuna_sampler(self, seed: int) -> "BaseSampler":
        """Optuna's `TPESampler`."""
        import optuna

        return optuna.samplers.TPESampler(seed=seed)
