"""The run folder: all that a training run is, was and needs in order to go on.

    config.json        what was asked for (recipe, sizes, texts, seed), with the format number
    equations.eq       the network
    vocabulary.json    {"characters": "..."}: the characters in the order of their numbers
    metrics.jsonl      one JSON record a line, each with its "step"
    last.safetensors   everything a resume needs
    best.safetensors   the weights with the lowest held-out loss so far
    extensions.json    budgets that replaced the first one, if any did
    standard-input.txt the text, where it came through a pipe
    clock.json         wall-clock figures; with metrics.jsonl the only place for them

The first three are written once, when the run is created, and never change: every checkpoint
carries their checksum, its seal, and is refused beside any others.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from recurra.errors import RunError
from recurra.storage.checkpoints import FORMAT, Arrays, encode_checkpoint, read_checkpoint
from recurra.storage.files import (
    MAX_DEFINITION,
    cannot_read,
    cannot_write,
    canonical_json,
    finite,
    read_limited,
    read_object,
    read_text,
    readable_json,
    safe_name,
    whole_lines,
    write_synced,
)
from recurra.storage.folder import Folder
from recurra.storage.locks import holder, lock_file, signed

Name = Literal["last", "best"]
METRICS, CLOCK, EXTENSIONS = "metrics.jsonl", "clock.json", "extensions.json"
KEPT_TEXT = "standard-input.txt"
OWNER = "A run is a folder that `recurra train` made"
MODEL = "model.safetensors"  # the best checkpoint in a folder for the Hugging Face Hub
MAX_LINE = 64 * 2**20  # bytes of one record, which may hold a sample
LONGEST = 10**12  # seconds, or characters, that a clock can have counted


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
    _files: Folder = field(repr=False, compare=False)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        config: Mapping[str, Any],
        equations: str,
        vocabulary: str,
        text: str | None = None,
    ) -> Self:
        """Make a new run folder (its parents too) and open it; all of it appears at once.

        A text that cannot be read again is kept in it.

        Raises:
            RunError: the folder is there already and not empty, or cannot be written; then
                nothing is left behind.
        """
        folder = Path(folder).resolve()
        contents = {
            "config.json": readable_json({"format": FORMAT, **config}),
            "equations.eq": equations.encode(),
            "vocabulary.json": readable_json({"characters": vocabulary}),
        }
        if text is not None:
            contents[KEPT_TEXT] = text.encode("utf-8", "replace")
        temporary = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.tmp"
        try:
            temporary.mkdir(parents=True)
            for name, content in contents.items():
                write_synced(temporary / name, content)
            # Where two processes want one name, the second meets a folder that is not empty.
            temporary.rename(folder)
            with (parent := Folder(folder.parent)).held():
                parent.sync()
        except OSError as error:
            taken = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EBUSY}
            if error.errno in taken and folder.exists():
                raise RunError(
                    f"{folder} exists and is not an empty, free folder: choose another name, or"
                    " resume the run if it is one"
                ) from None
            raise cannot_write(folder, error) from None
        finally:
            with contextlib.suppress(OSError):  # rmtree raises what closing raises, all the same
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
        text: str | None = None,
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
                    return cls.create(folder, config, equations, vocabulary, text)
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
        try:
            files = Folder(folder)
        except OSError as error:
            raise cannot_read(folder, error, OWNER) from None
        config = read_object(folder / "config.json", OWNER)
        version = config.pop("format", None)
        if type(version) is not int or version < 1:
            raise RunError(f"{folder / 'config.json'} has no format number: not of Recurra")
        if version > FORMAT:
            raise RunError(
                f"{folder} has format {version}, from a newer Recurra; this one reads formats up"
                f" to {FORMAT}. Upgrade with: pip install --upgrade recurra"
            )
        vocabulary = read_object(folder / "vocabulary.json", OWNER).get("characters")
        if not isinstance(vocabulary, str):
            raise RunError(f'{folder / "vocabulary.json"} has no "characters": restore a backup')
        return cls(folder, config, read_text(folder / "equations.eq", OWNER), vocabulary, files)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; all that writes happens inside.

        The lock ends with the process, even if that is killed. What a killed one left behind, a
        temporary file or half a line of metrics, is removed on entry.

        Raises:
            RunError: another process (or another lock of this one) holds the run, or the folder
                cannot be written.
        """
        with self._files.held():
            with self._writing(".lock"):
                file = self._files.open_to_write(".lock")
            try:
                lock_file(file, self.folder)
                with signed(file):
                    self._files.remove_temporaries()
                    if self.has_metrics:
                        self._cut_metrics(self._whole_lines())
                    yield
            finally:
                with contextlib.suppress(OSError):  # there is nothing in it to lose
                    file.close()

    @property
    def signed(self) -> bool:
        """Whether a process trains it now, or was killed while it did."""
        try:
            return (self.folder / ".lock").stat().st_size > 0
        except OSError:
            return False

    @property
    def holder(self) -> int | None:
        """The process that trains it now; None if none does, 0 if it cannot be told which."""
        return holder(self.folder / ".lock")

    def has(self, name: Name) -> bool:
        """Whether this checkpoint has been saved."""
        return self._files.exists(self._to_load(name))

    @property
    def has_metrics(self) -> bool:
        """Whether a record has been kept."""
        return self._files.exists(METRICS)

    def save(self, name: Name, arrays: Mapping[str, np.ndarray[Any, Any]], meta: Any) -> None:
        """Save a checkpoint; see `save_checkpoint`. Metrics become durable too.

        Arrays are named "group/name": "parameter/U", "optimizer/U/accumulator", "state/a".
        """
        # A power cut must not leave a checkpoint without the records that led to it.
        with self._writing(METRICS), self._files.open_to_write(METRICS) as file:
            os.fsync(file.fileno())
        parts = encode_checkpoint(arrays, {"meta": meta, "seal": self._seal})
        with self._writing(_checkpoint(name)):
            self._files.write(_checkpoint(name), *parts)

    def load(
        self, name: Name, expected: Mapping[str, tuple[int, ...]] | None = None
    ) -> tuple[Arrays, Any]:
        """Load a checkpoint: its arrays and meta; see `load_checkpoint`.

        What `expected` names ("parameter/U": (65, 256)) is enforced.

        Raises:
            RunError: not saved yet, unreadable, not of the expected shapes, or of another run.
        """
        path = self.folder / self._to_load(name)
        if not self.has(name) and (self.folder.parent.parent / "study.json").is_file():
            raise RunError(
                f"{self.folder} is a trial that was pruned, and such a trial keeps its records "
                f"only: train its setting anew, or take the winner, with: recurra train --from "
                f"{self.folder.parent.parent}"
            )
        if not self.has(name):
            raise RunError(
                f"{self.folder} has no {path.name}: the run ended before its first save, or the"
                " file was removed. Train again or restore a backup"
            )
        arrays, sealed = read_checkpoint(path, lambda: self._files.open(path.name), expected)
        if not isinstance(sealed, dict) or sealed.get("seal") != self._seal:
            raise RunError(
                f"{path} does not belong to the config.json, equations.eq and vocabulary.json"
                " beside it: one of them was changed or comes from another run. Restore what was"
                " there, or start a new run"
            )
        return arrays, sealed["meta"]

    def _to_load(self, name: Name) -> str:
        own = _checkpoint(name)
        return MODEL if name == "best" and not self._files.exists(own) else own

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Append one flat record with an integer "step"; JSON has no NaN or infinity: None then."""
        line = json.dumps(finite(record), ensure_ascii=False, allow_nan=False) + "\n"
        with self._writing(METRICS), self._files.open_to_write(METRICS) as file:
            file.write(line.encode("utf-8", "backslashreplace"))

    def metrics(self) -> list[dict[str, Any]]:
        """All records, oldest first; half a last line (being written just now) is left out."""
        return list(self.iter_metrics())

    def iter_metrics(self) -> Iterator[dict[str, Any]]:
        """The records, one by one: there may be millions."""
        return (record for _, record in self.metrics_from(0))

    def metrics_from(self, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every whole line of the metrics from a byte on: its length in bytes and its record."""
        if not self.has_metrics:
            return
        path = self.folder / METRICS
        try:
            with self._files.open(METRICS) as file:
                file.seek(start)
                for number in itertools.count(1):
                    line = file.readline(MAX_LINE)
                    if len(line) < MAX_LINE and not line.endswith(b"\n"):
                        return
                    place = f"{path}, line {number}" + (f" after byte {start:,}" if start else "")
                    yield len(line), _record(line, place)
        except OSError as error:
            raise cannot_read(path, error, OWNER) from None

    def truncate_metrics(self, step: int, evaluated_step: int | None = None) -> None:
        """Drop everything from the first record after `step` on.

        Args:
            step: of the checkpoint to go on from.
            evaluated_step: of the last evaluation that it knows of: later ones are made again.
        """
        evaluated = step if evaluated_step is None else evaluated_step

        def known(record: Mapping[str, Any]) -> bool:
            last = evaluated if record.get("kind") == "evaluation" else step
            return bool(record["step"] <= last)

        kept = itertools.takewhile(lambda item: known(item[1]), self.metrics_from(0))
        end = sum(length for length, _ in kept)
        if self.has_metrics:
            self._cut_metrics(end)

    def write_clock(self, clock: Mapping[str, Any]) -> None:
        """Replace the wall-clock figures."""
        with self._writing(CLOCK):
            self._files.write(CLOCK, readable_json(dict(clock)))

    def write_extensions(self, extensions: list[dict[str, Any]]) -> None:
        """Replace the list of budgets that came after the first."""
        with self._writing(EXTENSIONS):
            self._files.write(EXTENSIONS, readable_json({"extensions": extensions}))

    def read_extensions(self) -> Any:
        """The list of budgets that came after the first, as it stands there.

        Raises:
            RunError: it cannot be read.
        """
        if not self._files.exists(EXTENSIONS):
            return []
        return read_object(self.folder / EXTENSIONS, OWNER).get("extensions")

    def read_clock(self) -> dict[str, float]:
        """The wall-clock figures, as far as they are there and make sense.

        They decide nothing, so that a damaged file never ends a training.
        """
        try:
            with self._files.open(CLOCK) as file:
                clock = json.loads(read_limited(file, MAX_DEFINITION))
        except (OSError, ValueError, RecursionError):
            return {}
        figures = clock.items() if isinstance(clock, dict) else ()
        return {
            name: figure
            for name, figure in figures
            if type(figure) in (int, float) and 0 <= figure <= LONGEST
        }

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise cannot_write(self.folder / name, error) from None

    @cached_property
    def _seal(self) -> str:
        definition = canonical_json([self.config, self.equations, self.vocabulary])
        return hashlib.sha256(definition.encode()).hexdigest()

    def _whole_lines(self) -> int:
        """Bytes of the metrics up to their last end of a line."""
        path = self.folder / METRICS
        try:
            with self._files.open(METRICS) as file:
                return whole_lines(file, MAX_LINE)
        except OSError as error:
            raise cannot_read(path, error, OWNER) from None

    def _cut_metrics(self, size: int) -> None:
        with self._writing(METRICS), self._files.open_to_write(METRICS) as file:
            file.truncate(size)


def _checkpoint(name: Name) -> str:
    return f"{name}.safetensors"


def _record(line: bytes, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
        if type(record["step"]) is int:
            return dict(record)
    except (ValueError, TypeError, LookupError, RecursionError):
        pass
    raise RunError(f"{place}: not a JSON record with a step. Remove the line or restore a backup")
