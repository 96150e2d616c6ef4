"""The contract that every registered pruner and sampler keeps, and toys that only this file knows.

Another process learns of the toys as a user's would: by ``RECURRA_PLUGINS``, which names this file.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.errors import RunError, SettingError
from recurra.tuning.history import History, visible_trials
from recurra.tuning.pruners import PRUNERS
from recurra.tuning.pruners.base import Decision, Goal, Pruner, RungPruner, SynchronousPruner
from recurra.tuning.samplers import SAMPLERS
from recurra.tuning.samplers.base import Sampler
from recurra.tuning.space import parse_space
from recurra.tuning.study import Study
from recurra.tuning.trials import DONE, PRUNED, RUNNING, Trial
from studies import LENGTH, finished, make_spec, study, table, write_text


@PRUNERS.register
class UnluckyPruner(RungPruner):
    """Ends every trial whose number has a 3, at its second rung."""

    name = "unlucky"

    def decide(self, history, rungs):
        return Decision("3" in str(history.number) and len(rungs) > 1, {"looked": 1.0})


@SAMPLERS.register
class BackwardsSampler(Sampler):
    """Walks the grid from its end; after trial 5 always the best setting so far."""

    name = "backwards"
    uses_history = True

    def suggest(self, history, pruner):
        known = [trial for trial in history.trials if trial.loss is not None]
        if history.number > 5 and known:
            return min(known, key=lambda trial: trial.loss).setting
        return history.space.point(history.space.grid_size() - 1 - history.number)


TOYS = {"sampler": "backwards", "pruner": "unlucky", "trials": 10, "rung": 50}
GOAL = Goal(length=27_000, one_pass=5_000, trials=64)
SPACE = parse_space({"lr": [0.1, 0.01, 0.001], "hidden": {"from": 2, "to": 9}})
SETTINGS = [SPACE.point(n) for n in range(24)]


def past(number, trials=()):
    return History("0a1b2c", 3, SPACE, GOAL.length, number, tuple(trials))


def some_trials(losses):
    return [
        Trial(n, PRUNED if n % 3 else DONE, SETTINGS[n], rungs={1000: loss, 3000: loss / 2},
              loss=None if n % 3 else loss / 3, final=True)
        for n, loss in enumerate(losses)
    ]  # fmt: skip


@pytest.fixture(params=PRUNERS.names)
def pruner(request):
    return PRUNERS.get(request.param).create(GOAL)


@pytest.fixture(params=SAMPLERS.names)
def sampler(request):
    return SAMPLERS.get(request.param)()


def test_a_pruner_comes_back_from_its_file(tmp_path, pruner):
    spec = make_spec(tmp_path, pruner=pruner.name, length=GOAL.length)
    again = type(spec).from_json(json.loads(json.dumps(spec.as_json())))
    assert again == spec
    assert type(again.pruner) is type(pruner)


def test_rungs_rise_below_the_length(pruner):
    assert list(pruner.rungs) == sorted(set(pruner.rungs))
    assert all(0 < rung < GOAL.length for rung in pruner.rungs)


@settings(max_examples=10, deadline=None)
@given(losses=st.lists(st.floats(0.5, 9.0), min_size=1, max_size=20), here=st.floats(0.5, 9.0))
@pytest.mark.parametrize("name", PRUNERS.names)
def test_a_decision_depends_on_the_history_alone(name, losses, here):
    one = PRUNERS.get(name).create(GOAL)
    rungs = dict.fromkeys(one.rungs, here) or {1000: here}
    history = past(len(losses), some_trials(losses))
    decision = one.decide(history, rungs)
    assert one.decide(history, dict(reversed(rungs.items()))) == decision
    json.dumps(decision.notes)
    if not one.uses_history:
        assert one.decide(past(len(losses)), rungs) == decision


def test_who_is_promoted_is_neither_none_nor_too_many(pruner):
    if isinstance(pruner, SynchronousPruner):
        for reached in range(1, 70):
            assert 1 <= pruner.promoted(reached) <= reached
            assert pruner.promoted(reached) <= pruner.promoted(reached + 1)


def test_the_expected_share_is_a_part(pruner):
    share = pruner.expected_share(GOAL.trials, GOAL.length, 3, 1)
    assert share is None or 0.0 < share <= 1.0


def test_only_who_can_hold_rounds_within_a_parameter_takes_one(pruner):
    if pruner.groupable:
        assert type(pruner).create(GOAL, within="lr").within == "lr"
    else:
        with pytest.raises(SettingError, match="only rounds are held within"):
            type(pruner).create(GOAL, within="lr")


def test_a_sampler_suggests_a_setting_of_the_space(sampler, pruner):
    for number in (0, 5, 20):
        history = past(number, some_trials([2.0, 1.0, 3.0] * 7)[:number])
        setting = sampler.suggest(history, pruner)
        assert SPACE.contains(setting)
        assert sampler.suggest(history, pruner) == setting
        if not sampler.uses_history:
            assert sampler.suggest(past(number), pruner) == setting


SMALL = {"lr": [0.1, 0.01], "hidden": {"from": 2, "to": 8, "step": 2}}


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_no_setting_is_tried_twice_while_there_are_others(tmp_path, name):
    spec = make_spec(tmp_path, SMALL, sampler=name, trials=9)
    trials = []
    for number in range(9):
        setting = spec.suggest(trials, number)
        trials.append(Trial(number, DONE, setting, loss=1.0 + number % 5))
    tried = [trial.setting for trial in trials]
    small = parse_space(SMALL)
    assert all(tried.count(small.point(place)) >= 1 for place in range(8))
    assert tried[8] in tried[:8]
    assert SAMPLERS.get(name)().default_trials(small) == 8


def test_points_of_a_grid_do_not_bound_a_search_at_random():
    space = parse_space({"lr": {"from": 1e-3, "to": 1e-1, "log": True, "points": 2}})
    assert (space.size, space.settings) == (2, None)
    assert SAMPLERS.get("random")().default_trials(space) == 64


def test_an_exhaustive_sampler_walks_the_grid(sampler):
    if sampler.exhaustive:
        none = PRUNERS.get("none")()
        assert [sampler.suggest(past(n), none) for n in range(24)] == SETTINGS
    assert sampler.default_trials(SPACE) >= 1


def test_recent_results_are_hidden():
    trials = some_trials([1.0] * 9)
    seen = visible_trials(trials, 8, max_in_flight=3)
    assert seen[:6] == tuple(trials[:6])
    assert seen[6:] == tuple(Trial(n, RUNNING, SETTINGS[n]) for n in (6, 7))


@pytest.mark.parametrize("base", [Pruner, RungPruner, SynchronousPruner, Sampler])
def test_a_method_that_was_forgotten_is_told_when_it_is_made(base):
    with pytest.raises(TypeError, match="abstract"):
        type("Forgetful", (base,), {"name": "forgetful"})()


@pytest.mark.parametrize("registry", [PRUNERS, SAMPLERS])
def test_an_unknown_name_and_a_name_that_is_taken(registry):
    with pytest.raises(SettingError, match=f"no {registry.kind} wishful: choose one of "):
        registry.get("wishful")
    other = type("Other", (), {"name": registry.names[0]})
    with pytest.raises(SettingError, match=f"two .* are called {registry.names[0]}"):
        registry.register(other)
    known = registry.get(registry.names[0])
    assert registry.register(known) is known


@pytest.mark.parametrize("key", ["sampler", "pruner"])
def test_a_study_of_an_unknown_kind_is_never_another_one(tmp_path, key):
    made = study(tmp_path)
    path = made.folder / "study.json"
    content = json.loads(path.read_text())
    content[key] = "wishful" if key == "sampler" else {**content[key], "name": "wishful"}
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match="wishful: choose one of"):
        Study.open(made.folder)


def test_a_plugin_that_cannot_be_imported_is_told(monkeypatch):
    monkeypatch.setenv("RECURRA_PLUGINS", "nowhere_to_be_found")
    with pytest.raises(SettingError, match="RECURRA_PLUGINS names nowhere_to_be_found"):
        PRUNERS.get("wishful")


def test_toys_search_are_killed_go_on_and_are_reported(tmp_path, call):
    expected = table(finished(tmp_path, "alone", **TOYS))
    assert [row["trial"] for row in expected if row["state"] == "pruned"] == [3]
    assert [row["lr"] for row in expected[:3]] == [0.01, 0.03, 0.1]
    write_text(tmp_path)
    (tmp_path / "space.toml").write_text(
        "hidden = [3, 5]\nseq_len = [4, 8]\nlr = [0.1, 0.03, 0.01]\n"
    )
    command = [
        "tune", "sums.txt", "--network=rnn", "--space=space.toml", "--recipe=classic", "--batch=2",
        "--record-every=5", "--evaluate-every=10", "--evaluate-characters=200",
        "--sample-every=30", "--sample-characters=20", "--max-in-flight=4", "--workers=2",
        f"--length={LENGTH}", "--engine=reference", "--out=made", "--search=backwards",
        "--pruner=unlucky", "--trials=10", "--rung=50",
    ]  # fmt: skip
    program = [sys.executable, "-c", "from recurra.cli import main; main()"]
    here = Path(__file__)
    paths = [here.parent, here.parents[1] / "support", os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "RECURRA_PLUGINS": here.stem,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }
    options = {"cwd": tmp_path, "env": environment}
    with subprocess.Popen([*program, *command], start_new_session=True, **options) as process:
        while process.poll() is None and not (tmp_path / "made" / "trials" / "00001").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    subprocess.run([*program, *command], check=True, **options)
    for arguments in (["report", "made", "-o", "page.html", "--chars=0"], ["trials", "made"]):
        assert call(*arguments)[0] == 0
    made = Study.open(tmp_path / "made")
    assert (made.spec.pruner.name, made.spec.sampler.name) == ("unlucky", "backwards")
    assert table(made) == expected
    assert "unlucky" in (tmp_path / "page.html").read_text("utf-8")
    unknown = subprocess.run(
        [*program, "trials", "made"], cwd=tmp_path, capture_output=True, text=True
    )
    assert unknown.returncode == 1
    assert (
        "unlucky: choose one of" in unknown.stderr or "backwards: choose one of" in unknown.stderr
    )
