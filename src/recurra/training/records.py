"""What training tells on its way: plain frozen data, for a display, a log or a test."""

from dataclasses import dataclass


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Evaluation:
    """The held-out loss, estimated on some of the text; ``best``: lowest so far."""

    step: int
    nats_per_char: float
    bits_per_char: float
    best: bool


@dataclass(frozen=True)
class Sample:
    """A text that the model wrote after so many steps."""

    step: int
    text: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint is on the disk: ``"last"`` or ``"best"``."""

    step: int
    checkpoint: str


@dataclass(frozen=True)
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


Record = Compiling | Progress | Evaluation | Sample | Saved | Finished
