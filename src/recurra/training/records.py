"""Records of a training: plain frozen data, for a display, a log or a test.

`to_json` and `read_records` are the only places that know how they stand in ``metrics.jsonl``.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from recurra.errors import RunError
from recurra.storage.files import finite
from recurra.storage.runs import METRICS, Run
from recurra.storage.typed_json import read_typed
from recurra.view.numbers import loss, whole


@dataclass(frozen=True, slots=True)
class Compiling:
    """Kernels are being compiled, once, before the first step.

    Attributes:
        network: whose kernels.
        kernel: the one at work; empty before the first.
        seconds: how long it has taken so far, all of them together.
    """

    network: str
    kernel: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"compiling the kernels of {self.network} ..."


@dataclass(frozen=True, slots=True)
class Progress:
    """How training goes.

    Attributes:
        step: steps done.
        characters: characters predicted so far.
        nats_per_char: loss of this step alone.
        smooth_loss: smoothed loss of a sequence, summed over its characters.
        smooth_nats_per_char: the same per character.
        rate: learning rate of this step.
        chars_per_second: since the record before, training steps alone.
        seconds: how long the run has gone on, all told.
        fraction: used part of the budget; None without one.
        seconds_left: until the budget is used up at this pace; None if unknown.
        gradient_norm: of all gradients of this step, before they are cut to ``clip_norm``; None
            if unknown.
    """

    step: int
    characters: int
    nats_per_char: float
    smooth_loss: float
    smooth_nats_per_char: float
    rate: float
    chars_per_second: float
    seconds: float
    fraction: float | None
    seconds_left: float | None
    gradient_norm: float | None = None

    def __str__(self) -> str:
        done = "" if self.fraction is None else f" ({self.fraction:.0%})"
        return (
            f"step {self.step:,}{done}: train {loss(self.smooth_nats_per_char)} nats per "
            f"character, {whole(self.chars_per_second)} characters a second"
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The held-out loss, estimated on some of the text.

    Attributes:
        step: steps done.
        nats_per_char, bits_per_char: the loss.
        best: whether it is the lowest so far.
        characters, seconds: as in `Progress`; None in a run of version 0.1.
    """

    step: int
    nats_per_char: float
    bits_per_char: float
    best: bool
    characters: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        best = ", the lowest so far" if self.best else ""
        return f"step {self.step:,}: held-out {loss(self.nats_per_char)} nats per character{best}"


@dataclass(frozen=True, slots=True)
class Evaluating:
    """The whole held-out text is being evaluated, at the end.

    Attributes:
        step: steps done.
        characters: evaluated so far, of so many (``whole``).
    """

    step: int
    characters: int
    whole: int

    def __str__(self) -> str:
        return f"evaluated: {self.characters:,} of {self.whole:,} held-out characters"


