"""Random search (Bergstra, Bengio 2012)."""

from typing import TYPE_CHECKING, ClassVar

from recurra.tuning.samplers.optuna_base import OptunaSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class RandomSampler(OptunaSampler):
    """Draws every value independently, by seed and number alone."""

    name: ClassVar[str] = "random"

    def optuna_sampler(self, seed: int) -> "BaseSampler":
        """Optuna's `RandomSampler`."""
        import optuna

        return optuna.samplers.RandomSampler(seed)
