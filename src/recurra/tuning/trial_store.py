"""The trials of a study as Optuna keeps them: in a journal, or in PostgreSQL.

Any tool for Optuna's studies, such as optuna-dashboard, reads them too. What Optuna has no word
for is kept in a trial's user attributes: "verdict" (a state of ours, its reason and time),
"result", "notes" and "deaths". A pruned trial waits, as Optuna sees it, until no finalist can come
of it.
"""

import os
import time
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from recurra.errors import RunError, SettingError
from recurra.storage.files import cannot_write
from recurra.tuning.journal import FILE, open_journal
from recurra.tuning.space import Range, Setting, Space, Values
from recurra.tuning.trials import DIVERGED, DONE, FAILED, PRUNED, RUNNING, SKIPPED, WAITING, Trial

Result = TypeVar("Result")

# Seconds from one sign of life to the next; all workers of a study have to agree on it.
HEARTBEAT = int(os.environ.get("RECURRA_HEARTBEAT", "20"))
MISSED = 3  # so many missed ones mean death
OPTUNA_STATES = {
    DONE: TrialState.COMPLETE,
    PRUNED: TrialState.PRUNED,
    DIVERGED: TrialState.PRUNED,
    SKIPPED: TrialState.FAIL,
    FAILED: TrialState.FAIL,
}
_STATES = {
    TrialState.WAITING: WAITING,
    TrialState.RUNNING: RUNNING,
    TrialState.COMPLETE: DONE,
    TrialState.PRUNED: PRUNED,
    TrialState.FAIL: FAILED,
}


class Ledger:
    """Reads and writes trials; every call waits while a database is away.

    Args:
        folder: of the study; its journal is there unless there is a database.
        name: of the study, for Optuna.
        space: gives values their distributions.
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
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.patience = patience
        self.last_failure = -float("inf")
        self._journal = folder / FILE
        self._distributions = distributions(space)
        self._trial_ids: list[int] = []
        self._states: dict[int, tuple[FrozenTrial, Trial]] = {}
        self.storage: BaseStorage = self._call(
            lambda: open_journal(folder) if url is None else open_database(url)
        )
        study = self._call(lambda: self._join(name))
        # the storage that Optuna made of ours keeps what it has read
        self.storage = study._storage
        self.study_id = study._study_id

    def _join(self, name: str) -> optuna.Study:
        # looked up first: a study in a folder of somebody else's can be read, not created
        if name in optuna.get_all_study_names(self.storage):
            return optuna.load_study(study_name=name, storage=self.storage)
        return optuna.create_study(
            storage=self.storage, study_name=name, direction="minimize", load_if_exists=True
        )

    def trials(self) -> list[Trial]:
        """All trials that there are so far, by number."""
        frozen = self._call(lambda: self.storage.get_all_trials(self.study_id, deepcopy=False))
        self._trial_ids = [trial._trial_id for trial in frozen]
        return [self._plain(trial) for trial in frozen]

    def trial(self, number: int) -> Trial:
        """A trial, which is made if it is not there yet; one too many does no harm."""
        template = optuna.trial.create_trial(state=TrialState.WAITING)
        while len(trials := self.trials()) <= number:
            self._call(lambda: self.storage.create_new_trial(self.study_id, template))
        return trials[number]

    def suggest(self, number: int, setting: Setting) -> None:
        """Write down the setting of a trial; any process would write the same."""
        for name, distribution in self._distributions.items():
            value = distribution.to_internal_repr(setting[name])
            self._update(number, self.storage.set_trial_param, name, value, distribution)

    def begin(self, number: int) -> bool:
        """Waiting -> running; False if somebody else was faster."""
        return bool(self._update(number, self.storage.set_trial_state_values, TrialState.RUNNING))

    def pause(self, number: int) -> None:
        """Running -> waiting."""
        self._update(number, self.storage.set_trial_state_values, TrialState.WAITING)

    def reach(self, number: int, rung: int, loss: float) -> None:
        """A trial has come to a rung."""
        self._update(number, self.storage.set_trial_intermediate_value, rung, loss)

    def note(self, number: int, **attributes: Any) -> None:
        """Keep something with a trial."""
        for name, value in attributes.items():
            self._update(number, self.storage.set_trial_user_attr, name, value)

    def judge(self, number: int, state: str, reason: str = "") -> None:
        """A verdict that may be taken back, as `pruned` is for a finalist by `waiting`."""
        now = datetime.now(UTC).astimezone().replace(tzinfo=None)  # as Optuna has it
        self.note(number, verdict=[state, reason, now.isoformat()])

    def settle(self, number: int, state: str, loss: float | None = None, reason: str = "") -> None:
        """The last word on a trial; a pruned one keeps the verdict that it has."""
        if state != PRUNED:
            self.judge(number, state, reason)
        values = None if loss is None else [loss]
        self._update(number, self.storage.set_trial_state_values, OPTUNA_STATES[state], values)

    @property
    def beats(self) -> bool:
        """Whether processes show by heartbeats that they are alive."""
        return isinstance(self.storage, BaseHeartbeat)

    def beat(self, number: int, patient: bool = True) -> None:
        """A sign of life for a trial, in a database; without patience one may be missed."""
        assert isinstance(self.storage, BaseHeartbeat)
        storage, trial_id = self.storage, self._id(number)
        if patient:
            self._call(lambda: storage.record_heartbeat(trial_id))
            return
        try:
            storage.record_heartbeat(trial_id)
        except (StorageInternalError, SQLAlchemyError):
            self.last_failure = time.monotonic()

    def is_dead(self, number: int) -> bool:
        """Whether a running trial has missed its heartbeats.

        While the database is away nobody can beat: for a while after its return nobody is dead.
        """
        assert isinstance(self.storage, BaseHeartbeat)
        storage = self.storage
        if time.monotonic() - self.last_failure < MISSED * HEARTBEAT:
            return False
        stale = self._call(lambda: storage._get_stale_trial_ids(self.study_id))
        return self._id(number) in stale

    def _id(self, number: int) -> int:
        """Optuna's own number of a trial."""
        if number >= len(self._trial_ids):
            self.trials()
        return self._trial_ids[number]

    def _update(self, number: int, change: Callable[..., Result], *arguments: Any) -> Result | None:
        """Change a trial; one that somebody has finished meanwhile stays as it is."""
        trial_id = self._id(number)
        try:
            return self._call(lambda: change(trial_id, *arguments))
        except UpdateFinishedTrialError:
            return None

    def _call(self, ask: Callable[[], Result]) -> Result:
        """Ask the storage, again and again while a database is away."""
        begun, pause = time.monotonic(), 0.1
        while True:
            try:
                return ask()
            except (StorageInternalError, SQLAlchemyError) as error:
                self.last_failure = time.monotonic()
                if self.last_failure - begun > self.patience:
                    cause = str(error.__cause__ or error).splitlines()[0]
                    raise RunError(
                        f"the database has not answered for {self.patience:,.0f} seconds "
                        f"({cause}): start it, or check --storage; the same command goes on"
                    ) from None
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
            except OSError as error:
                raise cannot_write(self._journal, error) from None

    def _plain(self, frozen: FrozenTrial) -> Trial:
        """A trial of Optuna's as one of ours; remembered, for there may be many thousands."""
        known = self._states.get(frozen.number)
        if known is None or known[0] is not frozen:
            known = self._states[frozen.number] = (frozen, _plain(frozen, self._distributions))
        return known[1]


