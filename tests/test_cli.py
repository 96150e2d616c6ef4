"""The command line as a user meets it: what it prints, where, and how it ends."""

import contextlib
import io
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest

import recurra
from recurra.cli import COMMANDS, main
from recurra.cli.display import Dashboard, duration, sparkline
from recurra.cli.options import make_recipe
from recurra.functions import FUNCTIONS
from recurra.recipes import RECIPES, Recipe
from recurra.records import Evaluation, Progress, Sample

RECURRA = [sys.executable, "-c", "from recurra.cli import main; main()"]
SMALL = [
    "--hidden=6", "--batch=2", "--seq-len=8", "--steps=40", "--warmup=5", "--record-every=5",
    "--evaluate-every=10", "--sample-every=20", "--sample-characters=30", "--engine=reference",
]  # fmt: skip
RESULT = {
    "run", "network", "parameters", "vocabulary", "steps", "characters", "seconds",
    "chars_per_second", "train_nats_per_char", "val_nats_per_char", "val_bits_per_char",
    "min_smooth_loss", "min_smooth_loss_step", "stopped_by",
}  # fmt: skip


def write_text(path, encoding="utf-8"):
    chance = random.Random(path.name)
    words = ["to be", "or not", "that is", "the question\n", "宝玉", "黛玉"]
    path.write_text(" ".join(chance.choice(words) for _ in range(600)), encoding)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a text and two trained runs."""
    folder = tmp_path_factory.mktemp("runs")
    text = write_text(folder / "plays.txt")
    for network in ("rnn", "wrnn"):
        command = ["train", str(text), "--network", network, "--out", str(folder / network), "-q"]
        done = subprocess.run([*RECURRA, *command, *SMALL], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    """Run a command line in this process: its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["recurra", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capfd.readouterr()

    return run


def process(*arguments, **options):
    """Run a command line in a process of its own."""
    options = {"capture_output": True, "timeout": 120, **options}
    return subprocess.run([*RECURRA, *map(str, arguments)], **options)


# -- help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(call, command):
    code, out, err = call(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: recurra {command} ")


def test_the_list_of_commands(call):
    code, out, _ = call("--help")
    assert code == 0
    assert [line.split()[0] for line in out.split("Commands:\n")[1].splitlines() if line][
        : len(COMMANDS)
    ] == list(COMMANDS)
    assert "..." not in out.split("Commands:\n")[1]
    assert call()[1].startswith("Usage: recurra") or call()[2].startswith("Usage: recurra")


def test_version(call):
    assert call("--version") == (0, f"recurra {recurra.__version__}\n", "")


def test_every_field_of_a_recipe_is_an_option(call):
    _, out, _ = call("train", "--help")
    for field in fields(Recipe):
        if field.name != "name":
            assert f"--{field.name.replace('_', '-')} " in out
    assert "(256, classic: 100)" in " ".join(out.split())


OTHER = {
    "hidden": ("a=3,b=4", {"a": 3, "b": 4}), "init": ("classic", "classic"), "seed": ("7", 7),
    "dtype": ("float64", "float64"), "batch": ("5", 5), "seq_len": ("9", 9),
    "carry_state": (False, False), "optimizer": ("sgd", "sgd"), "lr": ("1e-1", 0.1),
    "beta1": ("0.5", 0.5), "beta2": ("0.5", 0.5), "momentum": ("0.5", 0.5), "eps": ("0.1", 0.1),
    "eps_inside_root": (True, True), "weight_decay": ("0", 0.0), "clip_value": ("2", 2.0),
    "clip_norm": ("none", None), "reduction": ("sum", "sum"), "dropout": ("0.3", 0.3),
    "warmup": ("0", 0), "final_lr": ("1", 1.0), "steps": ("11", 11), "epochs": ("1.5", 1.5),
    "minutes": ("0.5", 0.5), "patience": ("3", 3), "stop_no_minimum": ("5", 5),
    "stop_same_integer": ("6", 6), "divergence": ("9", 9.0), "smoothing": ("0.5", 0.5),
    "record_every": ("3", 3), "evaluate_every": ("4", 4), "evaluate_characters": ("77", 77),
    "sample_every": ("0", 0), "sample_characters": ("8", 8),
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe) if field.name != "name"])
def test_an_option_sets_its_field_and_no_other(name):
    typed, value = OTHER[name]
    settings = dict.fromkeys(OTHER) | {name: typed}
    recipe = make_recipe("modern", settings)
    expected = {name: value}
    if name in ("epochs", "minutes"):
        expected["steps"] = None  # one budget replaces the other
    assert recipe == replace(RECIPES["modern"], **expected)
    assert type(getattr(recipe, name)) is type(value)


