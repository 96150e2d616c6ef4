"""Runs that go on for longer than they were first asked to."""

import json
import shutil

import numpy as np
import pytest

import recurra
from command_line import SMALL, process, write_text
from recurra.compute.reference import ReferenceEngine
from recurra.errors import RecurraError, RunError, SettingError
from recurra.training.finished_run import FinishedRun
from recurra.training.records import Compiling, Finished, Notice, Progress

RECIPE = recurra.MODERN.with_(
    hidden=6, batch=2, seq_len=8, steps=40, warmup=5, record_every=5, evaluate_every=10,
    sample_every=0, lr=0.01,
)  # fmt: skip


@pytest.fixture
def text(tmp_path):
    return write_text(tmp_path / "plays.txt")


def train(text, folder, recipe=RECIPE, engine="reference"):
    trainer = recurra.start(
        [text], recurra.load_network("rnn"), recipe, out=folder, engine=engine, threads=1
    )
    *_, end = trainer.records()
    return end


def go_on(folder, **budget):
    return list(recurra.resume(recurra.Run.open(folder), budget=budget).records())


def rates(records):
    return [record.rate for record in records if isinstance(record, Progress)]


def arrays(folder):
    return recurra.Run.open(folder).load("last")[0]


def bytes_of(folder):
    return [(folder / f"{name}.safetensors").read_bytes() for name in ("last", "best")]


def told(folder):
    clocks = ("seconds", "chars_per_second", "seconds_left", "run")
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in clocks} for line in lines]


def test_what_is_finished_compiles_nothing(text, tmp_path, monkeypatch):
    train(text, tmp_path / "run")
    monkeypatch.setattr(ReferenceEngine, "cold", True)
    monkeypatch.setattr(ReferenceEngine, "compiling", "rnn", raising=False)
    monkeypatch.setattr(ReferenceEngine, "compile", lambda engine: None, raising=False)
    assert Compiling not in [type(record) for record in go_on(tmp_path / "run")]
    assert Compiling in [type(record) for record in go_on(tmp_path / "run", steps=50)]


def test_at_a_constant_rate_it_ends_as_if_it_had_had_that_budget_from_the_beginning(text, tmp_path):
    constant = RECIPE.with_(final_lr=1.0)
    train(text, tmp_path / "whole", constant.with_(steps=80))
    train(text, tmp_path / "longer", constant)
    said = [r.message for r in go_on(tmp_path / "longer", steps=80) if isinstance(r, Notice)]
    assert "does not depend on it" in said[0]
    whole, longer = (arrays(tmp_path / name) for name in ("whole", "longer"))
    assert whole.keys() == longer.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(longer[name], value)


def test_the_rate_follows_the_schedule_of_the_new_budget(text, tmp_path):
    train(text, tmp_path / "whole", RECIPE.with_(steps=80))
    whole = [r["rate"] for r in told(tmp_path / "whole") if r["kind"] == "progress"]
    train(text, tmp_path / "longer")
    records = go_on(tmp_path / "longer", steps=80)
    assert rates(records) == whole[8:]
    message = next(r.message for r in records if isinstance(r, Notice))
    assert "from step 40 on: steps 80, instead of steps 40" in message
    # half a cosine from 1 to 0.05, of 0.01: at its end, and in its middle
    assert "from 0.0005 to 0.00525" in message
    opened = FinishedRun.open(tmp_path / "longer")
    assert (opened.recipe.steps, opened.config.recipe.steps) == (80, 40)
    assert isinstance(opened.finished, Finished)
    assert opened.finished.steps == 80
    assert [r["step"] for r in told(tmp_path / "longer") if r["kind"] == "finished"] == [40, 80]


@pytest.mark.parametrize("stopped_at", [0, 15, 40])
def test_an_extended_run_is_resumed_to_the_same_bytes(text, tmp_path, stopped_at):
    network = recurra.load_network("rnn")
    options = {"engine": "reference", "threads": 1, "out": tmp_path / "once"}
    trainer = recurra.start([text], network, RECIPE, **options)
    list(trainer.records(until=stopped_at))
    shutil.copytree(tmp_path / "once", tmp_path / "often")
    go_on(tmp_path / "once", epochs=0.4)
    for kill in range(200):
        budget = {"epochs": 0.4} if not kill else {}
        trainer = recurra.resume(recurra.Run.open(tmp_path / "often"), budget=budget)
        trainer.save_seconds = [0.0, 1e9][kill % 2]
        for count, record in enumerate(trainer.records()):
            over = isinstance(record, Finished)
            if over or count > 2 + kill % 5:
                break
        if over:
            break
    assert kill > 3
    assert bytes_of(tmp_path / "often") == bytes_of(tmp_path / "once")


