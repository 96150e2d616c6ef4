"""When training ends: budgets, the classic stop rules, patience and divergence."""

import math
import time
from dataclasses import dataclass
from typing import Literal

from recurra.training.recipe import Recipe

Reason = Literal[
    "steps",
    "epochs",
    "minutes",
    "stop_no_minimum",
    "stop_same_integer",
    "patience",
    "diverged",
    "interrupted",
]
DIVERGED: Literal["diverged"] = "diverged"
INTERRUPTED: Literal["interrupted"] = "interrupted"
REASONS: dict[Reason, str] = {
    "steps": "the budget of steps is used up",
    "epochs": "the budget of epochs is used up",
    "minutes": "the budget of minutes is used up",
    "stop_no_minimum": "the smoothed loss has set no new minimum for long",
    "stop_same_integer": "the integer part of the smoothed loss has not fallen for long",
    "patience": "the held-out loss has not fallen for long",
    INTERRUPTED: "training was asked to stop",
}
# Seconds in which a sample or an evaluation may come to its end after a stop was requested.
GRACE = 0.5


class StopRequested(Exception):  # noqa: N818 (not an error)
    """A stop was requested, and what is under way takes too long to wait for its end."""


class StopRequest:
    """The wish to end a training early, of a signal or of another thread."""

    def __init__(self) -> None:
        self._requested_at = math.inf

    def set(self) -> None:
        """End after the present step."""
        self._requested_at = min(self._requested_at, time.monotonic())

    @property
    def requested(self) -> bool:
        """Whether the training is to end."""
        return self._requested_at < math.inf

    def check(self) -> None:
        """Cut short what only looks: to be called again and again on its way.

        Raises:
            StopRequested: it takes too long to wait for its end.
        """
        if time.monotonic() > self._requested_at + GRACE:
            raise StopRequested


@dataclass
class Watch:
    """The losses of a run, as far as its end depends on them; part of every checkpoint.

    The smoothed loss is that of a sequence of ``seq_len`` characters, summed, and starts from
    guessing: ``seq_len * ln V``. It can be compared only between runs of one ``seq_len``.

    Attributes:
        smooth: the smoothed loss.
        step: training steps done.
        minimum, minimum_step: lowest smoothed loss, and when.
        integer_step: when the integer part of ``minimum`` last fell.
        best, best_step: lowest held-out loss per character, and when.
        without_best: evaluations since then.
        evaluated_step: when the held-out loss was last looked at.
    """

    smooth: float
    minimum: float
    step: int = 0
    minimum_step: int = 0
    integer_step: int = 0
    best: float = math.inf
    best_step: int = 0
    without_best: int = 0
    evaluated_step: int = 0

    @classmethod
    def begin(cls, recipe: Recipe, vocabulary: int) -> "Watch":
        """Before the first step, with a model that guesses among so many characters."""
        guess = recipe.seq_len * math.log(vocabulary)
        return cls(smooth=guess, minimum=guess)

    def train(self, loss: float, smoothing: float) -> None:
        """Take in the loss of one more step, summed over one sequence."""
        self.step += 1
        self.smooth = smoothing * self.smooth + (1.0 - smoothing) * loss
        if self.smooth < self.minimum:
            if math.floor(self.smooth) < math.floor(self.minimum):
                self.integer_step = self.step
            self.minimum, self.minimum_step = self.smooth, self.step

    def evaluate(self, nats_per_char: float) -> bool:
        """Take in a held-out loss; whether it is the lowest so far."""
        self.evaluated_step = self.step
        self.without_best += 1
        if nats_per_char < self.best:
            self.best, self.best_step, self.without_best = nats_per_char, self.step, 0
        return self.without_best == 0

    def diverged(self, recipe: Recipe, vocabulary: int) -> bool:
        """Whether the smoothed loss is no number, or far above that of guessing."""
        # The guess among two keeps a vocabulary of one character, whose loss is 0, from diverging.
        guess = recipe.seq_len * math.log(max(vocabulary, 2))
        return not self.smooth <= recipe.divergence * guess

    def reason(self, recipe: Recipe) -> Reason | None:
        """The first of the recipe's stop rules that holds, by the name of its field."""
        waits: dict[Reason, int] = {
            "stop_no_minimum": self.step - self.minimum_step,
            "stop_same_integer": self.step - self.integer_step,
            "patience": self.without_best,
        }
        for name, wait in waits.items():
            limit = getattr(recipe, name)
            if limit is not None and wait >= limit:
                return name
        return None


def budget_used(
    recipe: Recipe, step: int, steps_per_epoch: int, seconds: float
) -> tuple[Reason, float] | None:
    """The budget that will be used up first, and its used part: 1 or more is the end.

    Args:
        recipe: its ``steps``, ``epochs`` and ``minutes``; none of them: None.
        step: steps done.
        steps_per_epoch: steps once through the text.
        seconds: how long the training has gone on, all told.
    """
    used: dict[Reason, float] = {}
    if recipe.steps is not None:
        used["steps"] = step / recipe.steps
    if recipe.epochs is not None:
        used["epochs"] = step / math.ceil(recipe.epochs * steps_per_epoch)
    if recipe.minutes is not None:
        used["minutes"] = seconds / (60.0 * recipe.minutes)
    return max(used.items(), key=lambda item: item[1], default=None)
