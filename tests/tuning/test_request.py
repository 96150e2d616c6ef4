"""Whole searches, in this process and in several: equal tables, kills, budgets, refusals."""

import json
import os
import signal
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

import recurra
from databases import URL, in_sqlite
from recurra.errors import RequestError, RunError, SettingError
from recurra.storage.runs import Run
from recurra.training import processes
from recurra.training.processes import WorkerProcess
from recurra.tuning.cost import estimate_cost, fraction_done, memory_needed
from recurra.tuning.leases import MAX_CRASHES
from recurra.tuning.pruners import PRUNERS
from recurra.tuning.request import TuneRequest
from recurra.tuning.study import Study
from recurra.tuning.trial_runner import open_trainer
from recurra.tuning.workers import Worker, characters_used, search, worker_command
from studies import LENGTH, RECIPE, SPACE, finished, make_spec, states, study, table


@pytest.fixture(scope="module")
def rounds(tmp_path_factory):
    """A study whose trials were pruned in rounds."""
    return finished(tmp_path_factory.mktemp("rounds"), pruner="rounds", rung=100)


@pytest.mark.parametrize(
    ("asked", "package"), [({}, "psycopg"), ({"dask": "tcp://127.0.0.1:1"}, "distributed")]
)
def test_a_missing_package_is_told_before_a_text_is_read(monkeypatch, asked, package):
    monkeypatch.setitem(sys.modules, package, None)
    asked = TuneRequest(texts=["missing.txt"], space=SPACE, storage="postgresql://h/n", **asked)
    with pytest.raises(SettingError, match=r"recurra\[cluster\]"):
        asked.open_study()


def test_all_of_a_grid_is_trained_in_its_order(tmp_path):
    made = finished(tmp_path)
    trials = made.trials()
    assert [trial.setting for trial in trials] == [made.spec.space.point(n) for n in range(12)]
    assert states(made) == ["done"] * 12
    assert {trial.characters for trial in trials} == {LENGTH}
    winner = made.winner()
    assert winner.loss == min(trial.loss for trial in trials)
    # an ordinary run, and its loss is what `eval` finds
    run = Run.open(made.run_folder(winner.number))
    score = next(iter(recurra.score(run, engine="reference")))
    assert score.loss.nats_per_char == pytest.approx(winner.loss, rel=1e-6)
    assert winner.result.sample


def test_a_trial_that_stopped_at_rungs_is_the_one_trained_in_one_go(tmp_path, rounds):
    number = rounds.winner().number
    setting = rounds.winner().setting
    trainer = open_trainer(
        rounds.spec, rounds.spec.text.load("the study"), setting, tmp_path / "run"
    )
    *_, whole = trainer.records()
    assert whole.val_nats_per_char == rounds.winner().loss
    for name in ("last", "best"):
        one, other = (
            (folder / f"{name}.safetensors").read_bytes()
            for folder in (tmp_path / "run", rounds.run_folder(number))
        )
        assert one == other


def test_pruned_trials_keep_their_records_but_no_checkpoints(rounds):
    for trial in rounds.trials():
        folder = rounds.run_folder(trial.number)
        assert (folder / "last.safetensors").exists() == (trial.state == "done")
        assert Run.open(folder).metrics()


