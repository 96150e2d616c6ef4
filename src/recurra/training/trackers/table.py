"""The curves of a training as a table: ``curves.csv`` in its run folder."""

import csv
from dataclasses import asdict
from pathlib import Path

from recurra.storage.files import cannot_write
from recurra.storage.runs import Run
from recurra.training.records import Evaluation, Progress, Record, read_records
from recurra.training.trackers.base import Tracker

FILE = "curves.csv"
_COLUMNS = {  # of the table -> fields of a record
    Progress: {
        "step": "step",
        "characters": "characters",
        "seconds": "seconds",
        "train_nats_per_char": "smooth_nats_per_char",
        "step_nats_per_char": "nats_per_char",
        "rate": "rate",
        "chars_per_second": "chars_per_second",
        "gradient_norm": "gradient_norm",
    },
    Evaluation: {
        "step": "step",
        "characters": "characters",
        "seconds": "seconds",
        "held_out_nats_per_char": "nats_per_char",
        "held_out_bits_per_char": "bits_per_char",
    },
}


class CurveTable(Tracker):
    """Writes a row for each record of a loss; those that a run has already come first.

    Args:
        run: the run folder, opened.
        characters_per_step: see `read_records`.

    Raises:
        RunError: the file cannot be written.
    """

    def __init__(self, run: Run, characters_per_step: int) -> None:
        self.path = Path(run.folder) / FILE
        names = dict.fromkeys(name for columns in _COLUMNS.values() for name in columns)
        try:
            # it stays open as long as the tracker
            self._file = open(  # noqa: SIM115
                self.path, "w", encoding="utf-8", newline="", buffering=1
            )
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self._writer = csv.DictWriter(self._file, names, lineterminator="\n")
        self._writer.writeheader()
        for record in read_records(run, characters_per_step):
            self(record)

    def __call__(self, record: Record) -> None:
        """Write a row, if the record has a loss."""
        if isinstance(record, Progress | Evaluation):
            values = asdict(record)
            columns = _COLUMNS[type(record)]
            try:
                self._writer.writerow({name: values[field] for name, field in columns.items()})
            except OSError as error:
                raise cannot_write(self.path, error) from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()
