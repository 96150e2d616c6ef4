"""The trials of a study, read and written through Optuna.

Any tool for Optuna's studies, such as optuna-dashboard, reads them too. What Optuna has no word
for is kept in a trial's user attributes: "verdict" (a state of ours, its reason and time),
"result", "notes" and "deaths" (crashes). A pruned trial waits, as Optuna sees it, until it can be
no finalist any more.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from recurra.tuning.optuna_storage import OptunaStorage
from recurra.tuning.optuna_study import FINAL_STATES, distributions
from recurra.tuning.space import Setting, Space
from recurra.tuning.trials import DONE, FAILED, PRUNED, RUNNING, WAITING, State, Trial

_STATES: Mapping[TrialState, State] = {
    TrialState.WAITING: WAITING,
    TrialState.RUNNING: RUNNING,
    TrialState.COMPLETE: DONE,
    TrialState.PRUNED: PRUNED,
    TrialState.FAIL: FAILED,
}


class TrialStore:
    """Reads and writes trials; every call waits while a database is away.

    Args:
        folder: of the study; its journal is there unless there is a database.
        name: of the study, for Optuna.
        space: of the study.
        url: of a PostgreSQL database; None: the journal.
        patience: seconds to wait for a database that does not answer.

    Raises:
        SettingError: the URL is none, or its driver is not installed.
        RunError: the journal is damaged or cannot be written, or the database does not answer.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        space: Space,
        url: str | None = None,
        *,
        patience: float = 600.0,
    ) -> None:
        self.storage = OptunaStorage(folder, name, url, patience)
        self.space = space
        self._distributions = distributions(space)
        self._known: dict[int, tuple[FrozenTrial, Trial]] = {}

    def trials(self) -> list[Trial]:
        """All trials that there are so far, by number."""
        return [self._trial(frozen) for frozen in self.storage.trials()]

    def trial(self, number: int) -> Trial:
        """A trial, which is made if it is not there yet."""
        return self._trial(self.storage.trial(number))

    def set_setting(self, number: int, setting: Setting) -> None:
        """Write down the setting of a trial; any process would write the same."""

        def write(storage: BaseStorage, trial: int) -> None:
            for name, distribution in self._distributions.items():
                value = distribution.to_internal_repr(setting[name])
                storage.set_trial_param(trial, name, value, distribution)

        self.storage.update(number, write)

    def start(self, number: int) -> bool:
        """Waiting -> running; False if somebody else was faster."""
        return bool(self._set_state(number, TrialState.RUNNING))

    def pause(self, number: int) -> None:
        """Running -> waiting."""
        self._set_state(number, TrialState.WAITING)

    def report(self, number: int, rung: int, loss: float) -> None:
        """Keep the held-out loss of a trial at a rung."""
        self.storage.update(
            number, lambda storage, trial: storage.set_trial_intermediate_value(trial, rung, loss)
        )

    def set_notes(self, number: int, notes: Mapping[str, float]) -> None:
        """Keep the numbers of a pruner."""
        self._set(number, "notes", dict(notes))

    def set_result(self, number: int, result: Mapping[str, Any]) -> None:
        """Keep the figures of a training."""
        self._set(number, "result", dict(result))

    def set_crashes(self, number: int, count: int, saved: int) -> None:
        """Keep how often a trial's process died since the checkpoint of that time stamp."""
        self._set(number, "deaths", [count, saved])

    def set_status(self, number: int, state: State, reason: str = "") -> None:
        """Set a state that may change again, as `pruned` does for a finalist to `waiting`."""
        now = datetime.now(UTC).astimezone().replace(tzinfo=None)  # as Optuna has it
        self._set(number, "verdict", [state, reason, now.isoformat()])

    def finalise(
        self, number: int, state: State, loss: float | None = None, reason: str = ""
    ) -> None:
        """Set the final state of a trial; a pruned one keeps the reason that it has."""
        if state != PRUNED:
            self.set_status(number, state, reason)
        self._set_state(number, FINAL_STATES[state], None if loss is None else [loss])

    def _set(self, number: int, name: str, value: Any) -> None:
        self.storage.update(
            number, lambda storage, trial: storage.set_trial_user_attr(trial, name, value)
        )

    def _set_state(
        self, number: int, state: TrialState, values: list[float] | None = None
    ) -> bool | None:
        return self.storage.update(
            number, lambda storage, trial: storage.set_trial_state_values(trial, state, values)
        )

    def _trial(self, frozen: FrozenTrial) -> Trial:
        """A trial of Optuna's as one of ours; remembered, for there may be many thousands."""
        known = self._known.get(frozen.number)
        if known is None or known[0] is not frozen:
            known = self._known[frozen.number] = (frozen, self._read(frozen))
        return known[1]

    def _read(self, frozen: FrozenTrial) -> Trial:
        attributes = frozen.user_attrs
        state, reason, when = attributes.get("verdict", ("", "", ""))
        # A state other than `pruned` counts once Optuna has it too: a process may die in between.
        if not state or not (frozen.state.is_finished() or state == PRUNED):
            state = _STATES[frozen.state]
        complete = frozen.params.keys() >= self._distributions.keys()
        pruned_at = datetime.fromisoformat(when) if state == PRUNED and when else None
        return Trial(
            number=frozen.number,
            state=state,
            setting={name: frozen.params[name] for name in self._distributions}
            if complete
            else None,
            rungs=dict(sorted(frozen.intermediate_values.items())),
            loss=frozen.values[0]
            if frozen.state == TrialState.COMPLETE and frozen.values
            else None,
            reason=reason,
            result=attributes.get("result", {}),
            begun=frozen.datetime_start,
            ended=pruned_at or frozen.datetime_complete,
            crashes=tuple(attributes.get("deaths", (0, 0))),
            notes=attributes.get("notes", {}),
            final=frozen.state.is_finished(),
        )