# -- equations


def test_networks_are_counted(call):
    code, out, _ = call("networks", "--hidden", 100, "--vocabulary", 50)
    by_hand = 50 * 100 + 100 * 100 + 100 + 100 * 50 + 50  # U, W, s1, V, s2
    assert code == 0
    assert re.search(rf"^rnn +{by_hand:,} ", out, re.MULTILINE)
    rows = json.loads(call("networks", "--hidden", 100, "--vocabulary", 50, "--json")[1])
    assert {row["network"]: row["parameters"] for row in rows["networks"]}["rnn"] == by_hand
    assert [row["network"] for row in rows["networks"]] == recurra.library()


def test_a_network_is_shown_as_it_is_read(call):
    _, out, _ = call("show", "wrnn", "--set", "f1=relu", "--hidden", "a=12,b=34")
    shown = recurra.load_network("wrnn", {"f1": "relu"})
    assert shown.source in out
    assert re.search(r"^V +34 x 12 +34 x 12 *$", out, re.MULTILINE)
    assert re.search(r"^U +12 x 65 +65 x 12 *$", out, re.MULTILINE)


def test_exact_gradients_pass(call):
    code, out, _ = call("check", "rnn", "--engine=reference", "--set", "f=swish")
    assert code == 0
    assert len(re.findall(r" ok *$", out, re.MULTILINE)) == 5
    result = json.loads(call("check", "rnn", "--engine=reference", "--json")[1])
    assert result["passed"]
    assert [row["parameter"] for row in result["parameters"]] == ["U", "W", "V", "s1", "s2"]


def test_equations_of_ones_own_pass(call):
    Path("mine.eq").write_text(
        "h[t] = tanh(U @ x[t] + W @ h[t-1]) * h[t-2] + s\no[t] = softmax(V @ h[t])\n", "utf-8"
    )
    assert call("check", "mine.eq", "--engine", "reference")[0] == 0


def test_a_wrong_gradient_fails(call, monkeypatch):
    wrong = replace(FUNCTIONS["tanh"], derivative=lambda x, y: 1.0 - y)
    monkeypatch.setitem(FUNCTIONS, "tanh", wrong)
    code, out, _ = call("check", "rnn", "--engine", "reference")
    assert code == 1
    assert re.search(r"^W .* WRONG *$", out, re.MULTILINE)
    assert re.search(r"^V .* ok *$", out, re.MULTILINE)  # behind the wrong function all is well
    assert not json.loads(call("check", "rnn", "--engine", "reference", "--json")[1])["passed"]


# -- train


def test_a_training_in_lines(call):
    text = write_text(Path("dream.txt"), "gb18030")
    code, out, err = call("train", text, "--network", "rnn", *SMALL)
    assert (code, err) == (0, "")
    assert "rnn-dream-001" in out
    assert "gb18030 (detected)" in out
    assert re.search(r"^step 10 +25%, .*train \d\.\d+ nats +held-out \d\.\d+ nats", out, re.M)
    assert re.search(r"^ +\| ", out, re.M)  # a sample
    assert "Ended: the budget of steps is used up." in out
    assert "Next: recurra write " in out


