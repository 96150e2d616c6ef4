"""The run folder: all that a training run is, was and needs in order to go on.

    config.json        what was asked for (recipe, sizes, texts, seed), with the format number
    equations.eq       the network
    vocabulary.json    {"characters": "..."}: the characters in the order of their numbers
    metrics.jsonl      one JSON record a line, each with its "step"
    last.safetensors   everything a resume needs
    best.safetensors   the weights with the lowest held-out loss so far
    clock.json         wall-clock figures; with metrics.jsonl the only place for them

The first three are written once, when the run is created, and never change: every checkpoint
carries their checksum, its seal, and is refused beside any others.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from recurra.errors import RunError
from recurra.storage.checkpoints import FORMAT, Arrays, load_checkpoint, save_checkpoint
from recurra.storage.files import (
    cannot_write,
    canonical_json,
    safe_name,
    sync_folder,
    write_atomic,
    write_synced,
)
from recurra.storage.locks import lock_file

Name = Literal["last", "best"]


@dataclass(frozen=True)
class Run:
    """A run folder, opened.

    Training follows one order, so that it can be killed between any two operations and resume to
    the same bytes. Under `lock`, at every step that is logged or saved:

    1. `append_metrics`: the record of this step;
    2. `save` "best", if this step's held-out loss is the lowest so far;
    3. `write_clock`;
    4. `save` "last", whose meta carries the step and all that decides "best" (lowest loss and its
       step), besides generator, stream position, smoothed loss and counters of the stop rules.

    `last` is the only truth and comes last. To resume: `lock`, `load` "last", `truncate_metrics`
    to its step, go on. Records and a `best` from after that step are then made again, equal to
    what they were; were `last` saved before `best`, a kill between the two would lose that `best`
    for ever. Without `has("last")` the run was killed before its first save: it starts anew, after
    `truncate_metrics(-1)`. No array and no meta may depend on the clock.

    Attributes:
        folder: absolute path.
        config: what was asked for, as plain JSON values.
        equations: text of the network.
        vocabulary: the characters in the order of their numbers.
    """

    folder: Path
    config: dict[str, Any]
    equations: str
    vocabulary: str

    @classmethod
    def create(
        cls, folder: str | Path, config: Mapping[str, Any], equations: str, vocabulary: str
    ) -> Self:
        """Make a new run folder (its parents too) and open it; all of it appears at once.

        Raises:
            RunError: the folder is there already and not empty, or cannot be written; then
                nothing is left behind.
        """
        folder = Path(folder).resolve()
        contents = {
            "config.json": _encode({"format": FORMAT, **config}),
            "equations.eq": equations.encode(),
            "vocabulary.json": _encode({"characters": vocabulary}),
        }
        temporary = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.tmp"
        try:
            temporary.mkdir(parents=True)
            for name, content in contents.items():
                write_synced(temporary / name, content)
            # Where two processes want one name, the second meets a folder that is not empty.
            temporary.rename(folder)
            sync_folder(folder.parent)
        except OSError as error:
            taken = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EBUSY}
            if error.errno in taken and folder.exists():
                raise RunError(
                    f"{folder} exists and is not an empty, free folder: choose another name, or"
                    " resume the run if it is one"
                ) from None
            raise cannot_write(folder, error) from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return cls.open(folder)

    @classmethod
    def create_numbered(
        cls,
        parent: str | Path,
        name: str,
        config: Mapping[str, Any],
        equations: str,
        vocabulary: str,
    ) -> Self:
        """Create ``parent/name-001``, or the next free number; no two processes get the same.

        By custom the name is ``network-text``; what does not suit a file name becomes "-".
        """
        stem = safe_name(name)
        numbers = itertools.count(1)
        while True:
            folder = Path(parent, f"{stem}-{next(numbers):03}")
            if not folder.exists():
                try:
                    return cls.create(folder, config, equations, vocabulary)
                except RunError:
                    if not folder.exists():  # else another process was faster
                        raise

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a run folder, to read or, under `lock`, to go on; changes nothing in it.

        Raises:
            RunError: it is no run, of a newer format, or a piece is missing, empty or invalid.
        """
        folder = Path(folder).resolve()
        config = _read_object(folder / "config.json")
        version = config.pop("format", None)
        if type(version) is not int or version < 1:
            raise RunError(f"{folder / 'config.json'} has no format number: not of Recurra")
        if version > FORMAT:
            raise RunError(
                f"{folder} has format {version}, from a newer Recurra; this one reads formats up"
                f" to {FORMAT}. Upgrade with: pip install --upgrade recurra"
            )
        vocabulary = _read_object(folder / "vocabulary.json").get("characters")
        if not isinstance(vocabulary, str):
            raise RunError(f'{folder / "vocabulary.json"} has no "characters": restore a backup')
        return cls(folder, config, _read(folder / "equations.eq"), vocabulary)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; all that writes happens inside.

        The lock ends with the process, even if that is killed. What a killed one left behind, a
        temporary file or half a line of metrics, is removed on entry.

        Raises:
            RunError: another process (or another lock of this one) holds the run, or the folder
                cannot be written.
        """
        path = self.folder / ".lock"
        try:
            file = path.open("ab")
        except OSError as error:
            raise cannot_write(path, error) from None
        with file:
            lock_file(file, self.folder)
            for leftover in self.folder.glob(".*.tmp"):
                leftover.unlink(missing_ok=True)
            if self._metrics.exists():
                content = self._metrics.read_bytes()
                self._cut_metrics(content.rfind(b"\n") + 1)
            yield

    def has(self, name: Name) -> bool:
        """Whether this checkpoint has been saved."""
        return self._checkpoint(name).exists()

    def save(self, name: Name, arrays: Mapping[str, np.ndarray[Any, Any]], meta: Any) -> None:
        """Save a checkpoint; see `save_checkpoint`. Metrics become durable too.

        Arrays are named "group/name": "parameter/U", "optimizer/U/accumulator", "state/a".
        """
        # A power cut must not leave a checkpoint without the records that led to it.
        try:
            with self._metrics.open("ab") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self._metrics, error) from None
        save_checkpoint(self._checkpoint(name), arrays, {"meta": meta, "seal": self._seal})

    def load(
        self, name: Name, expected: Mapping[str, tuple[int, ...]] | None = None
    ) -> tuple[Arrays, Any]:
        """Load a checkpoint: its arrays and meta; see `load_checkpoint`.

        What `expected` names ("parameter/U": (65, 256)) is enforced.

        Raises:
            RunError: not saved yet, unreadable, not of the expected shapes, or of another run.
        """
        path = self._checkpoint(name)
        if not path.exists():
            raise RunError(
                f"{self.folder} has no {path.name}: the run ended before its first save, or the"
                " file was removed. Train again or restore a backup"
            )
        arrays, sealed = load_checkpoint(path, expected)
        if not isinstance(sealed, dict) or sealed.get("seal") != self._seal:
            raise RunError(
                f"{path} does not belong to the config.json, equations.eq and vocabulary.json"
                " beside it: one of them was changed or comes from another run. Restore what was"
                " there, or start a new run"
            )
        return arrays, sealed["meta"]

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Append one flat record with an integer "step"; JSON has no NaN or infinity: None then."""
        finite = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in record.items()
        }
        line = json.dumps(finite, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            with self._metrics.open("ab") as file:
                file.write(line.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise cannot_write(self._metrics, error) from None

    def metrics(self) -> list[dict[str, Any]]:
        """All records, oldest first; half a last line (being written just now) is left out."""
        return [record for _, record in self._records()]

    def truncate_metrics(self, step: int) -> None:
        """Drop everything from the first record after `step` on."""
        kept = itertools.takewhile(lambda item: item[1]["step"] <= step, self._records())
        end = sum(length for length, _ in kept)
        if self._metrics.exists():
            self._cut_metrics(end)

    def write_clock(self, clock: Mapping[str, Any]) -> None:
        """Replace the wall-clock figures."""
        write_atomic(self.folder / "clock.json", _encode(dict(clock)))

    def read_clock(self) -> dict[str, Any]:
        """The wall-clock figures; empty before the first `write_clock`."""
        path = self.folder / "clock.json"
        clock = _read_object(path) if path.exists() else {}
        if not all(isinstance(figure, int | float) for figure in clock.values()):
            raise RunError(f"{path} has something else than numbers: restore a backup")
        return clock

    @property
    def _metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    def _checkpoint(self, name: Name) -> Path:
        return self.folder / f"{name}.safetensors"

    @cached_property
    def _seal(self) -> str:
        definition = canonical_json([self.config, self.equations, self.vocabulary])
        return hashlib.sha256(definition.encode()).hexdigest()

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every whole line of the metrics: its length in bytes and its record."""
        if not self._metrics.exists():
            return
        for number, line in enumerate(self._metrics.read_bytes().split(b"\n")[:-1], 1):
            try:
                record = json.loads(line)
                valid = type(record["step"]) is int
            except (ValueError, TypeError, LookupError, RecursionError):
                valid = False
            if not valid:
                raise RunError(
                    f"{self._metrics}, line {number}: not a JSON record with a step. Remove the"
                    " line or restore a backup"
                )
            yield len(line) + 1, record

    def _cut_metrics(self, size: int) -> None:
        try:
            os.truncate(self._metrics, size)
        except OSError as error:
            raise cannot_write(self._metrics, error) from None


def _encode(value: dict[str, Any]) -> bytes:
    """Readable JSON; a lone surrogate (of a file name that is no UTF-8, say) is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"cannot read {path}: {error.strerror}. A run is a folder that `recurra train` made"
        ) from None
    except UnicodeDecodeError:
        raise RunError(f"{path} is not UTF-8: it is damaged; restore a backup") from None
    if not text.strip():
        raise RunError(f"{path} is empty: restore a backup")
    return text


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise RunError(
            f"{path}, line {error.lineno}, column {error.colno}: invalid JSON ({error.msg});"
            " restore a backup"
        ) from None
    except (ValueError, RecursionError):
        raise RunError(f"{path} is not JSON that Recurra wrote; restore a backup") from None
    if not isinstance(value, dict):
        raise RunError(f"{path} is not a JSON object; restore a backup")
    return value
