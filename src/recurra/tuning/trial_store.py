"""The trials of a study, read and written through Optuna.

Any tool for Optuna's studies, such as optuna-dashboard, reads them too. What Optuna has no word
for is kept in a trial's user attributes: "verdict" (a state of ours, its reason and time),
"result", "notes" and "deaths" (crashes). A pruned trial waits, as Optuna sees it, until it can be
no finalist any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from recurra.errors import RunError
from recurra.storage.typed_json import read_typed
from recurra.tuning.optuna_storage import OptunaStorage
from recurra.tuning.optuna_study import FINAL_STATES, distributions
from recurra.tuning.space import Setting, Space
from recurra.tuning.trials import DONE, FAILED, PRUNED, RUNNING, WAITING, Figures, State, Trial

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
            for name, value in setting.items():
                distribution = self._distributions[name]
                inner = distribution.to_internal_repr(value)
                storage.set_trial_param(trial, name, inner, distribution)

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
        where = f"{self.storage.where}, trial {frozen.number}"
        kept = read_typed(_Attributes, frozen.user_attrs, where, lenient=True)
        notes = frozen.user_attrs.get("notes", {})  # of which one may be infinite
        if type(notes) is not dict or not all(type(n) in (int, float) for n in notes.values()):
            raise RunError(f"{where}: notes has to hold numbers: restore a backup")
        state, reason, when = _STATES[frozen.state], "", None
        if kept.verdict:
            status, reason, when = _read_status(kept.verdict, f"{where}: verdict")
            # Another one than `pruned` counts once Optuna has it: a process may die in between.
            if frozen.state.is_finished() or status == PRUNED:
                state = status
        setting = None
        names = self.space.applicable(frozen.params)
        if frozen.params.keys() >= set(names):
            setting = {name: frozen.params[name] for name in names}
            if not self.space.contains(setting):
                raise RunError(
                    f"{where}: its setting does not lie in the space of study.json: restore a "
                    "backup of both"
                )
        compared = frozen.state == TrialState.COMPLETE or frozen.intermediate_values
        if compared and setting is None:
            raise RunError(
                f"{where}: it has a loss but no setting, since records are missing or in "
                "another order: restore a backup"
            )
        if len(kept.deaths) != 2:
            raise RunError(f"{where}: deaths has to be two numbers: restore a backup")
        return Trial(
            number=frozen.number,
            state=state,
            setting=setting,
            rungs=dict(sorted(frozen.intermediate_values.items())),
            loss=frozen.values[0]
            if frozen.state == TrialState.COMPLETE and frozen.values
            else None,
            reason=reason,
            result=kept.result,
            begun=frozen.datetime_start,
            ended=when if state == PRUNED else frozen.datetime_complete,
            crashes=(kept.deaths[0], kept.deaths[1]),
            notes=notes,
            final=frozen.state.is_finished(),
        )


@dataclass(frozen=True)
class _Attributes:
    """User attributes of a trial of Optuna's."""

    verdict: tuple[str, ...] = ()
    result: Figures = Figures()
    deaths: tuple[int, ...] = (0, 0)


def _read_status(verdict: tuple[str, ...], where: str) -> tuple[State, str, datetime]:
    """State, reason and time of a verdict."""
    try:
        state, reason, when = verdict
        time = datetime.fromisoformat(when)
    except ValueError:
        raise RunError(
            f"{where} has to be a state, a reason and a time: restore a backup"
        ) from None
    if state not in get_args(State):
        raise RunError(f"{where}: {state} is no state of a trial: restore a backup")
    return cast(State, state), reason, time
