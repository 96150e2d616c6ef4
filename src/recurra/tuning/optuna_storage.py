"""Optuna's storages: a journal in the study's folder, or PostgreSQL.

The one place that knows what Optuna keeps to itself: numbers of its own for studies and trials,
heartbeats, and the cache that it puts before a database.
"""

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import optuna
from optuna.exceptions import (
    DuplicatedStudyError,
    StorageInternalError,
    UpdateFinishedTrialError,
)
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from recurra.errors import RunError, SettingError
from recurra.storage.files import cannot_write
from recurra.tuning.journal import FILE, JournalFile

Result = TypeVar("Result")

# Seconds from one sign of life to the next; all workers of a study have to agree on it.
HEARTBEAT = int(os.environ.get("RECURRA_HEARTBEAT", "20"))
MISSED = 3  # so many missed ones mean death

STORAGE = "RECURRA_STORAGE"  # the environment variable with a database's full address


class OptunaStorage:
    """The trials of one study, by number; every call waits while a database is away.

    Args:
        folder: of the study; its journal is there unless there is a database.
        name: of the study, for Optuna.
        url: of a PostgreSQL database; None: the journal.
        patience: seconds to wait for a database that does not answer.

    Raises:
        SettingError: the URL is none, or its driver is not installed.
        RunError: the journal is damaged or cannot be written, or the database does not answer.
    """

    def __init__(self, folder: Path, name: str, url: str | None, patience: float) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.patience = patience
        self.last_failure = -float("inf")
        self.where = str(folder / FILE) if url is None else public_url(url)
        self._journal: JournalFile | None = None
        self._trial_ids: list[int] = []
        self._storage = self._call(
            lambda: self._open_journal(folder / FILE) if url is None else _open_database(url)
        )
        self._study_id = self._call(lambda: self._join(name))

    def trials(self) -> list[FrozenTrial]:
        """All trials that there are so far, by number; not to be changed."""
        found = self._call(lambda: self._storage.get_all_trials(self._study_id, deepcopy=False))
        self._trial_ids += [trial._trial_id for trial in found[len(self._trial_ids) :]]
        return found

    def trial(self, number: int) -> FrozenTrial:
        """A trial, which is made if it is not there yet; one too many does no harm."""
        template = optuna.trial.create_trial(state=TrialState.WAITING)
        while (trial_id := self._call(lambda: self._find(number))) is None:
            self._call(lambda: self._storage.create_new_trial(self._study_id, template))
        return self._call(lambda: self._storage.get_trial(trial_id))

    def update(self, number: int, change: Callable[[BaseStorage, int], Result]) -> Result | None:
        """Change a trial that is there; one that somebody has finished meanwhile stays as it is.

        Args:
            number: of the trial.
            change: called with the storage and Optuna's own number of the trial.
        """
        trial_id = self._call(lambda: self._find(number))
        assert trial_id is not None

        def attempt() -> Result:
            try:
                return change(self._storage, trial_id)
            except KeyError:
                # Optuna's cache learns of a trial of another process only when all are read.
                self._storage.get_all_trials(self._study_id, deepcopy=False)
                return change(self._storage, trial_id)

        try:
            return self._call(attempt)
        except UpdateFinishedTrialError:
            return None

    @property
    def has_heartbeats(self) -> bool:
        """Whether processes show by heartbeats that they are alive."""
        return isinstance(self._storage, BaseHeartbeat)

    def record_heartbeat(self, number: int, patient: bool) -> None:
        """Give a sign of life for a trial; without patience one may be missed."""
        storage, trial_id = self._storage, self._call(lambda: self._find(number))
        assert isinstance(storage, BaseHeartbeat)
        assert trial_id is not None
        if patient:
            self._call(lambda: storage.record_heartbeat(trial_id))
            return
        try:
            storage.record_heartbeat(trial_id)
        except (StorageInternalError, SQLAlchemyError):
            self.last_failure = time.monotonic()

    def is_stale(self, number: int) -> bool:
        """Whether a running trial has missed its heartbeats.

        While the database is away nobody can beat: for a while after its return nobody is stale.
        """
        storage = self._storage
        assert isinstance(storage, BaseHeartbeat)
        if time.monotonic() - self.last_failure < MISSED * HEARTBEAT:
            return False
        stale = self._call(lambda: storage._get_stale_trial_ids(self._study_id))
        return self._call(lambda: self._find(number)) in stale

    def _open_journal(self, path: Path) -> BaseStorage:
        self._journal = JournalFile(path)
        return JournalStorage(self._journal)

    def _join(self, name: str) -> int:
        # looked up first: a study in a folder of somebody else's can be read, not created
        try:
            return self._storage.get_study_id_from_name(name)
        except KeyError:
            pass
        try:
            return self._storage.create_new_study([StudyDirection.MINIMIZE], name)
        except DuplicatedStudyError:  # another process was faster
            return self._storage.get_study_id_from_name(name)

    def _find(self, number: int) -> int | None:
        """Optuna's own number of a trial; None before it is made. Asked for once a trial."""
        while len(self._trial_ids) <= number:
            place = len(self._trial_ids)
            try:
                self._trial_ids.append(
                    self._storage.get_trial_id_from_study_id_trial_number(self._study_id, place)
                )
            except KeyError:
                return None
        return self._trial_ids[number]

    def _call(self, ask: Callable[[], Result]) -> Result:
        """Ask the storage, again and again while a database is away."""
        begun, pause = time.monotonic(), 0.1
        while True:
            try:
                return ask()
            except (StorageInternalError, SQLAlchemyError) as error:
                self.last_failure = time.monotonic()
                if self.last_failure - begun > self.patience:
                    raise RunError(
                        f"the database has not answered for {self.patience:,.0f} seconds "
                        f"({_cause(error)}): start it, or check --storage; the same command goes on"
                    ) from None
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
            except OSError as error:
                raise cannot_write(Path(self.where), error) from None
            except (
                ArithmeticError,
                AssertionError,
                AttributeError,
                LookupError,
                TypeError,
                ValueError,
            ):
                # Optuna could not make sense of the record that it had just read.
                if self._journal is None:
                    raise
                raise self._journal.damage() from None


