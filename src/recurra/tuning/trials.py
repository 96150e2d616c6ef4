"""What is known of a trial, as plain data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from recurra.tuning.space import Setting

WAITING = "waiting"  # not begun, or paused: at a rung, or with its process
RUNNING = "running"
DONE = "done"  # trained in full, or to the end that its stop rules set
PRUNED = "pruned"
DIVERGED = "diverged"
SKIPPED = "skipped"  # refused before it began: too large for the memory, say
FAILED = "failed"  # its process died again and again

FINALIST = "finalist"  # the reason of a pruned trial that goes on to the end

OVER = (DONE, PRUNED, DIVERGED, SKIPPED, FAILED)


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
        result: the figures of its training (see `training.records.Finished`) once that has ended,
            and its "sample" near the lowest smoothed loss.
        begun, ended: when.
        deaths: how often its process died in a row without a new checkpoint, and a mark of the
            checkpoint of then.
        notes: what Optuna's pruner keeps with it.
        settled: whether its verdict is final: a pruned one may still become a finalist.
    """

    number: int
    state: str = WAITING
    setting: Setting | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)
    loss: float | None = None
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    begun: datetime | None = None
    ended: datetime | None = None
    deaths: tuple[int, int] = (0, 0)
    notes: Mapping[str, float] = field(default_factory=dict)
    settled: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.state in OVER

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
        return max(int(self.result.get("characters", 0)), self.reached)

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
