"""What is to be done next, as a function of where the trials stand; nothing is done here.

Two orders. Where all wait for one another ("rounds", "top") every trial goes to a rung before the
best go on to the next. In the other order a trial goes its way at once, and ends it at a rung if
its pruner says so; if it looks back on others, it begins as soon as all of 0 ... n - ahead are
over, which keeps up to `ahead` processes busy and makes its past the same in every repetition.
Last, the finalists: the best of all, of which a pruned one goes on from where it was.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from recurra.tuning.pruning import WAITS
from recurra.tuning.space import Value
from recurra.tuning.spec import Protocol
from recurra.tuning.trials import DIVERGED, DONE, FAILED, PRUNED, SKIPPED, Trial, rank


@dataclass(frozen=True)
class Job:
    """A trial that may be trained now, to a rung; None: to its end."""

    number: int
    until: int | None = None


@dataclass(frozen=True)
class Moves:
    """What is to be done now.

    Attributes:
        jobs: in the order in which they are to be begun; some may be under way already.
        prune: trial -> the rung at which it was not among the best.
        revive: pruned finalists, which are to go on.
        settle: pruned trials of which no finalist can come; nobody needs their checkpoints.
        over: nothing more is to come.
    """

    jobs: tuple[Job, ...] = ()
    prune: tuple[tuple[int, int], ...] = ()
    revive: tuple[int, ...] = ()
    settle: tuple[int, ...] = ()
    over: bool = False


def next_moves(protocol: Protocol, trials: Sequence[Trial]) -> Moves:
    """What is to be done now.

    Args:
        protocol: what the study was asked for.
        trials: all of them, also those that nobody has begun.
    """
    waits = protocol.pruner.name in WAITS
    moves = _rounds(protocol, trials) if waits else _stream(protocol, trials)
    return moves if moves.jobs or moves.prune or moves.settle else _finals(protocol, trials)


def _stream(protocol: Protocol, trials: Sequence[Trial]) -> Moves:
    jobs: list[Job] = []
    for trial in trials:
        if protocol.looks_back and trial.number >= protocol.ahead:
            newest = trials[trial.number - protocol.ahead]
            if not newest.over:
                break
        if not trial.over:
            jobs.append(Job(trial.number))
    enough = sum(trial.state == DONE for trial in trials) >= protocol.finalists
    return Moves(tuple(jobs), settle=_unsettled(trials) if enough else ())


def _rounds(protocol: Protocol, trials: Sequence[Trial]) -> Moves:
    """The rounds from the first on: who has reached a rung stays where he stood then."""
    pruner = protocol.pruner
    left = [trial for trial in trials if trial.state not in (DIVERGED, SKIPPED, FAILED)]
    settle: tuple[int, ...] = ()
    for rung in pruner.rungs:
        missing = [t for t in left if rung not in t.rungs and t.state != DONE]
        groups = _groups(protocol, left)
        unknown = len(groups.pop(None, ()))  # of which each may still come into any group
        kept: list[Trial] = []
        beyond: list[Trial] = []
        places = 0
        for group in groups.values():
            # A training that its patience ended has its last loss at all further rungs.
            there = [t for t in group if rung in t.rungs or t.state == DONE]
            order = sorted(there, key=lambda t: (t.rungs.get(rung, t.loss), t.number))
            # Who has so many better ones before him is out, whatever the others will come to.
            best = pruner.kept(len(group) + unknown)
            kept, beyond, places = kept + order[:best], beyond + order[best:], places + best
        out = [trial for trial in beyond if not (trial.over or trial.finalist)]
        if places >= protocol.finalists:
            settle += tuple(t.number for t in beyond if t.state == PRUNED and not t.settled)
        if missing or out:
            return Moves(
                tuple(Job(trial.number, rung) for trial in missing),
                prune=tuple((trial.number, rung) for trial in out),
                settle=settle,
            )
        left = kept
    return Moves(tuple(Job(trial.number) for trial in left if not trial.over), settle=settle)


def _groups(protocol: Protocol, trials: Sequence[Trial]) -> dict[Value | None, list[Trial]]:
    """Trials by what they are judged within; None where that is not known yet."""
    name, groups = protocol.pruner.within, defaultdict[Value | None, list[Trial]](list)
    for trial in trials:
        setting = trial.setting
        if setting is None and protocol.sampler == "grid":
            setting = protocol.space.point(trial.number)
        groups["" if name is None else None if setting is None else setting[name]].append(trial)
    return groups


def _finals(protocol: Protocol, trials: Sequence[Trial]) -> Moves:
    running = [t for t in trials if not t.over]  # finalists that were revived
    ranked = sorted((t for t in trials if t.state in (DONE, PRUNED) or t.finalist), key=rank)
    revive = [t for t in ranked[: protocol.finalists] if t.state == PRUNED and not t.settled]
    if running or revive:
        return Moves(
            tuple(Job(trial.number) for trial in running), revive=tuple(t.number for t in revive)
        )
    settle = _unsettled(trials)
    return Moves(settle=settle, over=not settle)


def _unsettled(trials: Sequence[Trial]) -> tuple[int, ...]:
    return tuple(trial.number for trial in trials if trial.state == PRUNED and not trial.settled)