def _open_database(url: str) -> BaseStorage:
    """Optuna's storage in a database that answers, with a cache before it."""
    require_driver(url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # heartbeats are still called an experiment
        return get_storage(
            RDBStorage(
                _address(url).render_as_string(hide_password=False),
                engine_kwargs={"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}},
                heartbeat_interval=HEARTBEAT,
                grace_period=MISSED * HEARTBEAT,
            )
        )


def require_driver(url: str) -> None:
    """Refuse an address of a database that cannot be spoken to from here, before it is needed.

    Raises:
        SettingError: it is none, or the driver is not installed.
    """
    try:
        _address(url).get_dialect().import_dbapi()
    except ImportError:
        raise SettingError(
            'a database in PostgreSQL needs its driver: pip install "recurra[cluster]"'
        ) from None


def require_database(url: str) -> None:
    """Refuse a database that cannot be used, before anything is begun.

    Raises:
        SettingError: see `require_driver`.
        RunError: it does not answer, or may not be written.
    """
    try:
        _open_database(url)
    except (StorageInternalError, SQLAlchemyError) as error:
        raise RunError(
            f"the database {public_url(url)} does not answer ({_cause(error)}): start it, or check "
            "--storage"
        ) from None


def full_address(folder: Path, kept: str | None, given: str | None) -> str | None:
    """The address of the database that a folder uses, with what its own file does not keep.

    Args:
        folder: of a study or a comparison.
        kept: the address without its password, by the folder's file; None: it uses none.
        given: by whoever opens it; default: the environment's ``RECURRA_STORAGE``.

    Raises:
        SettingError: the folder uses a database, which is not named; or uses none.
    """
    if kept is None:
        if given is not None:
            raise SettingError(f"{folder} uses no database: leave --storage out")
        return None
    # Nobody is called only because a folder, which may be a stranger's, names him.
    address = given or os.environ.get(STORAGE)
    if address is None:
        raise SettingError(
            f"{folder} uses the database {kept}: name it with --storage, or in {STORAGE}"
        )
    return address


def _cause(error: Exception) -> str:
    return str(error.__cause__ or error).splitlines()[0]


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
            f"{parsed.get_backend_name()}; without it all is kept in the folder"
        )
    return parsed