def test_rungs_measure_held_out_loss_of_that_moment(tmp_path, rounds):
    trial = rounds.trials()[0]
    trainer = open_trainer(
        rounds.spec, rounds.spec.text.load("the study"), trial.setting, tmp_path / "run"
    )
    list(trainer.records(-(-100 // (trainer.recipe.batch * trainer.recipe.seq_len))))
    assert trial.rungs[100] == trainer.held_out_loss().nats_per_char


@pytest.mark.parametrize(
    "options",
    [
        {"pruner": "rounds", "rung": 100},
        {"pruner": "halving", "rung": 100, "sampler": "tpe", "trials": 10},
    ],
)
def test_two_processes_find_what_one_finds(tmp_path, options):
    expected = table(finished(tmp_path, "alone", **options))
    made = study(tmp_path, "together", **options)
    seen = list(search(made, workers=2, pause=0.05))
    assert table(made) == expected
    assert all(trial.finished for trial in seen[-1])


def test_a_killed_worker_is_replaced_and_its_trial_goes_on(tmp_path, monkeypatch):
    options = {"length": 25 * LENGTH, "space": {"lr": [0.1, 0.03]}}
    expected = table(finished(tmp_path, "alone", **options))
    made = study(tmp_path, "killed", **options)
    children = []
    spawn = WorkerProcess.spawn.__func__

    def remember(cls, *arguments):
        children.append(spawn(cls, *arguments))
        return children[-1]

    monkeypatch.setattr(WorkerProcess, "spawn", classmethod(remember))
    for trials in search(made, workers=1, pause=0.05):
        if len(children) == 1 and trials[0].state == "running":
            os.kill(children[0].process.pid, signal.SIGKILL)
    assert len(children) == 2
    assert table(made) == expected


@pytest.mark.long
def test_workers_share_devices_in_turn(tmp_path, monkeypatch):
    given = TuneRequest(texts="a.txt", space={"lr": [0.1]}, devices="0, 1", engine="torch")
    assert given.engines == ["torch:cuda:0", "torch:cuda:1"]
    assert (given.processes, replace(given, workers=3).processes) == (2, 3)
    assert TuneRequest(texts="a.txt", space={"lr": [0.1]}, devices="xpu:1").engines == [
        "torch:xpu:1"
    ]
    with pytest.raises(SettingError, match="no device tpu: choose one of"):
        replace(given, devices="tpu").spec()
    with pytest.raises(RequestError, match="gives a worker its device"):
        replace(given, storage="postgresql://h/x", sbatch=True)
    made, children = study(tmp_path, engine="torch", space={"lr": [0.1, 0.03, 0.01]}), []
    spawn = WorkerProcess.spawn.__func__

    def remember(cls, *arguments):
        children.append(spawn(cls, *arguments))
        return children[-1]

    monkeypatch.setattr(WorkerProcess, "spawn", classmethod(remember))
    *_, trials = search(made, workers=3, engines=["torch:cpu", "torch:cpu:0"])
    used = [child.process.args[-1] for child in children]
    assert used == [
        "torch:cpu",
        "torch:cpu:0",
        "torch:cpu",
    ]
    assert all(trial.loss is not None for trial in trials)


def test_processes_end_in_order_when_the_search_is_left(tmp_path):
    made = study(tmp_path, length=100 * LENGTH)
    for trials in search(made, workers=1, pause=0.05):
        if trials[0].state == "running" and made.curve(0):
            break
    assert Study.open(made.folder).trials()[0].state == "waiting"
    assert (made.run_folder(0) / "last.safetensors").exists()


def test_processes_end_when_their_parent_is_gone(tmp_path):
    made = study(tmp_path, length=100 * LENGTH)
    child = worker_command(made)()
    while not made.curve(0):
        assert child.process.poll() is None
        time.sleep(0.05)
    child.process.stdin.close()  # as the system does for a dead parent
    assert child.wait() == (0, "")
    assert Study.open(made.folder).trials()[0].state == "waiting"


def test_a_budget_of_minutes_leaves_the_rest_for_later(tmp_path):
    made = study(tmp_path, length=200 * LENGTH)
    assert len(list(search(made, workers=1, minutes=0.01, pause=0.05))) < 30
    assert "done" not in states(made)


def test_a_budget_of_characters_begins_no_trial_after_it(tmp_path):
    made = study(tmp_path)
    assert not Worker(made, characters=3 * LENGTH).work()
    assert characters_used(made.trials()) == 3 * LENGTH
    assert Worker(made).work()


def test_a_worker_that_was_asked_to_stop_begins_nothing(tmp_path):
    worker = Worker(study(tmp_path))
    worker.stop()
    assert not worker.work()
    assert states(worker.study) == ["waiting"] * 12


def test_settings_that_do_not_fit_are_skipped_with_their_reason(tmp_path):
    space = {"hidden": [4, 9000], "batch": [1, 500]}
    asked = make_spec(tmp_path, space)
    limit = memory_needed(asked, {"hidden": 4, "batch": 500}, 13)
    made = study(tmp_path, space=space)
    assert Worker(made, memory=limit + 1_000_000).work()
    assert states(made) == ["done", "skipped", "skipped", "skipped"]
    reasons = [trial.reason for trial in made.trials()]
    assert "the training text has 4" in reasons[1]
    assert "of memory" in reasons[2]


def test_settings_whose_equations_are_refused_are_skipped(tmp_path):
    text = "c = 1\nh[t] = tanh(U @ x[t] + W @ h[t-1] / c)\no[t] = softmax(V @ h[t])"
    made = finished(tmp_path, network=recurra.parse(text), space={"c": [0, 2]})
    assert states(made) == ["skipped", "done"]
    assert "c" in made.trials()[0].reason


def test_diverged_trials_are_told_and_all_of_them_are_an_error(tmp_path):
    recipe = RECIPE.with_(optimizer="sgd", clip_value=None, divergence=1.01, evaluate_every=1000)
    made = finished(tmp_path, space={"lr": [0.001, 1000.0]}, recipe=recipe)
    assert states(made) == ["done", "diverged"]
    other = finished(tmp_path, "other", space={"lr": [1000.0]}, recipe=recipe)
    with pytest.raises(RunError, match=r"no trial of .* came to an end; trial 0: the loss"):
        other.winner()
    with pytest.raises(RunError, match="is done yet"):
        study(tmp_path, "new").winner()


def test_a_trial_that_kills_its_process_again_and_again_is_given_up(tmp_path):
    made = study(tmp_path, space={"lr": [0.1, 0.2]})
    for _ in range(MAX_CRASHES):
        made.store.trial(0)
        made.store.start(0)  # by a process that holds no lock: it is dead
        with made.leases.hold(0):
            pass
    assert made.trials()[0].state == "failed"
    assert "not enough memory" in made.trials()[0].reason
    assert Worker(made).work()
    assert states(made) == ["failed", "done"]


def test_deaths_after_new_checkpoints_are_forgiven(tmp_path):
    made = study(tmp_path)
    folder = made.run_folder(0)
    folder.mkdir(parents=True)
    for i in range(2 * MAX_CRASHES):
        (folder / "last.safetensors").write_bytes(b"")
        os.utime(folder / "last.safetensors", ns=(i, i))
        made.store.trial(0)
        made.store.start(0)
        with made.leases.hold(0) as trial:
            assert trial


def test_nobody_takes_a_trial_that_another_holds(tmp_path):
    one, other = study(tmp_path), Study.open(tmp_path / "study")
    with one.leases.hold(0) as mine, other.leases.hold(0) as theirs:
        assert mine
        assert theirs is None
    with other.leases.hold(0) as theirs:
        assert theirs


def test_a_refused_worker_ends_the_search_with_its_sentence(tmp_path):
    made = study(tmp_path)
    (tmp_path / "sums.txt").write_text("something else\n" * 400)
    with pytest.raises(RunError, match=r"the texts of .* have changed"):
        list(search(made, workers=2, pause=0.05))


@pytest.mark.parametrize("name", ["claims", "claims/00000.lock"])
def test_a_lock_that_cannot_be_made_is_told(tmp_path, name):
    made = study(tmp_path)
    path = made.folder / name
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    with pytest.raises(RunError, match=f"cannot write .*{name}"):
        list(search(made, workers=1, pause=0.05))


def test_a_fault_of_a_worker_is_told_without_its_traceback(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("1 / 0", "utf-8")
    made = study(tmp_path)
    path = made.folder / "study.json"
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**content, "sampler": "nowhere"}), "utf-8")
    monkeypatch.setenv("RECURRA_PLUGINS", "broken")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(RunError) as refused:
        list(search(made, workers=1, pause=0.05))
    assert str(refused.value) == "ZeroDivisionError: division by zero"


def test_workers_that_only_die_end_the_search(tmp_path, monkeypatch):
    made = study(tmp_path)
    monkeypatch.setattr(processes, "MAX_CRASHES", 2)
    spawn = WorkerProcess.spawn.__func__

    def dies(cls, *arguments):
        child = spawn(cls, *arguments)
        child.process.kill()
        return child

    monkeypatch.setattr(WorkerProcess, "spawn", classmethod(dies))
    with pytest.raises(RunError, match="killed 3 times without getting any further"):
        list(search(made, workers=1, pause=0.05))


def test_tune_from_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_spec(tmp_path)  # writes the text
    heard = []
    request = recurra.TuneRequest(
        texts=["sums.txt"],
        network="rnn",
        space=SPACE,
        recipe=RECIPE,
        length=LENGTH,
        engine="reference",
        workers=1,
    )
    made = recurra.tune(request, heard.append)
    assert made.winner().loss == min(t.loss for t in heard[-1] if t.loss is not None)
    winner = made.winning()
    network, recipe = winner.network, winner.recipe
    assert network.name == "rnn"
    assert recipe.lr == made.winner().setting["lr"]
    assert made.folder.parent == tmp_path / "studies"
    again = recurra.TuneRequest(resume=made.folder, workers=1)
    assert again.spec() == made.spec
    assert recurra.tune(again).trials() == made.trials()
    with pytest.raises(RequestError, match="a study keeps what it began with"):
        recurra.TuneRequest(resume=made.folder, factor=4)


def test_an_estimate_counts_and_measures(tmp_path):
    asked = make_spec(tmp_path, {"hidden": [4, 40], "lr": [0.1, 0.01]}, pruner="top", rung=240)
    found = estimate_cost(asked, 2)
    assert (found.trials, found.too_large, found.at_most) == (4, 0, False)
    # four to 240 characters, then three finalists to the end
    assert found.characters == 4 * 240 + 3 * (LENGTH - 240)
    assert found.seconds > 0.0
    assert found.memory > 10**7
    assert [probe.parameters for probe in found.probes][-1] > 1600


def test_the_share_of_rounds_is_arithmetic(tmp_path):
    asked = make_spec(
        tmp_path, {"lr": [i / 100 for i in range(1, 28)]}, pruner="rounds", length=2700
    )
    assert asked.pruner == PRUNERS.get("rounds")((100, 300, 900), 3, 1)
    total = 27 * 100 + 9 * 200 + 3 * 600 + 3 * 1800  # three finalists
    assert asked.pruner.expected_share(27, 2700, asked.finalists, 1) == pytest.approx(
        total / (27 * 2700)
    )


def test_how_much_is_done(tmp_path, rounds):
    fresh = study(tmp_path, pruner="rounds", rung=100)
    assert fraction_done(fresh.spec, fresh.trials()) == 0.0
    assert fraction_done(rounds.spec, rounds.trials()) == 1.0


def test_no_setting_fits(tmp_path, monkeypatch):
    from recurra.tuning import cost as estimates

    monkeypatch.setattr(estimates, "memory_limit", lambda: 1000)
    with pytest.raises(RunError, match="no setting fits into memory"):
        estimate_cost(make_spec(tmp_path), 2)


def test_a_study_in_its_folder_wants_no_database(tmp_path):
    made = study(tmp_path)
    with pytest.raises(SettingError, match="leave --storage out"):
        Study.open(made.folder, "postgresql://localhost/x")


def test_a_database_that_only_a_folder_names_is_not_called(tmp_path, monkeypatch):
    made = study(tmp_path)
    path = made.folder / "study.json"
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**content, "storage": "postgresql+psycopg://host/x"}), "utf-8")
    with pytest.raises(SettingError, match=r"database .*//host/x: name it with --storage"):
        Study.open(made.folder)
    monkeypatch.setenv("RECURRA_STORAGE", "postgresql://other/y")
    assert Study.open(made.folder).storage == "postgresql://other/y"


def test_a_trial_in_a_database_that_another_process_has_just_made(tmp_path, monkeypatch):
    opened = in_sqlite(monkeypatch, tmp_path / "trials.db")
    one = Study.create(make_spec(tmp_path), tmp_path / "study", URL)
    other = Study.open(one.folder, URL)
    assert other.trials()[0].setting is None
    one.store.trial(0)
    setting = one.spec.space.point(0)
    other.store.trial(0)
    other.store.set_setting(0, setting)
    assert one.trials()[0].setting == setting
    assert set(opened) == {URL}


@pytest.mark.parametrize(
    ("url", "sentence"),
    [("sqlite:///x.db", "has to be a PostgreSQL database"), ("nonsense", "no address")],
)
def test_databases_that_are_none(tmp_path, url, sentence):
    with pytest.raises(SettingError, match=sentence):
        Study.create(make_spec(tmp_path), tmp_path / "study", url).trials()


def test_losses_are_plain_numbers(rounds):
    assert all(type(trial.loss) in (float, type(None)) for trial in rounds.trials())
    assert not any(isinstance(v, np.generic) for t in rounds.trials() for v in t.setting.values())
