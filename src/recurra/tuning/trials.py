"""A trial as plain data: its setting, its state and its losses."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from recurra.tuning.space import Setting

State = Literal["waiting", "running", "done", "pruned", "diverged", "skipped", "failed"]

WAITING: Final = "waiting"  # not begun, or paused: at a rung, or with its process
RUNNING: Final = "running"
DONE: Final = "done"  # trained in full, or to the end that its stop rules set
PRUNED: Final = "pruned"
DIVERGED: Final = "diverged"
SKIPPED: Final = "skipped"  # refused before it began: too large for the memory, say
FAILED: Final = "failed"  # its process crashed again and again

FINISHED: Final = (DONE, PRUNED, DIVERGED, SKIPPED, FAILED)

FINALIST: Final = "finalist"  # the reason of a pruned trial that was promoted to the end


@dataclass(frozen=True)
class Figures:
    """The figures of a trial's training, as `recurra.training.records.Finished` has them.

    Attributes:
        sample: the text that it wrote near its lowest smoothed loss.
    """

    parameters: int | None = None
    steps: int | None = None
    characters: int | None = None
    seconds: float | None = None
    chars_per_second: float | None = None
    min_smooth_loss: float | None = None
    min_smooth_loss_step: int | None = None
    sample: str | None = None


@dataclass(frozen=True)
class Trial:
    """A trial, as far as it has come.

    Attributes:
        number: its place in the study, from 0.
        state: one of the words above.
        setting: its values; None until it is suggested.
        rungs: characters -> held-out loss there, nats per character.
        loss: held-out loss of its best checkpoint over the whole held-out text, once it is done.
        reason: why it was pruned, skipped or failed, as a sentence.
        result: the figures of its training, once that has ended.
        begun, ended: when.
        crashes: how often its process died in a row without a new checkpoint, and the time stamp
            of the checkpoint of then.
        notes: numbers that the pruner keeps with it.
        final: whether its state stays: a pruned one may still be promoted to a finalist.
    """

    number: int
    state: State = WAITING
    setting: Setting | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)
    loss: float | None = None
    reason: str = ""
    result: Figures = Figures()
    begun: datetime | None = None
    ended: datetime | None = None
    crashes: tuple[int, int] = (0, 0)
    notes: Mapping[str, float] = field(default_factory=dict)
    final: bool = False

    @property
    def finished(self) -> bool:
        """Whether nothing more is to come, unless it is promoted."""
        return self.state in FINISHED

    @property
    def finalist(self) -> bool:
        """Whether it goes on to the end, come what may."""
        return self.reason == FINALIST

    @property
    def reached(self) -> int:
        """The last rung, in characters; 0 before the first."""
        return max(self.rungs, default=0)

    @property
    def characters(self) -> int:
        """Characters trained on, as far as is known."""
        return max(self.result.characters or 0, self.reached)

    @property
    def best_known(self) -> float | None:
        """Its loss, or that of its last rung."""
        return self.loss if self.loss is not None else self.rungs.get(self.reached)


def rank(trial: Trial) -> tuple[bool, int, float, int]:
    """Sorts trials: those that are done, then by how far they came; then by loss."""
    loss = trial.best_known
    done = trial.state == DONE
    return (
        not done,
        0 if done else -trial.reached,
        math.inf if loss is None else loss,
        trial.number,
    )


def best(trials: list[Trial]) -> Trial | None:
    """The trial with the lowest loss among those that are done."""
    done = [trial for trial in trials if trial.loss is not None]
    return min(done, key=lambda trial: (trial.loss, trial.number), default=None)
