"""The past of a trial: all that its setting and its end may depend on."""

from collections.abc import Sequence
from dataclasses import dataclass

from recurra.tuning.space import Space
from recurra.tuning.trials import RUNNING, Trial


@dataclass(frozen=True)
class History:
    """The earlier trials of a study as one trial sees them.

    The results of the most recent ones are hidden, as many as may be in flight at a time. So a
    trial sees the same whoever was faster, and after whatever kill.

    Attributes:
        key: of the study.
        seed: of the search.
        space: what is searched.
        length: characters of a training in full.
        number: of the trial that looks back.
        trials: those before it, by number; of a recent one only that it runs, and its setting.
    """

    key: str
    seed: int
    space: Space
    length: int
    number: int
    trials: tuple[Trial, ...]


def visible_trials(trials: Sequence[Trial], number: int, max_in_flight: int) -> tuple[Trial, ...]:
    """The trials before `number`, without the results of those that may still be in flight."""
    return tuple(
        trial
        if trial.number <= number - max_in_flight
        else Trial(trial.number, RUNNING, trial.setting)
        for trial in trials[:number]
    )
