"""`compare` and `report` as a user meets them."""

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import recurra
from command_line import RECURRA, process, wait_for

SMALL = [
    "--batch=2", "--seq-len=8", "--steps=20", "--warmup=5", "--record-every=5",
    "--evaluate-every=20", "--sample-every=0", "--engine=reference", "--hidden=40",
]  # fmt: skip


@pytest.fixture(scope="module")
def comparison(runs, tmp_path_factory):
    """A finished comparison, and what was printed on the way."""
    folder = tmp_path_factory.mktemp("comparison") / "one"
    networks = ["rnn", "sigmoid=wrnn", "--set", "sigmoid.f1=sigmoid", "--seeds=2"]
    text = ["--text", runs / "plays.txt", "--rates", "1e-2,1e-4", "--out", folder]
    done = process("compare", *networks, *text, *SMALL, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


def test_a_comparison_in_lines(comparison):
    _, out = comparison
    assert re.search(r"^comparison .*: 8 runs, 0 of them finished$", out, re.M)
    assert re.search(r"^\[8/8\] .*; all runs: about 0:0\d left$", out, re.M)
    assert re.search(
        r"^\[8/8\] 40-steps20/sigmoid/seed-1: held-out \d\.\d+ nats, 0:0\d; ", out, re.M
    )
    assert re.search(r"^rnn +40 +\d,\d+ +0\.01 +\d\.\d{4} +\d\.\d{4} – \d\.\d{4} ", out, re.M)
    assert re.search(r"^(No difference seen|\w+ predicts better) .* 2 seeds each\)\.$", out, re.M)
    assert "opened once" in out
    assert re.search(r"^Next: recurra report .* -o report.html$", out, re.M)


def test_a_finished_one_is_shown_again_and_nothing_is_trained(call, comparison):
    folder, out = comparison
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    code, again, err = call("compare", "--resume", folder)
    assert (code, err) == (0, "")
    assert again.split("Budget")[1].split("Next")[0] == out.split("Budget")[1].split("Next")[0]
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()} == before


