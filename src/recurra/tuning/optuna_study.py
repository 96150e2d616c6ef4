"""Optuna's samplers and pruners, asked about a study in memory.

The study holds just the history of one trial, so that an answer is the same whoever asks, when,
and after whatever kill.
"""

from collections.abc import Mapping

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from recurra.tuning.history import History
from recurra.tuning.space import Range, Space, Values
from recurra.tuning.trials import DIVERGED, DONE, FAILED, PRUNED, RUNNING, SKIPPED, State, Trial

FINAL_STATES: Mapping[State, TrialState] = {
    DONE: TrialState.COMPLETE,
    PRUNED: TrialState.PRUNED,
    DIVERGED: TrialState.PRUNED,
    SKIPPED: TrialState.FAIL,
    FAILED: TrialState.FAIL,
}


def study_in_memory(
    history: History,
    *,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
) -> optuna.Study:
    """A study of Optuna's whose next trial is the one that looks back."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        study_name=history.key,  # Hyperband draws a trial's bracket from it
        direction="minimize",
        sampler=sampler or RandomSampler(0),
        pruner=pruner or optuna.pruners.NopPruner(),
    )
    known = distributions(history.space)
    for trial in history.trials:
        study.add_trial(_frozen(trial, known))
    return study


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space in Optuna's terms, in its order."""
    return {name: _distribution(parameter) for name, parameter in space.parameters.items()}


def _distribution(parameter: Values | Range) -> BaseDistribution:
    if isinstance(parameter, Values):
        return CategoricalDistribution(parameter.values)
    low, high, step = parameter.low, parameter.high, parameter.step
    if step is not None and parameter.grid is not None:
        high = parameter.grid[-1]  # type: ignore[assignment]
    if parameter.whole:
        return IntDistribution(int(low), int(high), parameter.log, int(step or 1))
    return FloatDistribution(float(low), float(high), parameter.log, step)


def _frozen(trial: Trial, known: Mapping[str, BaseDistribution]) -> FrozenTrial:
    setting = trial.setting or {}
    kinds = {name: known[name] for name in setting}
    if trial.state == RUNNING:
        return create_trial(state=TrialState.RUNNING, params=dict(setting), distributions=kinds)
    return create_trial(
        state=FINAL_STATES[trial.state],
        value=trial.loss if trial.state == DONE else None,
        # Optuna takes a pruned trial that has come to no rung for the worst of all.
        intermediate_values={} if trial.state == DIVERGED else dict(trial.rungs),
        system_attrs=dict(trial.notes),
        params=dict(setting),
        distributions=kinds,
    )
