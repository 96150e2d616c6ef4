"""Random search (Bergstra, Bengio 2012)."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from recurra.tuning.history import History
from recurra.tuning.pruners.base import Pruner
from recurra.tuning.samplers.optuna_base import OptunaSampler
from recurra.tuning.space import Setting

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


_FEW = 10_000


class RandomSampler(OptunaSampler):
    """Draws by seed and number alone: every value independently; or all settings, shuffled.

    The latter where there are few of them, so that none is drawn twice before all have been.
    """

    name: ClassVar[str] = "random"

    def suggest(self, history: History, pruner: Pruner) -> Setting:
        """One of the settings without putting it back, or any."""
        count = history.space.settings
        if count is None or count > _FEW:
            return super().suggest(history, pruner)
        order = np.random.default_rng(history.seed).permutation(count)
        return history.space.point(int(order[history.number % count]))

    def optuna_sampler(self, seed: int) -> "BaseSampler":
        """Optuna's `RandomSampler`."""
        import optuna

        return optuna.samplers.RandomSampler(seed)
