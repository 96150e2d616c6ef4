"""Pruners of Optuna, asked about a study in memory that holds just the history of a trial."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from recurra.tuning.history import History
from recurra.tuning.pruners.base import Decision, RungPruner

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class OptunaPruner(RungPruner):
    """A pruner of Optuna, used as it is."""

    uses_history: ClassVar[bool] = True

    @abstractmethod
    def optuna_pruner(self, length: int) -> "BasePruner":
        """The pruner in Optuna's own terms, for trainings of so many characters."""

    def decide(self, history: History, rungs: Mapping[int, float]) -> Decision:
        """Ask Optuna's pruner at every rung in turn; its last answer counts."""
        from recurra.tuning.optuna_study import study_in_memory

        study = study_in_memory(history, pruner=self.optuna_pruner(history.length))
        trial = study.ask()
        prune = False
        for rung, loss in sorted(rungs.items()):
            trial.report(loss, rung)
            prune = bool(trial.should_prune())
        notes = study.get_trials(deepcopy=False)[-1].system_attrs
        return Decision(
            prune, {k: float(v) for k, v in notes.items() if k.startswith("completed_rung")}
        )
