"""Samplers of Optuna, asked about a study in memory that holds just the history of a trial."""

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from recurra.tuning.history import History
from recurra.tuning.pruners.base import Pruner
from recurra.tuning.pruners.optuna_base import OptunaPruner
from recurra.tuning.samplers.base import Sampler
from recurra.tuning.space import Setting

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class OptunaSampler(Sampler):
    """A sampler of Optuna, used as it is, with a seed for every trial of every search."""

    @abstractmethod
    def optuna_sampler(self, seed: int) -> "BaseSampler":
        """The sampler in Optuna's own terms."""

    def suggest(self, history: History, pruner: Pruner) -> Setting:
        """Ask Optuna's sampler for the next trial."""
        from recurra.tuning.optuna_study import distributions, study_in_memory

        seed = int(np.random.SeedSequence([history.seed, history.number]).generate_state(1)[0])
        study = study_in_memory(
            history,
            sampler=self.optuna_sampler(seed),
            # within Hyperband, TPE learns from one bracket only
            pruner=pruner.optuna_pruner(history.length)
            if isinstance(pruner, OptunaPruner)
            else None,
        )
        trial = study.ask(distributions(history.space))
        return {name: trial.params[name] for name in history.space.parameters}
