"""What version 0.1.0 left behind opens, goes on to the same end, reports and writes.

The fixtures were made once, by tests/fixtures/make_v0_1_0.py; they are never made anew.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import recurra

MADE = Path(__file__).parent / "fixtures" / "v0_1_0"
EXPECTED = json.loads((MADE / "expected.json").read_text("utf-8"))
RUNS = ("finished", "interrupted", "compiled")
CLOSE = {"rel": 1e-6}


@pytest.fixture
def command(call):
    """Run a command line in this process, which ends well: what it prints."""

    def run(*arguments):
        code, out, err = call(*arguments)
        assert (code, err) == (0, "")
        return out

    return run


def same_machine():
    """Whether products and exponentials have the digits that they had where it was made."""
    rng = np.random.default_rng(0)
    left, right = rng.random((24, 40), np.float32), rng.random((40, 24), np.float32)
    results = [left @ right, np.tanh(left), np.exp(-left), left.T @ left]
    digest = hashlib.sha256(b"".join(result.tobytes() for result in results))
    return digest.hexdigest() == EXPECTED["probe"]


@pytest.fixture
def old(tmp_path, monkeypatch, call):
    """A copy of all of it, elsewhere, as the working folder."""
    copy = tmp_path / "old"
    shutil.copytree(MADE, copy)
    monkeypatch.chdir(copy)
    for folder in ("study", "unfinished-study"):  # a study reads its texts where it says
        path = copy / folder / "study.json"
        study = json.loads(path.read_text("utf-8"))
        study["text"]["sources"] = [str(copy / "novel.txt")]
        path.write_text(json.dumps(study, ensure_ascii=False), "utf-8")
    return copy


def losses(folder):
    return load_file(folder / "test.safetensors")


@pytest.mark.parametrize("name", RUNS)
def test_a_run_opens(old, name):
    run, model = recurra.Run.open(old / name), recurra.load_model(old / name)
    assert run.config["text"]["sources"] == ["/novels/novel.txt"]
    assert set(run.vocabulary) == set((old / "novel.txt").read_text("utf-8"))
    assert next(r["step"] for r in run.metrics() if r["kind"] == "evaluation") == 20
    assert all(np.isfinite(array).all() for array in model.parameters.values())


@pytest.mark.parametrize("name", ["interrupted", pytest.param("compiled", marks=pytest.mark.long)])
def test_a_run_goes_on_to_its_end(old, command, name):
    command("train", "--resume", name, "novel.txt", "--quiet")
    end, path = EXPECTED[name], old / name / "last.safetensors"
    *_, last = recurra.Run.open(old / name).metrics()
    assert (last["kind"], last["step"]) == ("finished", 60)
    assert last["val_nats_per_char"] == pytest.approx(end["val_nats_per_char"], **CLOSE)
    arrays = load_file(path)
    for parameter, squares in end["sums_of_squares"].items():
        found = np.square(arrays[parameter], dtype=float).sum()
        assert found == pytest.approx(squares, rel=1e-5), parameter
    if name == "interrupted" and same_machine():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == end["sha256"]


def test_a_finished_run_stays_as_it_is(old, command):
    command("train", "--resume", "finished", "novel.txt", "--quiet")
    saved = (old / "finished" / "last.safetensors").read_bytes()
    assert hashlib.sha256(saved).hexdigest() == EXPECTED["finished"]["sha256"]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_evaluates_and_writes(old, command, name):
    line = ["eval", name, "novel.txt", "--engine=reference", "--json"]
    held_out = json.loads(command(*line))["results"]
    assert [one["text"] for one in held_out] == ["validation", "test"]
    if name == "finished":
        loss = held_out[0]["nats_per_char"]
        assert loss == pytest.approx(EXPECTED[name]["val_nats_per_char"], **CLOSE)
    line = ["write", name, "Ada ", "--chars=40", "--seed=1"]
    written = command(*line)
    assert written.startswith("Ada ")
    assert len(written) == len("Ada ") + 40 + 1


@pytest.mark.parametrize("thing", ["finished", "study", "unfinished-study", "comparison"])
def test_each_reports(old, command, thing):
    command("report", thing, "-o", "page.html", "--prompt=Ada ", "--chars=20")
    page = (old / "page.html").read_text("utf-8")
    assert "nats" in page
    assert "novel" in page


def test_a_study_opens(old, command):
    table = json.loads(command("trials", "study", "--json"))["trials"]
    assert sorted(row["state"] for row in table) == ["done"] * 2 + ["pruned"] * 4
    command("train", "--from", "study", "--out=winner", "--quiet", "--steps=5", "--warmup=1",
            "--engine=reference")  # fmt: skip
    done = [trial for trial in recurra.Study.open("study").trials() if trial.loss is not None]
    best = min(done, key=lambda trial: trial.loss)
    assert recurra.Run.open("winner").config["recipe"]["hidden"] == best.setting["hidden"]


def test_a_study_goes_on_to_its_end(old, command):
    command(*EXPECTED["tune"])
    trials = recurra.Study.open("unfinished-study").trials()
    assert len(trials) == len(EXPECTED["trials"])
    for trial, wanted in zip(trials, EXPECTED["trials"], strict=True):
        assert (trial.state, trial.setting) == (wanted["state"], wanted["setting"])
        assert trial.loss == (wanted["loss"] and pytest.approx(wanted["loss"], **CLOSE))
        rungs = {int(rung): loss for rung, loss in wanted["rungs"].items()}
        assert trial.rungs == pytest.approx(rungs, **CLOSE)


def test_a_comparison_opens(old, command):
    shown = command("compare", "--resume", "comparison", "--text=novel.txt", "--quiet")
    assert "wrnn" in shown
    assert losses(old / "comparison").keys() == losses(MADE / "comparison").keys()


def test_a_comparison_goes_on_to_the_same_end(old, command):
    shutil.rmtree(old / "comparison" / "runs" / "6-steps40" / "wrnn" / "seed-1")
    (old / "comparison" / "test.safetensors").unlink()
    command("compare", "--resume", "comparison", "--text=novel.txt", "--quiet")
    before, after = losses(MADE / "comparison"), losses(old / "comparison")
    assert before.keys() == after.keys()
    for key, kept in before.items():
        np.testing.assert_allclose(after[key], kept, rtol=1e-5, atol=1e-6)
