"""The setting of a trial and the verdict on it, from the trials that it may look back on.

Every question is asked of a small Optuna study in memory that holds just those trials: the results
of 0 ... n - ahead, and of the later ones below n only that they run, and with which setting. So the
answer is the same whoever asks, when, and after whatever kill; Optuna's samplers and pruners are
used as they are, with a seed of the study's and the trial's number.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import optuna
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from recurra.tuning.pruning import LOOKS_BACK
from recurra.tuning.space import Setting
from recurra.tuning.spec import Protocol
from recurra.tuning.trial_store import OPTUNA_STATES, distributions
from recurra.tuning.trials import DIVERGED, DONE, Trial


def suggest(protocol: Protocol, trials: Sequence[Trial], number: int) -> Setting:
    """The setting of a trial.

    Args:
        protocol: what the study was asked for.
        trials: all trials; only those that trial `number` may look back on matter.
        number: of the trial.
    """
    if protocol.sampler == "grid":
        return protocol.space.point(number)
    past = _past(protocol, trials if protocol.sampler == "tpe" else [], number)
    trial = past.ask(distributions(protocol.space))
    return {name: trial.params[name] for name in protocol.space.parameters}


def verdict(
    protocol: Protocol, trials: Sequence[Trial], number: int, rungs: Mapping[int, float]
) -> tuple[bool, dict[str, float]]:
    """Whether a trial is to end at the last of the rungs that it has come to.

    Returns:
        That, and what Optuna's pruner wants to be kept with the trial.
    """
    if protocol.pruner.name not in LOOKS_BACK:
        return False, {}
    past = _past(protocol, trials, number)
    setting = trials[number].setting
    assert setting is not None
    past.enqueue_trial(setting)
    trial = past.ask(distributions(protocol.space))
    ends = False
    for rung, loss in sorted(rungs.items()):
        trial.report(loss, rung)
        ends = bool(trial.should_prune())
    notes = past.get_trials(deepcopy=False)[-1].system_attrs
    return ends, {k: float(v) for k, v in notes.items() if k.startswith("completed_rung")}


def _past(protocol: Protocol, trials: Sequence[Trial], number: int) -> optuna.Study:
    """A study in memory whose next trial is this one."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        study_name=protocol.key,
        direction="minimize",
        sampler=_sampler(protocol, number),
        pruner=_pruner(protocol),
    )
    known = distributions(protocol.space)
    for trial in trials[:number]:
        study.add_trial(_frozen(trial, known, trial.number <= number - protocol.ahead))
    return study


def _frozen(
    trial: Trial, known: Mapping[str, optuna.distributions.BaseDistribution], finished: bool
) -> FrozenTrial:
    setting = trial.setting or {}
    kinds = {name: known[name] for name in setting}
    if not finished:
        return create_trial(state=TrialState.RUNNING, params=dict(setting), distributions=kinds)
    return create_trial(
        state=OPTUNA_STATES[trial.state],
        value=trial.loss if trial.state == DONE else None,
        # Optuna takes a pruned trial that has come to no rung for the worst of all.
        intermediate_values={} if trial.state == DIVERGED else dict(trial.rungs),
        system_attrs=dict(trial.notes),
        params=dict(setting),
        distributions=kinds,
    )


def _sampler(protocol: Protocol, number: int) -> BaseSampler:
    seed = int(np.random.SeedSequence([protocol.seed, number]).generate_state(1)[0])
    return TPESampler(seed=seed) if protocol.sampler == "tpe" else RandomSampler(seed=seed)


def _pruner(protocol: Protocol) -> BasePruner:
    pruner = protocol.pruner
    match pruner.name:
        case "median":
            return MedianPruner(n_startup_trials=4)
        case "halving":
            return SuccessiveHalvingPruner(
                min_resource=pruner.rungs[0], reduction_factor=pruner.factor
            )
        case "hyperband":
            return HyperbandPruner(
                min_resource=pruner.rungs[0],
                max_resource=protocol.length,
                reduction_factor=pruner.factor,
            )
    return NopPruner()
