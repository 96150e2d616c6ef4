"""A search as a display shows it: its trials, folded into what is worth showing now."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from recurra.tuning.cost import fraction_done
from recurra.tuning.study_spec import StudySpec
from recurra.tuning.trials import RUNNING, State, Trial, rank


@dataclass
class LiveSearch:
    """The trials that have ended, the best, and the time that the rest takes.

    Attributes:
        spec: of the study.
        trials: as they stand.
        seconds: since the first look.
    """

    spec: StudySpec
    trials: Sequence[Trial] = ()
    seconds: float = 0.0
    _ended: frozenset[tuple[int, State]] | None = field(default=None, repr=False)
    _begun_at: float = field(default=0.0, repr=False)

    def take(self, trials: Sequence[Trial], seconds: float) -> list[Trial]:
        """Take in all trials.

        Args:
            trials: as they stand.
            seconds: on a clock that never goes back, since this search is looked at.

        Returns:
            Those that have ended since the look before; at the first look, none.
        """
        ended = frozenset((trial.number, trial.state) for trial in trials if trial.finished)
        if self._ended is None:
            self._ended, self._begun_at = ended, fraction_done(self.spec, trials)
        news = sorted(ended - self._ended)
        self.trials, self.seconds, self._ended = trials, seconds, self._ended | ended
        return [trials[number] for number, _ in news]

    @property
    def counts(self) -> dict[State, int]:
        """How many trials are in each state that one is in."""
        return dict(sorted(Counter(trial.state for trial in self.trials).items()))

    @property
    def best_loss(self) -> float | None:
        """The lowest held-out loss of a whole training, nats per character."""
        return min((t.loss for t in self.trials if t.loss is not None), default=None)

    @property
    def seconds_left(self) -> float | None:
        """An upper bound at the pace so far; None before there is one."""
        fraction = fraction_done(self.spec, self.trials)
        gained = fraction - self._begun_at
        return self.seconds * (1.0 - fraction) / gained if gained > 0.0 else None

    def leaders(self, rows: int) -> list[Trial]:
        """Trials for so many rows: at most half of them those that run, then the best."""
        running = [trial for trial in self.trials if trial.state == RUNNING][: rows // 2]
        begun = [t for t in self.trials if t.rungs or t.loss is not None]
        best = sorted(begun, key=rank)[: rows - len(running)]
        return [*running, *(trial for trial in best if trial not in running)]
