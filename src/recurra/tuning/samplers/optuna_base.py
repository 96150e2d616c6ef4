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


_DRAWS = 4  # of the sampler itself, before chance decides


class OptunaSampler(Sampler):
    """A sampler of Optuna, with a seed for every trial of every search.

    A setting that an earlier trial has is drawn again, as long as there are others.
    """

    @abstractmethod
    def optuna_sampler(self, seed: int) -> "BaseSampler":
        """The sampler in Optuna's own terms."""

    def suggest(self, history: History, pruner: Pruner) -> Setting:
        """Ask Optuna's sampler for the next trial, or draw at last among what is left."""
        taken, size = [trial.setting for trial in history.trials], history.space.settings
        for draw in range(_DRAWS):
            setting = self._draw(history, pruner, draw)
            if setting not in taken:
                return setting
        if size is None:
            return setting
        first = int(np.random.default_rng([history.seed, history.number]).integers(size))
        # among one place more than are taken there is a new setting, if there is one at all
        places = [(first + i) % size for i in range(min(size, len(taken) + 1))]
        points = map(history.space.point, places)
        return next((point for point in points if point not in taken), setting)

    def _draw(self, history: History, pruner: Pruner, draw: int) -> Setting:
        from recurra.tuning.optuna_study import distributions, study_in_memory

        entropy = [history.seed, history.number, *([draw] if draw else [])]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        study = study_in_memory(
            history,
            sampler=self.optuna_sampler(seed),
            # within Hyperband, TPE learns from one bracket only
            pruner=pruner.optuna_pruner(history.length)
            if isinstance(pruner, OptunaPruner)
            else None,
        )
        trial = study.ask(distributions(history.space))
        return {name: trial.params[name] for name in history.space.applicable(trial.params)}
