"""What is trained next, and what a trial may look back on."""

import math
import random

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.tuning.pruners import PRUNERS
from recurra.tuning.samplers import SAMPLERS
from recurra.tuning.schedule import Job, next_actions
from recurra.tuning.trials import DIVERGED, DONE, FINALIST, PRUNED, RUNNING, WAITING, Trial
from studies import make_spec, replaced


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    return make_spec(tmp_path_factory.mktemp("text"), {"lr": [i / 100 for i in range(1, 19)]})


def pruned_by(asked, name, rungs=(100, 300), **more):
    return replaced(asked, pruner=PRUNERS.get(name)(rungs, **more), length=1000, finalists=1)


def simulate(asked, loss_at, chance, workers=3):
    """Obey the schedule with so many processes that take turns at random; the final trials."""
    trials = [Trial(n, setting=asked.space.point(n)) for n in range(asked.trials)]
    running, looks = {}, []
    for _ in range(10_000):
        actions = next_actions(asked, trials)
        if actions.finished:
            assert not running
            return trials, looks
        for n, rung in actions.prune:
            trials[n] = replaced(trials[n], state=PRUNED, reason=str(rung))
        for n in actions.promote:
            trials[n] = replaced(trials[n], state=WAITING, reason=FINALIST)
        for n in actions.finalise:
            trials[n] = replaced(trials[n], final=True)
        if actions.prune or actions.promote or actions.finalise:
            continue
        free = [job for job in actions.jobs if job.number not in running]
        if free and len(running) < workers:
            job = free[0]
            looks.append((job.number, [t.finished for t in trials]))
            running[job.number] = job
            trials[job.number] = replaced(trials[job.number], state=RUNNING)
            continue
        job = running.pop(chance.choice(sorted(running)))
        trial = trials[job.number]
        rungs = {r: loss_at(job.number, r) for r in asked.pruner.rungs if r <= (job.until or r)}
        ends = False
        if not trial.finalist:
            for rung in sorted(rungs):
                reached = {r: v for r, v in rungs.items() if r <= rung}
                decision = asked.decide(trials, job.number, reached)
                ends = decision.prune
                if ends:
                    rungs = reached
                    break
            trial = replaced(trial, notes=decision.notes) if rungs else trial
        trial = replaced(trial, rungs=rungs)
        if ends:
            trial = replaced(trial, state=PRUNED)
        elif job.until is not None:
            trial = replaced(trial, state=WAITING)
        else:
            trial = replaced(trial, state=DONE, loss=loss_at(job.number, asked.length), final=True)
        trials[job.number] = trial
    raise AssertionError("it never ends")


def falls(number, characters):
    return 1.0 + (number * 7 % 18) / 10 + 100.0 / characters


@pytest.mark.parametrize("name", ["none", "rounds", "top", "median", "halving", "hyperband"])
@settings(max_examples=5)
@given(seed=st.integers(0, 1000))
def test_the_result_does_not_depend_on_who_was_faster(asked, name, seed):
    rungs = () if name == "none" else (100,) if name == "top" else (100, 300)
    this = pruned_by(asked, name, rungs, **({"keep": 2} if name == "top" else {}))
    first, _ = simulate(this, falls, random.Random(0), workers=1)
    again, looks = simulate(this, falls, random.Random(seed), workers=4)
    assert again == first
    if this.uses_history:
        for number, over in looks:
            assert all(over[: max(0, number - this.max_in_flight + 1)])


def test_rounds_keep_the_best_third_at_every_rung(asked):
    this = pruned_by(asked, "rounds")
    trials, _ = simulate(this, falls, random.Random(0))
    order = sorted(range(18), key=lambda n: falls(n, 100))
    assert {t.number for t in trials if 300 in t.rungs} == set(order[:6])
    assert {t.number for t in trials if t.state == DONE} == set(order[:2])
    assert {t.reason for t in trials if t.number in order[6:]} == {"100"}