def test_json_is_one_line_and_all_else_is_on_stderr(call, runs):
    code, out, err = call("train", runs / "plays.txt", "--json", "--out", "run", *SMALL)
    assert code == 0
    assert out.count("\n") == 1
    result = json.loads(out)
    assert result.keys() >= RESULT
    assert (result["steps"], result["characters"], result["stopped_by"]) == (40, 640, "steps")
    assert result["network"] == "wrnn"
    assert Path(result["run"]).samefile("run")
    assert "step 10" in err
    code, out, err = call("train", runs / "plays.txt", "--json", "-q", "--out", "run2", *SMALL)
    assert (json.loads(out)["steps"], err) == (40, "")


def test_ctrl_c_saves_and_the_resumed_run_ends_in_the_same_bytes(runs, tmp_path):
    command = [
        *("train", str(runs / "plays.txt")),
        *("--out", str(tmp_path / "run"), *SMALL, "--steps=1000", "--evaluate-every=100"),
    ]
    with subprocess.Popen([*RECURRA, *command], stdout=-1, stderr=-1, text=True) as child:
        while not child.stdout.readline().startswith("step "):
            pass
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    advice = re.fullmatch(r"Interrupted at step ([\d,]+), and saved\. Go on: recurra (.*)\n", err)
    assert advice
    assert 100 <= int(advice[1].replace(",", "")) < 1000
    assert "Ended" not in out
    done = process(*advice[2].split())
    assert done.returncode == 0
    whole = process(*command[:3], tmp_path / "whole", *command[4:])
    assert whole.returncode == 0
    for name in ("last.safetensors", "best.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_an_interrupted_training_still_gives_its_line_of_json(runs, tmp_path):
    command = [
        *("train", str(runs / "plays.txt"), "--json"),
        *("--out", str(tmp_path / "run"), *SMALL, "--steps", "100000"),
    ]
    with subprocess.Popen([*RECURRA, *command], stdout=-1, stderr=-1, text=True) as child:
        while "step 10 " not in child.stderr.readline():
            pass
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert json.loads(out)["stopped_by"] == "interrupted"
    assert "Traceback" not in err


def test_divergence_is_an_error_with_a_cure(call, runs):
    wild = ["--lr", "1e9", "--optimizer", "sgd", "--clip-norm", "none", "--json"]
    code, out, err = call("train", runs / "plays.txt", *SMALL, *wild)
    assert code == 1
    assert json.loads(out)["stopped_by"] == "diverged"
    assert re.search(r"^Error: the loss .* learning rate 1e\+09 is too high", err, re.M)


def test_a_resumed_run_keeps_what_it_began_with(call, runs):
    for option in (["--lr", "1"], ["--network", "rnn"], ["--no-carry-state"], ["--set", "f=relu"]):
        code, _, err = call("train", "--resume", runs / "wrnn", *option)
        assert code == 2
        assert f"{option[0].replace('--no-', '--')}: a resumed run keeps" in err


def test_two_processes_cannot_train_one_run(runs, tmp_path):
    command = ["train", str(runs / "plays.txt"), "--out", str(tmp_path / "run"), *SMALL]
    with subprocess.Popen([*RECURRA, *command, "--steps", "1000000"], stdout=-1, text=True) as one:
        while "step 10 " not in one.stdout.readline():
            pass
        other = process("train", "--resume", tmp_path / "run", text=True)
        one.kill()
    assert other.returncode == 1
    assert re.fullmatch(r"Error: .* in use by another process.*\n", other.stderr)


# -- write


def test_equal_seeds_write_equal_texts(call, runs):
    one = call("write", runs / "rnn", "to be", "--chars", 50, "--seed", 1)
    assert one == call("write", runs / "rnn", "to be", "--chars", 50, "--seed", 1)
    assert one != call("write", runs / "rnn", "to be", "--chars", 50, "--seed", 2)
    code, out, err = one
    assert (code, err) == (0, "")
    assert out.startswith("to be")
    assert len(out) == len("to be") + 50 + len("\n")


def test_the_cli_writes_what_the_library_writes(call, runs):
    model = recurra.load_model(runs / "rnn")
    options = {"temperature": 1.5, "top_k": 9, "top_p": 0.9, "seed": 3}
    written = "".join(recurra.write(model, "宝玉", 40, **options))
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    assert call("write", runs / "rnn", "宝玉", "--chars", 40, *given)[1] == f"宝玉{written}\n"
    greedy = "".join(recurra.write(model, "宝玉", 40, temperature=0.0))
    assert call("write", runs / "rnn", "宝玉", "--chars", 40, "--greedy")[1] == f"宝玉{greedy}\n"
    last = recurra.load_model(runs / "rnn", "last")
    written = "".join(recurra.write(last, "宝玉", 40, seed=1))
    assert call("write", runs / "rnn", "宝玉", "--chars=40", "--last", "--seed=1")[1].endswith(
        f"{written}\n"
    )


def test_unknown_characters_are_named_and_skipped_or_refused(call, runs):
    code, out, err = call("write", runs / "rnn", "to é bé Ω", "--chars", 10)
    assert (code, len(out)) == (0, 9 + 10 + 1)
    assert "has never seen 'é', 'Ω': skipped" in err
    code, out, err = call("write", runs / "rnn", "to é bé", "--strict")
    assert (code, out) == (1, "")
    assert "'é' (U+00E9)" in err


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_text_comes_from_a_pipe(call, runs, encoding):
    prompt = "宝玉 黛玉 that is the question 宝玉 黛玉"
    piped = call("write", runs / "rnn", "--seed=1", stdin=f"{prompt}\n".encode(encoding))
    assert piped == call("write", runs / "rnn", prompt, "--seed=1")


def test_nothing_at_all_is_a_text_too(call, runs):
    code, out, _ = call("write", runs / "rnn", "--seed=1", "--chars=30")
    assert (code, len(out)) == (0, 31)
    assert call("write", runs / "rnn", "", "--seed=1", "--chars=30")[1] == out


def test_several_runs_write_one_after_the_other_without_a_terminal(call, runs):
    code, out, _ = call("write", runs / "rnn", runs / "wrnn", "to be", "--chars=30", "--seed=1")
    assert code == 0
    _, one, other = re.split(r"^--- .*\n", out, flags=re.M)
    assert one == call("write", runs / "rnn", "to be", "--chars=30", "--seed=1")[1]
    assert other == call("write", runs / "wrnn", "to be", "--chars=30", "--seed=1")[1]


@pytest.mark.parametrize("encoding", ["ascii", "cp936", "utf-8"])
def test_any_terminal_can_be_written_to(runs, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    prompt = "宝玉" if os.name != "nt" else "to be"
    for command in (
        ["write", runs / "rnn", runs / "wrnn", prompt, "--chars=30"],
        ["train", "--resume", runs / "rnn"],
    ):
        done = process(*command, env=environment)
        assert done.returncode == 0
        assert b"Traceback" not in done.stderr
    done = process("write", runs / "rnn", prompt, "--chars=0", env=environment)
    assert done.stdout.decode(encoding).strip() == prompt.encode(encoding, "replace").decode(
        encoding
    )


def test_a_reader_that_goes_away_is_no_error(runs):
    command = [*RECURRA, "write", str(runs / "rnn"), "to be", "--chars", "1000000"]
    with subprocess.Popen(command, stdout=-1, stderr=-1) as child:
        assert child.stdout.read(20).startswith(b"to be")
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(60) == 1


# -- eval


def test_eval_gives_the_library_s_numbers(call, runs):
    run = recurra.Run.open(runs / "rnn")
    scores = list(recurra.score(run, windows=7))
    code, out, err = call("eval", runs / "rnn", "--windows", 7, "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    rows = json.loads(out)["results"]
    assert [(row["text"], row["windows"]) for row in rows] == [
        ("validation", None), ("validation", 7), ("test", None), ("test", 7),
    ]  # fmt: skip
    for row, score in zip(rows, scores, strict=True):
        assert row["nats_per_char"] == pytest.approx(score.loss.nats_per_char)
        assert row["bits_per_char"] == pytest.approx(score.loss.bits_per_char)
        assert row["perplexity"] == pytest.approx(score.loss.perplexity)
        assert row["characters"] == score.loss.characters
    code, out, _ = call("eval", runs / "rnn", "--windows", 7)
    assert code == 0
    assert re.search(r"^validation +7 ", out, re.M)


def test_eval_of_another_text(call, runs):
    Path("other.txt").write_text("to be é or not", "utf-8")
    code, out, err = call("eval", runs / "rnn", "other.txt", "--json")
    assert code == 0
    assert "1 characters unknown to the model: left out" in err
    result = json.loads(out)
    assert (result["skipped"], result["results"][0]["characters"]) == (1, 12)


# -- demo


def test_demo(call, runs, monkeypatch):
    text = Path("long.txt")
    text.write_text((runs / "plays.txt").read_text("utf-8") * 10, "utf-8")
    monkeypatch.setattr("recurra.demo.TEXT", str(text))
    code, out, err = call("demo", "to be", "--minutes", 0.03, "--engine", "reference")
    assert (code, err) == (0, "")
    curves, table = out.split("Training loss, ")[1], out.split("held-out nats/char")[1]
    for network in ("rnn", "wrnn"):
        assert re.search(rf"^  {network} +[▁▂▃▄▅▆▇█]+  \d\.\d{{3}}$", curves, re.M)
        assert re.search(rf"^{network} +\d[\d,]+ +\d\.\d{{3}} ", table, re.M)
        run = Path("runs") / f"{network}-long-001"
        assert recurra.load_model(run).network.name == network
        assert re.search(rf"^--- {run}\nto be", out, re.M)
    assert "recurra write " in table


# -- what goes wrong


@pytest.mark.parametrize(
    ("code", "sentence", "line"),
    [
        (2, "name what to train on", "train"),
        (1, "is empty", "train empty.txt"),
        (1, "one step of 2 streams", "train one.txt --batch 2"),
        (1, "not text in any encoding", "train binary.txt"),
        (1, "one step of 32 streams x 64 characters needs 2,080", "train short.txt"),
        (1, "missing.txt cannot be read", "train missing.txt"),
        (1, "has no .txt file", "train folder"),
        (1, "is not a text encoding", "train TEXT --encoding klingon"),
        (1, "must be three shares", "train TEXT --split 90/5"),
        (1, "hidden has to be", "train TEXT --hidden 0"),
        (2, "Invalid value for --hidden", "train TEXT --hidden a=3,b"),
        (2, "Invalid value for --hidden", "train TEXT --hidden much"),
        (1, "no vector h in wrnn", "train TEXT --hidden h=3"),
        (1, "lr has to be a number above 0, not nan", "train TEXT --lr nan"),
        (2, "Invalid value for --lr", "train TEXT --lr fast"),
        (2, "Invalid value for --batch", "train TEXT --batch 1.5"),
        (1, "no network wrn: did you mean", "train TEXT --network wrn"),
        (1, "no choice f9", "train TEXT --set f9=tanh"),
        (2, "expected NAME=VALUE", "train TEXT --set f1"),
        (1, "unknown function nonsense", "train TEXT --set f1=nonsense"),
        (2, "is none of modern, classic", "train TEXT --recipe clasic"),
        (1, "no engine abacus", "train TEXT --engine abacus"),
        (1, "choose another name, or resume", "train TEXT --batch 2 --out RUN"),
        (1, "cannot write", "train TEXT --batch 2 --out one.txt/run"),
        (1, "cannot read", "train --resume nowhere"),
        (1, "top_p has to be", "write RUN hello --top-p 2"),
        (1, "top_k has to be", "write RUN hello --top-k 0"),
        (1, "temperature has to be", "write RUN hello --temperature nan"),
        (1, "seed has to be", "write RUN hello --seed -1"),
        (1, "needs quotes", "write RUN to be"),
        (1, "no run folder nowhere", "write nowhere hello"),
        (1, "cannot read", "write nowhere"),
        (1, "cannot read", "write folder hello"),
        (2, "Missing argument", "write"),
        (1, "cannot read", "eval nowhere"),
        (2, "--windows", "eval RUN --windows 0"),
        (1, "fewer than two characters", "eval RUN one.txt"),
        (1, "no network missing", "check missing"),
        (1, "cannot read missing.eq", "check missing.eq"),
        (1, "not UTF-8", "check binary.txt"),
        (1, "line 1, column 1: this is not an equation", "check python.eq"),
        (1, "--hidden 0", "networks --hidden 0"),
        (1, "no size for", "show wrnn --hidden a=4"),
        (1, "minutes has to be", "demo --minutes 0"),
        (2, "Did you mean 'train'?", "trian"),
    ],
)
def test_what_a_user_gets_wrong_is_one_sentence(call, runs, code, sentence, line):
    Path("empty.txt").touch()
    Path("one.txt").write_text("x", "utf-8")
    Path("short.txt").write_text("too short", "utf-8")
    Path("binary.txt").write_bytes(random.Random(1).randbytes(10_000))
    Path("python.eq").write_text("import os; os.remove('empty.txt')", "utf-8")
    Path("folder").mkdir()
    before = sorted(Path().rglob("*"))
    places = {"TEXT": runs / "plays.txt", "RUN": runs / "rnn"}
    ended, out, err = call(*(places.get(word, word) for word in line.split()))
    assert (ended, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err
    if code == 1:
        assert err.startswith("Error: ")
    assert sorted(Path().rglob("*")) == before


def test_damaged_checkpoints_are_refused(call, runs):
    run = recurra.Run.open(runs / "rnn")
    best = (run.folder / "best.safetensors").read_bytes()
    copy = recurra.Run.create("copy", run.config, run.equations, run.vocabulary)
    for damaged in (b"", best[:-9], bytes([*best[:-1], best[-1] ^ 1]), b"\x80\x04\x95" + best):
        (copy.folder / "best.safetensors").write_bytes(damaged)
        code, out, err = call("write", "copy", "to be")
        assert (code, out) == (1, "")
        assert re.fullmatch(r"Error: .*best\.safetensors .*\n", err)


def test_a_full_disk_is_told(runs):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    for command in (["networks"], ["networks", "--json"], ["write", runs / "rnn", "to be"]):
        with open("/dev/full", "wb") as full:
            done = process(*command, stdout=full, stderr=-1, capture_output=False, text=True)
        assert done.returncode == 1
        assert done.stderr == "Error: the output: No space left on device\n"


def test_memory_that_does_not_suffice_is_told(call, monkeypatch):
    def exhausted():
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(recurra, "library", exhausted)
    code, _, err = call("networks")
    assert code == 1
    assert err.startswith("Error: not enough memory (Unable to allocate 9 TiB): try a smaller")


def test_what_nobody_foresaw_is_one_sentence_and_a_log(call, monkeypatch):
    def broken():
        raise KeyError("a fault")

    monkeypatch.setattr(recurra, "library", broken)
    code, out, err = call("networks")
    assert (code, out, err.count("\n")) == (1, "", 1)
    log = Path(re.search(r"file (\S+\.log)$", err)[1])
    assert "KeyError: 'a fault'" in log.read_text("utf-8")
    log.unlink()


# -- on a terminal


@contextlib.contextmanager
def terminal(*arguments):
    """A command line on a pseudo-terminal: yields what types into it, and what it has shown."""
    pty = pytest.importorskip("pty")
    pid, descriptor = pty.fork()
    if pid == 0:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
        os.execve(RECURRA[0], [*RECURRA, *map(str, arguments)], environment)
    shown = b""

    def until(pattern):
        nonlocal shown
        end = time.monotonic() + 60
        while not (found := re.search(pattern, shown.decode("utf-8", "replace"), re.S)):
            assert time.monotonic() < end, shown
            if select.select([descriptor], [], [], 1.0)[0]:
                try:
                    shown += os.read(descriptor, 65536)
                except OSError:  # the other end is closed
                    end = 0.0
        shown = b""
        return found[0]

    try:
        yield lambda keys: os.write(descriptor, keys.encode()), until
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(descriptor)


def test_you_type_it_goes_on_you_type_again(runs):
    with terminal("write", runs / "rnn", "--chars", 20, "--seed", 1) as (type_in, until):
        until("Type, and end with Enter.*> ")
        type_in("to be\n")
        first = until("to be\r\nto be.*> ")
        type_in("\n")
        until("\r\n.*\r\n> ")
        type_in("宝玉 Ω\n")
        until("\r\n[^\n]* has never seen 'Ω': skipped\r\n宝玉 Ω.*> ")
        type_in("\x04")
    model = recurra.load_model(runs / "rnn")
    expected = "".join(recurra.write(model, "to be", 20, seed=1)).replace("\n", "\r\n")
    assert f"to be{expected}\r\n> " in first


def test_a_training_on_a_terminal_is_live(runs, tmp_path):
    command = ["train", runs / "plays.txt", "--out", tmp_path / "run", *SMALL, "--steps=200"]
    with terminal(*command) as (_, until):
        assert "chars/s" in until("written after step .*held-out")
        until("100%.*Ended: .*Next: .*\n")


def test_columns_on_a_terminal(runs):
    with terminal("write", runs / "rnn", runs / "wrnn", "to be", "--chars", 20) as (_, until):
        assert until("to be.*to be.*┘\r\n")


def test_a_dashboard_shows_the_figures():
    rich_console = pytest.importorskip("rich.console")
    console = rich_console.Console(
        file=io.StringIO(), width=100, force_terminal=True, color_system=None, legacy_windows=False
    )
    dashboard = Dashboard(console)
    console.print(dashboard.render())
    dashboard.show(
        Progress(
            step=1234, characters=10**6, nats_per_char=2.0, smooth_loss=100.0,
            smooth_nats_per_char=1.5, rate=0.01, chars_per_second=54321.0, seconds=75.0,
            fraction=0.25, seconds_left=225.0
        )
    )  # fmt: skip
    dashboard.show(Evaluation(1200, 1.625, 1.625 / 0.6931, True))
    dashboard.show(Sample(1000, "宝玉[bold] says"))
    console.print(dashboard.render())
    shown = console.file.getvalue()
    for figure in (
        "1,234",
        "54,321",
        "1.500",
        "1.625 nats 2.344 bits",
        "25%",
        "3:45",
        "宝玉[bold]",
    ):
        assert figure in shown


def test_a_curve_as_a_line_of_blocks():
    assert sparkline([8, 7, 6, 5, 4, 3, 2, 1], 1, 8, 60, ascii_only=False) == "█▇▆▅▄▃▂▁"
    assert sparkline([2, 1], 1, 2, 60, ascii_only=True) == "#_"
    assert sparkline([3.0], 3.0, 3.0, 60, ascii_only=False) == "▁"
    assert len(sparkline(range(1000), 0, 999, 60, ascii_only=False)) == 60
    assert sparkline(range(1000), 0, 999, 60, ascii_only=False)[-1] == "█"


def test_durations():
    assert [duration(s) for s in (0, 59.6, 61, 3600)] == ["0:00", "1:00", "1:01", "1:00:00"]