def test_the_same_command_after_a_kill_is_the_same_extension(text, tmp_path):
    train(text, tmp_path / "once")
    shutil.copytree(tmp_path / "once", tmp_path / "twice")
    go_on(tmp_path / "once", steps=60)
    trainer = recurra.resume(recurra.Run.open(tmp_path / "twice"), budget={"steps": 60})
    list(trainer.records(until=45))
    go_on(tmp_path / "twice", steps=60)
    assert len(FinishedRun.open(tmp_path / "twice").extensions) == 1
    assert bytes_of(tmp_path / "twice") == bytes_of(tmp_path / "once")


def test_extended_again_and_again(text, tmp_path):
    folder = tmp_path / "run"
    train(text, folder)
    for steps in (41, 50, 60):
        assert go_on(folder, steps=steps)[-1].steps == steps
    assert [e.step for e in FinishedRun.open(folder).extensions] == [40, 41, 50]
    assert [r["step"] for r in told(folder) if r["kind"] == "finished"] == [40, 41, 50, 60]
    before = bytes_of(folder), told(folder)
    assert go_on(folder)[-1].stopped_by == "steps"
    assert (bytes_of(folder), told(folder)) == before


@pytest.mark.parametrize(
    ("recipe", "budget", "sentence"),
    [
        (RECIPE, {"steps": 40}, "steps=40 is used up already: .* has done 40 steps"),
        (RECIPE, {"epochs": 0.01}, "epochs=0.01 is used up already"),
        (RECIPE, {"minutes": 1e-9}, "minutes=1e-09 is used up already"),
        (RECIPE, {"lr": 0.1}, "has to be one of steps, epochs, minutes"),
        (RECIPE, {"steps": 0}, "steps has to be a whole number"),
        (RECIPE.with_(lr=1e-90, patience=2), {"steps": 99}, "its stop rule, patience=2, which no"),
    ],
)
def test_a_budget_that_changes_nothing_is_refused(text, tmp_path, recipe, budget, sentence):
    train(text, tmp_path / "run", recipe)
    with pytest.raises(SettingError, match=sentence):
        go_on(tmp_path / "run", **budget)
    assert not (tmp_path / "run" / "extensions.json").exists()


def test_runs_that_are_compared_keep_their_budget(text, tmp_path):
    train(text, tmp_path / "comparison" / "runs" / "one")
    (tmp_path / "comparison" / "comparison.json").write_text("{}", "utf-8")
    with pytest.raises(RunError, match=r"belongs to a comparison.*--init-from"):
        go_on(tmp_path / "comparison" / "runs" / "one", steps=80)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "extensions.json lacks a budget that the run has been trained with"),
        ('{"extensions": [{"step": 40, "budget": {"steps": 70}}]}', "lacks a budget"),
        ('{"extensions": 3}', "extensions.json: its content has to be a list"),
        ('{"extensions": [{"step": 40, "budget": {}}]}', "a new budget has to be one of"),
        ('{"extensions": [{"step": "a", "budget": {}}]}', "0.step has to be a whole number"),
        ("{}", "has to be a list"),
        ("[", "invalid JSON"),
    ],
)
def test_a_lost_or_damaged_budget_is_told(text, tmp_path, content, sentence):
    train(text, tmp_path / "run")
    go_on(tmp_path / "run", steps=60)
    file = tmp_path / "run" / "extensions.json"
    file.write_text(content, "utf-8") if content else file.unlink()
    with pytest.raises(RecurraError, match=sentence):
        go_on(tmp_path / "run")


@pytest.mark.long
def test_the_command_says_it_and_repeats_it(text, tmp_path):
    options = {"cwd": tmp_path}
    assert not process("train", text, "--network=rnn", "--out=r", *SMALL, **options).returncode
    longer = process("train", "--resume", "r", "--steps=60", **options)
    assert not longer.returncode, longer.stderr
    assert b"Budget from step 40 on: steps 60, instead of steps 40" in longer.stdout
    assert b"Budget" not in process("train", "--resume", "r", **options).stdout
    refused = process("train", "--resume", "r", "--steps=50", **options)
    assert refused.returncode == 1
    assert b"steps=50 is used up already" in refused.stderr
    refused = process("train", "--resume", "r", "--lr=1", "--steps=70", **options)
    assert refused.returncode == 2
    assert b"--lr" in refused.stderr
    assert not process("report", "r", "-o", "r.md", **options).returncode
    report = (tmp_path / "r.md").read_text("utf-8")
    assert "--steps=40" in report
    assert "recurra train --resume RUN --steps=60" in report