def test_a_dry_run_makes_no_folder(runs, tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    arguments = ["compare", "rnn", "wrnn", "--text", runs / "plays.txt", "--dry-run", *SMALL]
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    assert re.search(r"^40-steps20 +rnn +\d,\d+ +5 +[\d,]+ +0:\d\d$", out, re.M)
    assert "10 runs to train: about 0:0" in out
    code, out, _ = call(*arguments, "--json")
    assert [row["runs"] for row in json.loads(out)["runs"]] == [5, 5]
    assert not list(tmp_path.iterdir())


def test_json_is_one_line(call, comparison):
    folder, _ = comparison
    code, out, err = call("compare", "--resume", folder, "--json")
    assert code == 0
    result = json.loads(out)
    assert out.count("\n") == 1
    assert [row["contestant"] for row in result["rows"]] == ["rnn", "sigmoid"] * 2
    assert len(result["verdicts"]) == len(result["differences"]) == 1
    assert "8 of them finished" in err


def test_runs_that_are_there_already(call, comparison):
    folder, out = comparison
    runs = [
        f"{n}={folder}/runs/40-steps20/{n}/seed-{s}" for n in ("rnn", "sigmoid") for s in (0, 1)
    ]
    code, again, _ = call("compare", *runs, "--out", "given")
    assert code == 0
    assert re.findall("nats per .*", again) == re.findall("nats per .*", out.split("Budget")[1])
    assert not Path("given/runs").exists()


def test_a_folder_with_an_equals_sign_is_no_name(call, comparison):
    folder, _ = comparison
    copies = Path("lr=1").resolve()
    shutil.copytree(folder / "runs" / "40-steps20", copies)
    runs = [copies / name / "seed-0" for name in ("rnn", "sigmoid")]
    assert call("compare", *runs, "--out", "given")[0] == 0


def test_lists_of_sizes_and_lengths(call, runs):
    options = [*SMALL, "--hidden", "30,40", "--steps", "5,10", "--seeds=1", "--match=hidden"]
    code, out, _ = call("compare", "rnn", "gru", "--text", runs / "plays.txt", *options, "--json")
    assert code == 0
    result = json.loads(out)
    budgets = list(dict.fromkeys(row["budget"] for row in result["rows"]))
    assert budgets == ["30-steps5", "30-steps10", "40-steps5", "40-steps10"]
    assert {d["verdict"] for d in result["differences"]} == {"one seed"}
    assert Path("comparisons/rnn-gru-plays-001/comparison.json").exists()


def test_budgets_alone_may_end_a_recipe(call, runs, tmp_path):
    """The classic one without its stop rules has no other end."""
    rules = ["--stop-no-minimum=none", "--stop-same-integer=none"]
    options = ["--recipe=classic", *rules, "--steps=5,10", "--hidden=4", "--match=hidden"]
    text = ["--text", runs / "plays.txt", "--seeds=1", "--engine=reference", "--threads=1"]
    code, out, err = call("compare", "rnn", "wrnn", *text, *options, "--json")
    assert code == 0, err
    assert [row["steps"] for row in json.loads(out)["rows"]] == [5, 5, 10, 10]


def test_equal_minutes(call, runs):
    options = ["--minutes=0.01", "--hidden=4", "--match=hidden", "--batch=2", "--seq-len=8"]
    text = ["--text", runs / "plays.txt", "--seeds=1", "--engine=reference", "--threads=1"]
    code, out, err = call("compare", "rnn", "wrnn", *text, *options, "--json", "--out=timed")
    assert code == 0, err
    assert [row["stopped_by"] for row in json.loads(out)["rows"]] == ["minutes"] * 2
    assert call("report", "timed", "-o", "report.html")[0] == 0


@pytest.mark.long
def test_ctrl_c_saves_and_the_comparison_goes_on(runs, tmp_path):
    command = ["compare", "rnn", "wrnn", "--text", runs / "plays.txt", "--seeds=2", *SMALL]
    command += ["--steps=2000", "--evaluate-every=100", "--out", tmp_path / "one"]
    with subprocess.Popen([*RECURRA, *map(str, command)], stdout=-1, stderr=-1, text=True) as child:
        wait_for("[2/4]", child.stdout)
        wait_for("step ", child.stdout)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    advice = re.fullmatch(r"Interrupted after 1 of 4 runs\. Go on: recurra (.*)\n", err)
    assert advice
    done = process(*advice[1].split(), text=True)
    assert done.returncode == 0
    assert "4 runs, 1 of them finished" in done.stdout
    assert "[1/4]" not in done.stdout


def test_reports(call, comparison):
    folder, _ = comparison
    code, out, err = call("report", folder, "-o", "one.html", "--chars", 20)
    assert (code, err) == (0, "")
    assert out.startswith("written: one.html, ")
    assert "rnn and sigmoid on plays.txt" in Path("one.html").read_text("utf-8")
    run = folder / "runs" / "40-steps20" / "rnn" / "seed-0"
    assert call("report", run, "--out=one.md", "--lang=zh", "--prompt=宝玉", "--chars=9")[0] == 0
    assert "宝玉" in Path("one.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("code", "sentence", "line"),
    [
        (2, "name two networks", "compare"),
        (2, "two are called rnn", "compare rnn rnn --text TEXT"),
        (1, "needs two networks", "compare rnn --text TEXT"),
        (1, "no network wrn; did you mean", "compare rnn wrn --text TEXT"),
        (1, "cannot read", "compare rnn wrnn"),
        (2, "--steps: without --text these are runs", "compare rnn wrnn --steps 5"),
        (2, "give all a name, or none", "compare a=RUN RUN"),
        (1, "within 2 %", "compare rnn gru --text TEXT --hidden 3"),
        (1, "match has to be", "compare rnn wrnn --text TEXT --match size"),
        (1, "--hidden 0: a size is", "compare rnn wrnn --text TEXT --hidden 0"),
        (2, "Invalid value for --hidden", "compare rnn wrnn --text TEXT --hidden 3,b"),
        (2, "is not a list of numbers", "compare rnn wrnn --text TEXT --steps many"),
        (2, "such as 100,400", "compare rnn wrnn --text TEXT --steps 1.5"),
        (1, "is asked for twice", "compare rnn wrnn --text TEXT --minutes 1,1"),
        (1, "steps has to be", "compare rnn wrnn --text TEXT --match hidden --steps 0"),
        (2, "say whose f1", "compare rnn wrnn --text TEXT --set f1=relu"),
        (1, "no network gru to set choices", "compare rnn wrnn --text TEXT --set gru.f=relu"),
        (1, "no choice f9", "compare rnn wrnn --text TEXT --set wrnn.f9=relu"),
        (1, "the test part holds no text", "compare rnn wrnn --text TEXT --split 90/10/0"),
        (2, "--seeds", "compare rnn wrnn --text TEXT --seeds 0"),
        (1, "no engine abacus", "compare rnn wrnn --text TEXT --engine abacus"),
        (1, "threads have to be", "compare rnn wrnn --text TEXT --threads 5000"),
        (1, "the training text has", "compare rnn wrnn --text TEXT --batch 9999"),
        (2, "lr and rates", "compare rnn wrnn --text TEXT --rates 1,2 --lr 3"),
        (1, "A comparison is a folder", "compare --resume nowhere"),
        (2, "keeps what it began with", "compare --resume nowhere --seeds 3"),
        (1, "cannot read", "report nowhere"),
        (1, "no language fr", "report RUN --lang fr"),
        (1, "--figures FOLDER --figure-format pdf", "report RUN --format pdf"),
        (1, "--figures FOLDER --figure-format png", "report RUN -o page.PNG"),
        (1, "knows no character", "report RUN --prompt é"),
        (2, "Missing argument", "report"),
    ],
)
def test_what_a_user_gets_wrong_is_one_sentence(call, runs, code, sentence, line):
    places = {"TEXT": runs / "plays.txt", "RUN": runs / "rnn", "a=RUN": f"a={runs / 'rnn'}"}
    ended, out, err = call(*(places.get(word, word) for word in line.split()))
    assert (ended, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err
    assert not list(Path().iterdir())


def test_the_script_for_slurm_works_on_the_comparison(runs, tmp_path, call, monkeypatch):
    monkeypatch.setattr("recurra.tuning.optuna_storage.require_database", lambda url: None)
    shared = ("--storage=postgresql://me:secret@host/name", "--sbatch", "--workers=7")
    command = ["compare", "rnn", "wrnn", "--text", runs / "plays.txt", "--hidden=40", *shared]
    code, script, err = call(*command, "--out=a comparison")
    assert (code, err) == (0, "")
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert "#SBATCH --array=1-7\n" in script
    assert f"exec recurra worker '{tmp_path / 'a comparison'}'\n" in script
    assert "secret" not in script
    assert call("compare", "--resume=a comparison", *shared) == (0, script, "")


def test_worker_works_on_what_compare_began(runs, call):
    options = {"hidden": [40], "seeds": 1, "engine": "reference", "threads": 1}
    recipe = recurra.MODERN.with_(batch=2, seq_len=8, steps=20, warmup=5)
    made = recurra.plan_comparison(["rnn", "wrnn"], [runs / "plays.txt"], recipe, **options)
    code, _, err = call("worker", made.folder, "--characters=9")
    assert code == 2
    assert "a comparison trains every run to its end" in err
    code, out, err = call("worker", made.folder)
    assert (code, err) == (0, "")
    assert "[2/2] 40/" in out
    assert recurra.evaluate_test(recurra.Comparison.open(made.folder)).rows