def _plain(frozen: FrozenTrial, needed: Mapping[str, BaseDistribution]) -> Trial:
    attributes = frozen.user_attrs
    state, reason, when = attributes.get("verdict", ("", "", ""))
    # A verdict other than `pruned` counts once Optuna has it too: a process may die in between.
    if not state or not (frozen.state.is_finished() or state == PRUNED):
        state = _STATES[frozen.state]
    complete = frozen.params.keys() >= needed.keys()
    return Trial(
        number=frozen.number,
        state=state,
        setting={name: frozen.params[name] for name in needed} if complete else None,
        rungs=dict(sorted(frozen.intermediate_values.items())),
        loss=frozen.values[0] if frozen.state == TrialState.COMPLETE and frozen.values else None,
        reason=reason,
        result=attributes.get("result", {}),
        begun=frozen.datetime_start,
        ended=datetime.fromisoformat(when)
        if state == PRUNED and when
        else frozen.datetime_complete,
        deaths=tuple(attributes.get("deaths", (0, 0))),
        notes=attributes.get("notes", {}),
        settled=frozen.state.is_finished(),
    )


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space in Optuna's words, in its order."""
    return {name: _distribution(parameter) for name, parameter in space.parameters.items()}


def _distribution(parameter: Values | Range) -> BaseDistribution:
    if isinstance(parameter, Values):
        return CategoricalDistribution(parameter.values)
    low, high, step = parameter.low, parameter.high, parameter.step
    if step is not None and parameter.grid is not None:
        high = parameter.grid[-1]  # type: ignore[assignment]
    if parameter.whole:
        return IntDistribution(int(low), int(high), parameter.log, int(step or 1))
    return FloatDistribution(float(low), float(high), parameter.log, step)


def open_database(url: str) -> RDBStorage:
    """Optuna's storage in a database that answers.

    Raises:
        SettingError: the URL is none, or its driver is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # heartbeats are still called an experiment
            return RDBStorage(
                _address(url).render_as_string(hide_password=False),
                engine_kwargs={"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}},
                heartbeat_interval=HEARTBEAT,
                grace_period=MISSED * HEARTBEAT,
            )
    except ImportError:
        raise SettingError(
            'a study in PostgreSQL needs its driver: pip install "recurra[cluster]"'
        ) from None


def public_url(url: str) -> str:
    """The address of a database without its password, which is not for a file to keep.

    Raises:
        SettingError: it is none.
    """
    # URL.set would pass over None
    address = _address(url)._replace(password=None)
    return address.difference_update_query(["password"]).render_as_string()


def _address(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingError(f"{url} is no address of a database: postgresql://host/name") from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "postgresql":
        raise SettingError(
            f"--storage has to be a PostgreSQL database (postgresql://...), not "
            f"{parsed.get_backend_name()}; without it a study lives in its folder"
        )
    return parsed
