"""How fast a training goes here, measured for about a second, and how long it will take."""

import time
from dataclasses import dataclass

from recurra.training.records import Finished
from recurra.training.trainer import Trainer


@dataclass(frozen=True)
class Speed:
    """Seconds that a character takes.

    Attributes:
        training: of one that is trained on; 0 if there was none.
        evaluation: of one of held-out text; 0 if there is none.
    """

    training: float
    evaluation: float


def training_speed(trainer: Trainer) -> float:
    """Train for about a second: characters a second; 0 if it diverged, or there was nothing to.

    Args:
        trainer: has not begun; it is of no other use any more.
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
    return speed


def measure_speed(trainer: Trainer) -> Speed:
    """Train for about a second, and read some held-out text.

    Args:
        trainer: has not begun; it is of no other use any more.
    """
    speed = training_speed(trainer)
    if not trainer.held_out:
        return Speed(1.0 / speed if speed else 0.0, 0.0)
    trainer.held_out_loss()  # the first time may compile
    begun = time.perf_counter()
    read = trainer.held_out_loss().characters
    return Speed(1.0 / speed if speed else 0.0, (time.perf_counter() - begun) / read)


@dataclass(frozen=True)
class TimeEstimate:
    """Time of a training, estimated.

    Attributes:
        chars_per_second: in training; None where it was not measured, or there was nothing to.
        seconds: in all; None where only a stop rule ends it.
    """

    chars_per_second: float | None
    seconds: float | None


def estimate_time(trainer: Trainer) -> TimeEstimate:
    """Estimate how long a training takes: by its budget of minutes, or measured in a second.

    Args:
        trainer: has not begun; it is of no other use any more.
    """
    recipe = trainer.recipe
    if recipe.minutes is not None:
        return TimeEstimate(None, 60.0 * recipe.minutes)
    speed = measure_speed(trainer)
    seconds = None
    if steps := trainer.steps_of_budget:
        held_out = sum(map(len, trainer.held_out))
        looks = 1 + steps // recipe.evaluate_every
        read = looks * min(recipe.evaluate_characters, held_out) + held_out
        seconds = steps * recipe.batch * recipe.seq_len * speed.training + read * speed.evaluation
    return TimeEstimate(1.0 / speed.training if speed.training else None, seconds)
