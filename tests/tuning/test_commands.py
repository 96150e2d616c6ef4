"""`tune`, `trials`, `worker` and `train --from` as a user types them."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from recurra.storage.runs import Run
from recurra.tuning.cluster import sbatch_script
from recurra.tuning.study import Study
from recurra.tuning.workers import search_with_dask
from studies import LENGTH, finished, study, write_text

RECURRA = [sys.executable, "-c", "from recurra.cli import main; main()"]
TUNE = [
    "tune", "sums.txt", "--network=rnn", "--space=space.toml", "--recipe=classic",
    "--engine=reference", "--batch=2", "--evaluate-every=10", "--workers=1",
]  # fmt: skip


@pytest.fixture
def typed(tmp_path, call):
    """The command line in a folder with a text and a space."""
    write_text(tmp_path)
    (tmp_path / "space.toml").write_text("hidden = [3, 5]\nlr = [0.1, 0.01]\n")
    return call


def test_tune_then_trials_then_train(typed, tmp_path):
    code, out, err = typed(*TUNE, f"--length={LENGTH}", "--out=s", "--pruner=none")
    assert (code, err) == (0, "")
    assert "study s: 4 trials" in out
    assert "trial 0 hidden=3 lr=0.1: done" in out
    assert "Next: recurra trials s --figures svg; recurra train --from s" in out
    code, out, err = typed(*TUNE, f"--length={LENGTH}", "--out=s", "--pruner=none")
    assert "going on: 4 done" in out  # the same command again repeats nothing
    code, out, err = typed("trials", "s", "--figures", "svg")
    assert (code, err) == (0, "")
    assert "part of the variance that each explains alone: " in out
    drawn = sorted(path.name for path in (tmp_path / "s" / "figures").iterdir())
    assert drawn == ["expected-best.svg", "hidden-lr.svg", "history.svg"]  # 4 trials weigh nothing
    for name in drawn:
        ElementTree.fromstring((tmp_path / "s" / "figures" / name).read_text("utf-8"))
    code, out, err = typed("trials", "s", "--figures", "gif")
    assert (code, err) == (1, "Error: no figure format gif: choose one of svg, pdf, png\n")
    code, out, err = typed("train", "--from=s", "--out=run", "--engine=reference", "-q")
    assert (code, out, err) == (0, "", "")
    winner = Study.open("s").winner()
    recipe = Run.open("run").config["recipe"]
    assert (recipe["lr"], recipe["hidden"]) == (winner.setting["lr"], winner.setting["hidden"])
    metrics = Run.open("run").metrics()[-1]
    assert metrics["val_nats_per_char"] == pytest.approx(winner.loss)


@pytest.mark.parametrize("network", ["wrnn", pytest.param(None, marks=pytest.mark.long)])
def test_the_space_of_the_tuning_page_to_the_end(typed, tmp_path, network):
    page = Path(__file__).parents[2] / "docs" / "tuning.md"
    (shown,) = re.findall(r"```toml.*?\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    named = [f"--network={network}"]
    if network is None:
        shown, named = shown + 'network = ["wrnn", "rnn2"]\n', []
    (tmp_path / "space.toml").write_text(shown, "utf-8")
    command = ["tune", "sums.txt", *named, "--space=space.toml", "--search=random", "--trials=2"]
    command += [f"--length={LENGTH}", "--pruner=none", "--batch=2", "--engine=reference"]
    for _ in range(2):  # the second time there is nothing left to do
        code, _, err = typed(*command, "--workers=1", "--out=s")
        assert (code, err) == (0, "")
    assert typed("trials", "s", "--csv")[0] == 0
    assert typed("report", "s", "-o", "report.html")[0] == 0
    assert typed("train", "--from=s", "--engine=reference", "-q") == (0, "", "")


def test_json_and_csv_have_every_trial_and_column(tmp_path, call):
    made = finished(tmp_path, pruner="rounds", rung=50)
    code, out, _ = call("trials", made.folder, "--json")
    assert code == 0
    result = json.loads(out)
    assert sorted(row["trial"] for row in result["trials"]) == list(range(12))
    assert set(result["importance"]) == {"hidden", "seq_len", "lr"}
    assert [rung["rung"] for rung in result["rungs"]] == [50, 150]
    best = result["trials"][0]
    assert best["nats_per_char"] == made.winner().loss
    assert {"min_smooth_loss", "min_smooth_loss_step", "sample", "nats_at_50"} <= best.keys()
    code, out, _ = call("trials", made.folder, "--csv")
    table = list(csv.DictReader(io.StringIO(out)))
    assert [int(row["trial"]) for row in table] == [row["trial"] for row in result["trials"]]
    assert float(table[0]["nats_per_char"]) == best["nats_per_char"]
    code, out, _ = call("trials", made.folder, "--top=2")
    assert "and 10 more" in out


def test_a_dry_run_makes_no_study(typed, tmp_path):
    code, out, err = typed(*TUNE, f"--length={LENGTH}", "--dry-run")
    assert (code, err) == (0, "")
    assert "4 trials of 480 characters" in out
    assert "memory: up to" in out
    assert not (tmp_path / "studies").exists()


@pytest.mark.long
def test_the_classic_dry_run_stands_beside_the_day_of_the_original(typed):
    code, out, err = typed(
        "tune", "sums.txt", "--network=wrnn", "--grid=classic", "--dry-run", "--length=2000",
        "--engine=reference", "--trials=9",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "The published W-RNN code ran for a day on 12 cores" in out
    assert "times as long" in out


@pytest.mark.long
def test_a_search_that_takes_longer_than_a_day_is_not_called_shorter(typed, monkeypatch):
    monkeypatch.setattr("recurra.tuning.cost.DAY", 1e-9)
    arguments = ("--grid=classic", "--dry-run", "--length=2000", "--engine=reference")
    code, out, _ = typed("tune", "sums.txt", "--network=wrnn", "--trials=9", *arguments)
    assert code == 0
    assert "did not come to the end of a grid." in " ".join(out.split())


def test_a_warm_up_that_is_shortened_is_told(typed):
    arguments = ("--steps=81", "--batch=2", "--engine=reference", "--dry-run")
    code, out, _ = typed("tune", "sums.txt", "--network=rnn", "--space=space.toml", *arguments)
    assert code == 0
    assert "steps instead of 100, so that it ends before the first rung" in " ".join(out.split())
    more = ("--set=f1=relu", "--set=f1=tanh")
    assert typed("tune", "sums.txt", "--network=wrnn", "--space=space.toml", *more)[0] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["tune", "sums.txt"], 2, "give --space FILE or --grid classic"),
        (["tune", "sums.txt", "--grid=mine"], 2, "give --space FILE or --grid classic"),
        (["tune", "sums.txt", "--grid=classic", "--network=lstm"], 1, "not of lstm"),
        (["tune", "none.txt", "--grid=classic"], 1, "none.txt cannot be read"),
        ([*TUNE, "--pruner=best"], 1, "no pruner best"),
        ([*TUNE, "--dask=tcp://127.0.0.1:1"], 2, "many machines share a database"),
        ([*TUNE, "--storage=mysql://x/y"], 1, "has to be a PostgreSQL database"),
        (["trials", "nothing"], 1, "A study is a folder that"),
        (["worker", "nothing"], 1, "A study is a folder that"),
        (["train", "--from", "nothing"], 1, "A study is a folder that"),
        (["train", "--from", "s", "--network=rnn"], 2, "a search's winner brings its own"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(typed, arguments, code, sentence):
    found, out, err = typed(*arguments)
    assert (found, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err


def test_ctrl_c_saves_and_the_same_command_goes_on(typed, tmp_path):
    command = [*RECURRA, *TUNE, "--length=4000000", "--pruner=none", "--out=s"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        metrics = tmp_path / "s" / "trials" / "00000" / "metrics.jsonl"
        while process.poll() is None and not metrics.exists():
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The same command goes on" in err
    assert "Traceback" not in err
    (first, *_) = Study.open(tmp_path / "s").trials()
    assert first.state == "waiting"
    assert (tmp_path / "s" / "trials" / "00000" / "last.safetensors").exists()


def test_worker_works_on_what_tune_began(tmp_path, call):
    made = study(tmp_path, space={"lr": [0.1, 0.01]})
    code, out, err = call("worker", made.folder)
    assert (code, err) == (0, "")
    assert "trial 1 lr=0.01: done" in out
    assert all(trial.finished for trial in Study.open(made.folder).trials())


def in_database(made):
    return replace(made, storage="postgresql://me:secret@host/a$(touch hacked)")


def test_the_script_for_slurm_starts_workers(tmp_path):
    made = in_database(study(tmp_path, "a study"))
    script = sbatch_script(made.folder, made.storage, 16)
    checked = subprocess.run(["bash", "-n"], input=script, text=True, check=False)
    assert checked.returncode == 0
    assert "#SBATCH --array=1-16\n" in script
    assert f"exec recurra worker '{made.folder}'\n" in script
    assert "secret" not in script


@pytest.mark.parametrize(
    "name",
    [
        "a\ntouch hacked\n",
        "a\n#SBATCH --wrap=touch hacked",
        "$(touch hacked) `touch hacked`",
        "';touch hacked;'",
        '-"; touch hacked #',
        "名字\u2028\x1b[31m\r\ttouch hacked",
    ],
)
def test_no_name_of_a_study_is_a_command_of_its_script(tmp_path, name):
    made = in_database(study(tmp_path, name))
    script = sbatch_script(made.folder, made.storage, 2)
    comments = [line for line in script.splitlines() if line.startswith("#SBATCH --job-name=")]
    assert re.fullmatch(r"#SBATCH --job-name=[A-Za-z0-9._-]+", *comments)
    program = tmp_path / "bin" / "recurra"
    program.parent.mkdir()
    program.write_text('#!/bin/bash\nprintf "%s\\0" "$@"\n', "utf-8")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-s"], input=script.encode(), capture_output=True, cwd=tmp_path,
        env={**os.environ, "PATH": path},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"worker\0" + os.fsencode(made.folder) + b"\0"
    assert not (tmp_path / "hacked").exists()


def test_dask_wants_a_database(tmp_path):
    from recurra.errors import SettingError

    with pytest.raises(SettingError, match="begin with --storage"):
        next(search_with_dask(study(tmp_path), "tcp://127.0.0.1:1", workers=1))
