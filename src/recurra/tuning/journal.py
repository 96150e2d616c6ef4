"""Optuna's journal in a file, safe against kills at any moment and against many processes.

Optuna advises against SQLite where processes work in parallel; its journal only ever appends. Its
own backend has two weak places. Its lock is a file that a killed process leaves behind, and the
others wait half a minute for: ours is the system's, and ends with the process. And after half a
line, by a kill or a full disk, its next record is glued to that and lost: ours cuts such a line
off before it writes. What is read is checked, record by record.
"""

import contextlib
import errno
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from recurra.errors import RunError
from recurra.storage.files import open_regular, open_to_write, whole_lines
from recurra.storage.locks import try_lock
from recurra.storage.typed_json import shortened

FILE = "journal.log"
LONGEST = 64 * 2**20  # bytes of a record: the longest hold the sample of a trial
NUMBER = (int, float)
# Optuna's operations: the fields of each, with their types.
FIELDS: Mapping[int, Mapping[str, type | tuple[type, ...]]] = {
    0: {"study_name": str, "directions": list},
    1: {"study_id": int},
    2: {"study_id": int, "user_attr": dict},
    3: {"study_id": int, "system_attr": dict},
    4: {"study_id": int, "datetime_start": (str, NoneType)},
    5: {
        "trial_id": int,
        "param_name": str,
        "param_value_internal": NUMBER,
        "distribution": str,
    },
    6: {"trial_id": int, "state": int, "values": (list, NoneType)},
    7: {"trial_id": int, "step": int, "intermediate_value": NUMBER},
    8: {"trial_id": int, "user_attr": dict},
    9: {"trial_id": int, "system_attr": dict},
}


class JournalFile(BaseJournalBackend):
    """The records of a study, a line each; only to be read where nothing can be written.

    Args:
        path: of the file, which is made if it is not there.

    Raises:
        OSError: the file cannot be read, or is no regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0  # the last one that was read
        self._offset = 0  # where the next one begins
        try:
            with self.lock():
                open_to_write(path).close()
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not path.exists():
                raise

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """All whole records after the first `log_number_from`.

        Raises:
            RunError: one is damaged.
        """
        if log_number_from != self.line:
            self.line = self._offset = 0
        with open_regular(self.path) as file:
            file.seek(self._offset)
            while (line := file.readline(LONGEST)).endswith(b"\n"):
                self.line += 1
                self._offset += len(line)
                if self.line > log_number_from:
                    yield self._record(line)
            if len(line) == LONGEST:
                self.line += 1
                raise self.damage()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records whose bytes are on the disk when this returns."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with self.lock(), open_to_write(self.path) as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())

    def damage(self, why: str = "not a record of Optuna's journal") -> RunError:
        """The sentence for a record that cannot be: the last one that was read."""
        return RunError(
            f"{self.path}, line {self.line}: {why}; remove the line, or restore a backup"
        )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the system's lock; under it what a killed writer left half done is cut off."""
        with open_to_write(self.path.with_suffix(".lock")) as file:
            pause = 0.001
            while not try_lock(file):
                time.sleep(pause)
                pause = min(2 * pause, 0.05)
            cut_torn_line(self.path)
            yield

    def _record(self, line: bytes) -> dict[str, Any]:
        try:
            record = json.loads(line)
            fields = FIELDS[record["op_code"]]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise self.damage() from None
        for name, kind in {"worker_id": str, **fields}.items():
            value = record.get(name)
            # true is a whole number for Python, and NaN a number for its JSON
            if not isinstance(value, kind) or isinstance(value, bool) or value != value:
                raise self.damage(f"{name} cannot be {shortened(json.dumps(value))}")
        for value in record.get("values") or ():
            if type(value) not in NUMBER or not math.isfinite(value):
                raise self.damage(f"values cannot hold {shortened(json.dumps(value))}")
        found: dict[str, Any] = record
        return found


def cut_torn_line(path: Path) -> None:
    """Cut off what follows the last line end; under the lock nobody is just writing it."""
    with contextlib.suppress(FileNotFoundError), open_regular(path) as file:
        end = whole_lines(file, LONGEST)
        if end < file.seek(0, os.SEEK_END):
            with open_to_write(path) as torn:
                torn.truncate(end)