@dataclass(frozen=True, slots=True)
class Sample:
    """A text that the model wrote after so many steps."""

    step: int
    text: str

    def __str__(self) -> str:
        return f"step {self.step:,}, written: {self.text}"


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint is on the disk."""

    step: int
    checkpoint: Literal["last", "best"]

    def __str__(self) -> str:
        return f"step {self.step:,}: saved as {self.checkpoint}"


@dataclass(frozen=True, slots=True)
class Lost:
    """A file that a resumed run had written is gone, and training goes on without it.

    Attributes:
        step: where training goes on.
        message: which file, and what is lost with it.
    """

    step: int
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Notice:
    """Something unusual about how this training begins.

    Attributes:
        step: steps done.
        message: a sentence: another budget, weights that come from another run.
    """

    step: int
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Finished:
    """The end, with the figures of the whole run.

    Attributes:
        stopped_by: the name of a budget or stop rule, "diverged" or "interrupted".
        message: the same as a sentence; after a divergence, with its likely cause and cure.
        run: the run's folder; None if nothing was kept.
        network: its name.
        parameters: how many numbers were trained.
        vocabulary: distinct characters.
        steps, characters: done in all.
        seconds: in all; chars_per_second: training steps alone.
        train_nats_per_char: smoothed training loss.
        val_nats_per_char, val_bits_per_char: of the best checkpoint, streamed over the whole
            held-out text; None if there is none, or if the run was interrupted.
        best_step: when that checkpoint was saved.
        min_smooth_loss, min_smooth_loss_step: lowest smoothed loss of a sequence, summed.
    """

    stopped_by: str
    message: str
    run: str | None
    network: str
    parameters: int
    vocabulary: int
    steps: int
    characters: int
    seconds: float
    chars_per_second: float
    train_nats_per_char: float
    val_nats_per_char: float | None
    val_bits_per_char: float | None
    best_step: int
    min_smooth_loss: float
    min_smooth_loss_step: int

    def __str__(self) -> str:
        held_out = ""
        if self.val_nats_per_char is not None:
            held_out = f", held-out {loss(self.val_nats_per_char)} nats per character"
        return f"step {self.steps:,}, the end: {self.message}{held_out}; run {self.run}"


Record = Compiling | Progress | Evaluation | Evaluating | Sample | Saved | Lost | Notice | Finished
Kept = Progress | Evaluation | Sample | Finished
"""A record that is kept in ``metrics.jsonl``."""

_KEPT: dict[str, type[Kept]] = {
    kind.__name__.lower(): kind for kind in (Progress, Evaluation, Sample, Finished)
}


def to_json(record: Kept, step: int) -> dict[str, Any]:
    """A record as a line of ``metrics.jsonl`` holds it.

    JSON has no NaN and no infinity: None stands for them.
    """
    values = {"kind": type(record).__name__.lower(), "step": step, **asdict(record)}
    return {name: finite(value) for name, value in values.items()}


def read(line: dict[str, Any], file: object) -> Kept:
    """The record of a line; what a newer Recurra adds to it is left out.

    Args:
        line: as `to_json` made it.
        file: path and line, for the message.

    Raises:
        RunError: it is no record.
    """
    cure = "remove the line or restore a backup"
    kind = line.get("kind")
    if not isinstance(kind, str) or kind not in _KEPT:
        raise RunError(f"{file}: kind has to be one of {', '.join(_KEPT)}, not {kind!r}: {cure}")
    return read_typed(_KEPT[kind], line, file, cure, lenient=True)


def read_records(run: Run, characters_per_step: int) -> Iterator[Kept]:
    """The records of a run, oldest first, one by one: there may be millions.

    Args:
        run: opened; it may be training just now.
        characters_per_step: for evaluations of version 0.1, which do not say their characters.

    Raises:
        RunError: a line is no record.
    """
    return (record for _, record in records_from(run, characters_per_step, 0, 0.0))


def records_from(
    run: Run, characters_per_step: int, start: int, seconds: float
) -> Iterator[tuple[int, Kept]]:
    """The records of a run from a byte of its metrics on, each with its length in bytes.

    Args:
        run, characters_per_step: see `read_records`.
        start: where a line begins.
        seconds: of the progress before it.

    Raises:
        RunError: a line is no record.
    """
    path = run.folder / METRICS
    for number, (length, line) in enumerate(run.metrics_from(start), 1):
        place = f"{path}, line {number}" + (f" after byte {start:,}" if start else "")
        record = read(line, place)
        if isinstance(record, Progress):
            seconds = record.seconds
        elif isinstance(record, Evaluation) and record.characters is None:
            characters = record.step * characters_per_step
            record = replace(record, characters=characters, seconds=seconds)
        yield length, record


def has_finished(run: Run, step: int) -> bool:
    """Whether the records of a run tell of its end at this step; an earlier one was extended."""
    ends = (line for line in run.iter_metrics() if line.get("kind") == "finished")
    return any(line["step"] == step for line in ends)
