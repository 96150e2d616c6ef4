"""The next actions of a search, as a function of where its trials stand; nothing is done here.

Two orders. With a synchronous pruner every trial goes to a rung before the best are promoted to
the next. In the other order a trial goes its way at once, and ends at a rung if its pruner says
so; if it depends on others, it starts as soon as all of 0 ... n - max_in_flight have finished,
which makes its past the same in every repetition. Last, the finalists: the best of all, of which
a pruned one goes on from where it was.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recurra.tuning.pruners.base import SynchronousPruner
from recurra.tuning.space import SettingValue
from recurra.tuning.study_spec import StudySpec
from recurra.tuning.trials import DIVERGED, DONE, FAILED, PRUNED, SKIPPED, Trial, rank


@dataclass(frozen=True)
class Job:
    """A trial that may be trained now, to a rung; None: to its end."""

    number: int
    until: int | None = None


@dataclass(frozen=True)
class Actions:
    """The next actions of a search.

    Attributes:
        jobs: in the order in which they are to be started; some may be running already.
        prune: trial -> the rung at which it was not among the best.
        promote: pruned trials that go on as finalists.
        finalise: pruned trials that can be no finalists; nobody needs their checkpoints.
        finished: nothing more is to come.
    """

    jobs: tuple[Job, ...] = ()
    prune: tuple[tuple[int, int], ...] = ()
    promote: tuple[int, ...] = ()
    finalise: tuple[int, ...] = ()
    finished: bool = False


def next_actions(spec: StudySpec, trials: Sequence[Trial]) -> Actions:
    """Return the next actions.

    Args:
        spec: of the study.
        trials: all of them, also those that nobody has started.
    """
    if isinstance(spec.pruner, SynchronousPruner):
        actions = _synchronous(spec, spec.pruner, trials)
    else:
        actions = _asynchronous(spec, trials)
    if actions.jobs or actions.prune or actions.finalise:
        return actions
    return _finalists(spec, trials)


def _asynchronous(spec: StudySpec, trials: Sequence[Trial]) -> Actions:
    jobs: list[Job] = []
    for trial in trials:
        oldest = trial.number - spec.max_in_flight
        if spec.uses_history and oldest >= 0 and not trials[oldest].finished:
            break
        if not trial.finished:
            jobs.append(Job(trial.number))
    done = sum(trial.state == DONE for trial in trials)
    return Actions(tuple(jobs), finalise=_not_final(trials) if done >= spec.finalists else ())


def _synchronous(spec: StudySpec, pruner: SynchronousPruner, trials: Sequence[Trial]) -> Actions:
    """From the first rung on: a trial that has reached a rung keeps its place there."""
    left = [trial for trial in trials if trial.state not in (DIVERGED, SKIPPED, FAILED)]
    finalise: list[int] = []
    for rung in pruner.rungs:
        missing = [t for t in left if rung not in t.rungs and t.state != DONE]
        groups = _groups(spec, left)
        unknown = len(groups.pop(None, ()))  # of which each may still come into any group
        promoted: list[Trial] = []
        beaten: list[Trial] = []
        places = 0
        for group in groups.values():
            # A training that its patience ended has its last loss at all further rungs.
            there = [t for t in group if rung in t.rungs or t.state == DONE]
            order = sorted(there, key=lambda t: (t.rungs.get(rung, t.loss), t.number))
            # Behind so many better ones a trial is beaten, whatever the others will come to.
            best = pruner.promoted(len(group) + unknown)
            promoted += order[:best]
            beaten += order[best:]
            places += best
        prune = [trial for trial in beaten if not (trial.finished or trial.finalist)]
        if places >= spec.finalists:
            finalise += _not_final(beaten)
        if missing or prune:
            return Actions(
                tuple(Job(trial.number, rung) for trial in missing),
                prune=tuple((trial.number, rung) for trial in prune),
                finalise=tuple(finalise),
            )
        left = promoted
    jobs = tuple(Job(trial.number) for trial in left if not trial.finished)
    return Actions(jobs, finalise=tuple(finalise))


def _groups(spec: StudySpec, trials: Sequence[Trial]) -> dict[SettingValue | None, list[Trial]]:
    """Trials by the value that they are compared within; None where that is not known yet."""
    name, groups = spec.pruner.within, defaultdict[SettingValue | None, list[Trial]](list)
    for trial in trials:
        setting = trial.setting
        if setting is None and spec.sampler.exhaustive:
            setting = spec.space.point(trial.number)
        groups["" if name is None else None if setting is None else setting[name]].append(trial)
    return groups


def _finalists(spec: StudySpec, trials: Sequence[Trial]) -> Actions:
    running = tuple(Job(t.number) for t in trials if not t.finished)  # finalists by now
    ranked = sorted((t for t in trials if t.state in (DONE, PRUNED) or t.finalist), key=rank)
    promote = _not_final(ranked[: spec.finalists])
    if running or promote:
        return Actions(running, promote=promote)
    finalise = _not_final(trials)
    return Actions(finalise=finalise, finished=not finalise)


def _not_final(trials: Iterable[Trial]) -> tuple[int, ...]:
    """Pruned trials that may still be promoted."""
    return tuple(trial.number for trial in trials if trial.state == PRUNED and not trial.final)
