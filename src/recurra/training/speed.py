"""How fast a training goes here, measured for about a second."""

import time
from dataclasses import dataclass

from recurra.training.records import Finished
from recurra.training.trainer import Trainer


@dataclass(frozen=True)
class Speed:
    """Seconds that a character takes.

    Attributes:
        training: of one that is trained on; 0 if there was none.
        evaluation: of one of held-out text.
    """

    training: float
    evaluation: float


def measure_speed(trainer: Trainer) -> Speed:
    """Train for about a second, and read some held-out text.

    Args:
        trainer: without a run folder; it is of no other use any more.

    Raises:
        TextError: no text is held out.
    """
    seconds, speed, until = 0.0, 0.0, 2
    while seconds < 1.0:
        until *= 2
        begun = time.perf_counter()
        *_, finished = trainer.records(until)
        seconds = time.perf_counter() - begun
        assert isinstance(finished, Finished)
        speed = finished.chars_per_second or speed
        if trainer.watch.step < until:  # it diverged, or that was all
            break
    trainer.held_out_loss()  # the first time may compile
    begun = time.perf_counter()
    read = trainer.held_out_loss().characters
    return Speed(1.0 / speed if speed else 0.0, (time.perf_counter() - begun) / read)