def test_rounds_within_a_parameter_compare_equals_only(tmp_path):
    space = {"hidden": [4, 8, 16], "lr": [i / 100 for i in range(1, 10)]}
    one = make_spec(tmp_path, space, pruner="rounds", rung=100, length=1000, within="hidden")
    this = replaced(one, finalists=1)
    assert this.pruner.rungs == (100, 300)

    def slow_when_large(number, characters):  # the largest are the last at every rung
        return number % 9 * 0.01 + (3.0 - number // 9) + number // 9 * 1000 / characters

    trials, _ = simulate(this, slow_when_large, random.Random(0))
    again, _ = simulate(this, slow_when_large, random.Random(1), workers=5)
    assert trials == again
    groups = [range(start, start + 9) for start in (0, 9, 18)]
    assert {t.number for t in trials if 300 in t.rungs} == {n for g in groups for n in g[:3]}
    assert {t.number for t in trials if t.state == DONE} == {g[0] for g in groups}
    alone = replaced(this, pruner=PRUNERS.get("rounds")((100, 300)))
    among_all, _ = simulate(alone, slow_when_large, random.Random(0))
    assert {t.number // 9 for t in among_all if 300 in t.rungs} == {0}
    # as the estimate has it: 9 of 27 at the second rung, 3 to the end
    assert (this.groups, this.pruner.promoted(27, 3), this.pruner.promoted(9, 3)) == (3, 9, 3)


def test_who_may_still_come_into_a_group_keeps_its_places_open(tmp_path):
    space = {"hidden": [4, 8], "lr": {"from": 0.01, "to": 0.1}}
    this = make_spec(
        tmp_path, space, pruner="rounds", rung=100, length=1000, within="hidden", trials=12,
        sampler="random", finalists=0,
    )  # fmt: skip
    trials = [Trial(n, WAITING, {"hidden": 4}, rungs={100: 1.0 + n}) for n in range(6)]
    trials += [Trial(n) for n in range(6, 12)]  # nobody knows their sizes yet
    assert {n for n, _ in next_actions(this, trials).prune} == {4, 5}
    trials[6:] = [Trial(n, WAITING, {"hidden": 8}) for n in range(6, 12)]
    assert {n for n, _ in next_actions(this, trials).prune} == {2, 3, 4, 5}


def test_top_keeps_so_many_after_one_pass(asked):
    this = pruned_by(asked, "top", (100,), keep=3)
    trials, _ = simulate(this, falls, random.Random(0))
    order = sorted(range(18), key=lambda n: falls(n, 100))
    assert {t.number for t in trials if t.state == DONE} == set(order[:3])


def test_finalists_go_on_from_where_they_were_pruned(asked):
    this = replaced(pruned_by(asked, "rounds", (100, 300), factor=9), finalists=3)
    trials, _ = simulate(this, falls, random.Random(0))
    order = sorted(range(18), key=lambda n: falls(n, 100))
    assert {t.number for t in trials if t.state == DONE} == set(order[:3])
    assert all(t.final for t in trials)


def test_a_diverged_finalist_makes_room_for_the_next(asked):
    this = replaced(pruned_by(asked, "top", (100,)), finalists=2)
    over = [Trial(n, PRUNED, {}, rungs={100: 1.0 + n}) for n in range(18)]
    over[0] = Trial(0, DIVERGED, {}, rungs={100: 1.0}, final=True)
    assert next_actions(this, over).promote == (1, 2)


def test_who_ended_by_patience_is_compared_by_the_last_loss(asked):
    this = pruned_by(asked, "rounds")
    trials = [Trial(n, WAITING, {}, rungs={100: 1.0 + n}) for n in range(18)]
    trials[17] = Trial(17, DONE, {}, loss=0.5, final=True)
    assert {number for number, _ in next_actions(this, trials).prune} == set(range(5, 17))


def test_jobs_come_in_order_and_wait_for_their_past(asked):
    this = pruned_by(asked, "median")
    trials = [Trial(n) for n in range(18)]
    assert next_actions(this, trials).jobs == tuple(map(Job, range(4)))
    trials[1] = Trial(1, DONE, {}, loss=1.0)
    assert [job.number for job in next_actions(this, trials).jobs] == [0, 2, 3]
    trials[0] = Trial(0, PRUNED, {})
    assert [job.number for job in next_actions(this, trials).jobs] == [2, 3, 4, 5]


def test_median_is_optunas_rule(asked):
    this = pruned_by(asked, "median", (100,))
    past = [
        Trial(n, DONE, asked.space.point(n), rungs={100: float(n)}, loss=float(n)) for n in range(9)
    ]
    trials = [*past, *(Trial(n, setting=asked.space.point(n)) for n in range(9, 18))]
    # trial 12 looks back on 0 ... 8, whose median is 4
    assert this.decide(trials, 12, {100: 3.9}).prune is False
    assert this.decide(trials, 12, {100: 4.1}).prune is True


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_suggestion_depends_on_seed_number_and_past_alone(asked, sampler):
    this = replaced(
        asked, sampler=SAMPLERS.get(sampler)(), trials=40, pruner=PRUNERS.get("none")(),
        space=type(asked.space)({**asked.space.parameters}),
    )  # fmt: skip
    trials = [Trial(n) for n in range(40)]
    for n in range(30):
        trials[n] = Trial(n, DONE, this.suggest(trials, n), loss=abs(n - 12.0) / 10)
    last = this.suggest(trials, 30)
    # what trial 30 must not see: results of 27, 28 and 29
    hidden = [*trials[:27], *(replaced(t, state=RUNNING, loss=None) for t in trials[27:30])]
    assert this.suggest([*hidden, *trials[30:]], 30) == last
    other = [replaced(this, seed=seed).suggest(trials, 30) for seed in range(1, 8)]
    assert any(setting != last for setting in other)


def test_tpe_searches_where_losses_are_low(tmp_path):
    this = make_spec(
        tmp_path, {"lr": {"from": 1e-4, "to": 1.0, "log": True}}, sampler="tpe", trials=60
    )
    trials = [Trial(n) for n in range(60)]
    for n in range(60):
        setting = this.suggest(trials, n)
        loss = abs(math.log10(setting["lr"]) + 2.0)
        trials[n] = Trial(n, DONE, setting, loss=loss)
    # at random the median would be 1
    assert np.median([t.loss for t in trials[20:]]) < 0.5


def test_optuna_stays_quiet(asked, caplog):
    replaced(asked, sampler=SAMPLERS.get("random")()).suggest([], 3)
    assert not caplog.records
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR


def test_who_cannot_be_among_the_best_any_more_is_out_at_once(asked):
    this = pruned_by(asked, "rounds")  # 6 of 18 go on
    trials = [Trial(n, WAITING, {}, rungs={100: 1.0 + n} if n < 8 else {}) for n in range(18)]
    actions = next_actions(this, trials)
    assert {number for number, _ in actions.prune} == {6, 7}
    assert [job.number for job in actions.jobs] == list(range(8, 18))
    trials[7] = replaced(trials[7], state=PRUNED)
    assert next_actions(this, trials).finalise == (7,)
    # with more finalists than go on, it may still be one of them
    assert next_actions(replaced(this, finalists=7), trials).finalise == ()
