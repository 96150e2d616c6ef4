"""The command line as a user meets it: what each command prints, where, and how it ends."""

import ctypes
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

import recurra
from command_line import RECURRA, REFERENCE, SMALL, process, wait_for, write_text
from recurra.cli import COMMANDS
from recurra.cli.options import typed
from recurra.compute.numba.codegen import generate_kernels
from recurra.compute.plan import make_plan
from recurra.lang.functions import FUNCTIONS
from recurra.training.recipe import RECIPES, Recipe, make_recipe

RESULT = {
    "run", "network", "parameters", "vocabulary", "steps", "characters", "seconds",
    "chars_per_second", "train_nats_per_char", "val_nats_per_char", "val_bits_per_char",
    "min_smooth_loss", "min_smooth_loss_step", "stopped_by",
}  # fmt: skip


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
    "sample_every": ("0", 0), "sample_characters": ("8", 8), "dropout_same": (True, True),
    "average": ("0.9", 0.9),
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe) if field.name != "name"])
def test_an_option_sets_its_field_and_no_other(name):
    text, value = OTHER[name]
    recipe = make_recipe("modern", typed({name: text}))
    expected = {name: value}
    if name in ("epochs", "minutes"):
        expected["steps"] = None  # one budget replaces the other
    assert recipe == replace(RECIPES["modern"], **expected)
    assert type(getattr(recipe, name)) is type(value)


@pytest.mark.parametrize(
    ("typed", "name", "choices"),
    [
        ((), "glstm", {}),
        (("--network", "wrnn", "--set", "f2=relu"), "wrnn", {"f1": "tanh", "f2": "relu"}),
    ],
)
def test_a_preset_brings_its_network_and_other_options_count(call, runs, typed, name, choices):
    options = [*typed, "--steps=2", "--hidden=4", "--engine=reference", "--out=run", "--quiet"]
    code, _, err = call("train", runs / "plays.txt", "--preset", "fast", *options)
    assert code == 0, err
    run = recurra.Run.open("run")
    assert run.config["network"] == name
    assert recurra.parse(run.equations).choices == choices
    recipe = recurra.Recipe(**run.config["recipe"])
    fast = recurra.preset("fast", recurra.load_corpus([runs / "plays.txt"])).recipe
    rate = recipe.lr if name == "wrnn" else fast.lr  # another network has its own
    assert recipe == fast.with_(steps=2, hidden=4, lr=rate)


# -- equations


def test_networks_are_counted(call):
    code, out, _ = call("networks", "--hidden", 100, "--vocabulary", 50)
    by_hand = 50 * 100 + 100 * 100 + 100 + 100 * 50 + 50  # U, W, s1, V, s2
    assert code == 0
    assert re.search(rf"^rnn +{by_hand:,} ", out, re.MULTILINE)
    rows = json.loads(call("networks", "--hidden", 100, "--vocabulary", 50, "--json")[1])
    assert {row["network"]: row["parameters"] for row in rows["networks"]}["rnn"] == by_hand
    assert [row["network"] for row in rows["networks"]] == recurra.library()
    found = json.loads(call("networks", "--search", "xLSTM", "--json")[1])["networks"]
    assert [row["network"] for row in found] == ["slstm"]
    assert "Beck et al. 2024" in call("networks", "--search", "xlstm")[1]
    code, _, told = call("networks", "--search", "transformer of 2099")
    assert (code, told.count("\n")) == (1, 1)
    assert "recurra networks lists all" in told


def test_a_network_is_shown_as_it_is_read(call):
    _, out, _ = call("show", "wrnn", "--set", "f1=relu", "--hidden", "a=12,b=34")
    shown = recurra.load_network("wrnn", {"f1": "relu"})
    assert shown.source in out
    assert re.search(r"^# V +34 x 12, stored as 34 x 12$", out, re.MULTILINE)
    assert re.search(r"^# U +12 x 65, stored as 65 x 12$", out, re.MULTILINE)
    Path("copy.eq").write_text(out, "utf-8")
    assert recurra.load_network("copy.eq").source == shown.source
    assert call("show", "wrnn", "--set", "f1=relu", "-o", "other.eq")[0] == 0
    assert Path("other.eq").read_text("utf-8") == shown.source


def test_an_explanation_goes_where_it_is_wanted(call):
    code, out, err = call("explain", "wrnn", "--set", "f1=sigmoid")
    assert (code, err) == (0, "")
    network = recurra.load_network("wrnn", {"f1": "sigmoid"})
    assert out == recurra.explanation(network)
    Path("notes").mkdir()
    arguments = ["-o", "notes/mine.md", "--diagram", "the diagram.svg", "--lang", "zh"]
    code, out, err = call("explain", "wrnn", *arguments)
    size = Path("notes/mine.md").stat().st_size
    assert (code, out, err) == (0, f"written: notes/mine.md, {size:,} bytes\n", "")
    page = Path("notes/mine.md").read_text("utf-8")
    assert page == recurra.explanation(recurra.load_network("wrnn"), "zh", "../the%20diagram.svg")
    assert Path("the diagram.svg").read_text("utf-8") == recurra.draw(network)
    code, out, err = call("explain", "rnn", "--lang", "fr", "-o", "french.md")
    assert (code, out, err) == (1, "", "Error: no language fr: choose one of en, zh\n")
    assert not Path("french.md").exists()
    assert call("explain", "rnn", "-o", "nowhere/page.md")[2].startswith("Error: cannot write ")


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


# -- threads

COUNT = """
import atexit, os, sys
atexit.register(lambda: print("threads of BLAS:", os.environ.get("OPENBLAS_NUM_THREADS")))
sys.argv = ["recurra", "networks"]
from recurra.cli import main
assert "numpy" not in sys.modules, "too late to tell BLAS"
main()
"""


@pytest.mark.parametrize(("given", "used"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_blas_has_one_thread_unless_told_otherwise(given, used):
    kept = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    command = [sys.executable, "-c", COUNT]
    done = subprocess.run(command, capture_output=True, text=True, env={**kept, **given})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"threads of BLAS: {used}\n")


# -- train


def test_a_training_in_lines(call):
    text = write_text(Path("dream.txt"), "gb18030")
    code, out, err = call("train", text, "--network", "rnn", *SMALL)
    assert (code, err) == (0, "")
    assert "rnn-dream-001" in out
    assert "gb18030 (detected)" in out
    assert re.search(r"^step 10 +25%, .*train \d\.\d+ nats +held-out \d\.\d+ nats", out, re.M)
    assert re.search(r"^ +\| ", out, re.M)  # a sample
    assert re.search(
        r"^Lowest smoothed loss of a sequence, summed: \d+\.\d\d, at step \d", out, re.M
    )
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


INTERRUPTED_AT_STEP_100 = """
import os, signal
from recurra.cli import main
from recurra.cli.display import Lines
from recurra.training.records import Evaluation

show = Lines.show

def show_and_press_ctrl_c(self, record):
    show(self, record)
    if isinstance(record, Evaluation) and record.step == 100:
        os.kill(os.getpid(), signal.SIGINT)

Lines.show = show_and_press_ctrl_c
main()
"""


def test_ctrl_c_saves_and_the_resumed_run_ends_in_the_same_bytes(runs, tmp_path):
    command = [
        *("train", str(runs / "plays.txt")),
        *("--out", str(tmp_path / "run"), *SMALL, "--steps=200", "--evaluate-every=50"),
    ]
    interrupting = [sys.executable, "-c", INTERRUPTED_AT_STEP_100, *command]
    child = subprocess.run(interrupting, capture_output=True, text=True)
    assert child.returncode == 130
    advice = re.fullmatch(
        r"Interrupted at step 100, and saved\. Go on: recurra (.*)\n", child.stderr
    )
    assert advice
    assert "step 100 " in child.stdout
    assert "Ended" not in child.stdout
    done = process(*advice[1].split())
    assert done.returncode == 0
    whole = process(*command[:3], tmp_path / "whole", *command[4:])
    assert whole.returncode == 0
    for name in ("last.safetensors", "best.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_an_interrupt_that_a_callback_loses_is_no_fault(call, monkeypatch):
    def compile_kernels(word):
        def called_from_c():
            raise KeyboardInterrupt

        ctypes.CFUNCTYPE(None)(called_from_c)()
        raise RuntimeError("no compiled object yet")

    monkeypatch.setattr(recurra, "search_library", compile_kernels)
    assert call("networks") == (130, "", "Interrupted.\n")


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
        wait_for("step 10 ", one.stdout)
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
    piped = call("write", runs / "rnn", "-", "--seed=1", stdin=f"{prompt}\n".encode(encoding))
    assert piped == call("write", runs / "rnn", prompt, "--seed=1")


def test_nothing_at_all_is_a_text_too(call, runs):
    code, out, _ = call("write", runs / "rnn", "--seed=1", "--chars=30")
    assert (code, len(out)) == (0, 31)
    assert call("write", runs / "rnn", "", "--seed=1", "--chars=30")[1] == out


def test_a_text_may_look_like_an_option_or_a_folder(call, runs):
    for text in ("--to", "-", str(runs), str(runs / "wrnn")):
        code, out, _ = call("write", runs / "rnn", "--prompt", text, "--chars=5")
        assert (code, out[: len(text)], len(out)) == (0, text, len(text) + 6)


def test_a_loop_keeps_its_standard_input(runs):
    command = shlex.join([*REFERENCE, "write"])
    line = f'while read -r run; do {command} "$run" --chars=3; done'
    names = "".join(f"{runs / name}\n" for name in ("rnn", "wrnn"))
    done = subprocess.run(["sh", "-c", line], input=names.encode(), capture_output=True)
    assert (done.returncode, len(done.stdout.decode())) == (0, 2 * 4)
    assert b"left unread: for its text, end with -" in done.stderr


def test_writing_ends_before_a_text(call, runs):
    options = ("to be", "--seed=1", "--chars=200")
    whole = call("write", runs / "rnn", *options)[1].removesuffix("\n")
    stop = whole[40:43]
    ended = call("write", runs / "rnn", *options, "--stop", stop)[1]
    assert ended == whole[: whole.index(stop, len("to be"))] + "\n"


def test_several_texts_of_a_run(call, runs, tmp_path):
    options = ("to be", "--chars=30")
    code, out, _ = call("write", runs / "rnn", *options, "--samples=3", "--seed=1")
    assert code == 0
    heads = re.findall(r"^--- .*:(\d)$", out, flags=re.M)
    _, *texts = re.split(r"^--- .*\n", out, flags=re.M)
    assert heads == ["1", "2", "3"]
    alone = [call("write", runs / "rnn", *options, f"--seed={seed}")[1] for seed in (1, 2, 3)]
    assert texts == alone
    call("write", runs / "rnn", *options, "--samples=3", "--seed=1", "-o", "texts.txt")
    assert (tmp_path / "texts.txt").read_text("utf-8") == out
    for asked in (["--greedy", "to be"], ["--temperature=0", "to be"]):
        assert call("write", runs / "rnn", *asked, "--samples=2")[0] == 2


def test_several_runs_write_one_after_the_other_without_a_terminal(call, runs):
    code, out, _ = call("write", runs / "rnn", runs / "wrnn", "to be", "--chars=30", "--seed=1")
    assert code == 0
    _, one, other = re.split(r"^--- .*\n", out, flags=re.M)
    assert one == call("write", runs / "rnn", "to be", "--chars=30", "--seed=1")[1]
    assert other == call("write", runs / "wrnn", "to be", "--chars=30", "--seed=1")[1]


@pytest.mark.skipif(os.name == "nt", reason="closed by a POSIX shell")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(runs, closed):
    command = [*REFERENCE, "write", runs / "rnn", "--chars", "5", "--seed", "1"]
    line = f"{shlex.join(map(str, command))} {closed}"
    done = subprocess.run(["sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert bool(done.stdout) != (">&-" in closed.split())


def test_a_reader_that_goes_away_is_no_error(runs):
    command = [*REFERENCE, "write", str(runs / "rnn"), "to be", "--chars", "1000000"]
    with subprocess.Popen(command, stdout=-1, stderr=-1) as child:
        assert child.stdout.read(20).startswith(b"to be")
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(60) == 1


# -- demo


def test_demo(call, runs, monkeypatch):
    text = Path("long.txt")
    text.write_text((runs / "plays.txt").read_text("utf-8") * 10, "utf-8")
    monkeypatch.setattr("recurra.training.demo.TEXT", str(text))
    code, out, err = call("demo", "to be", "--minutes", 0.03, "--engine", "reference")
    assert (code, err) == (0, "")
    curves, table = out.split("Training loss, ")[1], out.split("held-out nats/char")[1]
    for network in ("rnn", "wrnn"):
        assert re.search(rf"^  {network} +[▁▂▃▄▅▆▇█]+  \d\.\d{{4}}$", curves, re.M)
        assert re.search(rf"^{network} +\d[\d,]+ +\d\.\d{{4}} ", table, re.M)
        run = Path("runs") / f"{network}-long-001"
        assert recurra.load_model(run).network.name == network
        assert re.search(rf"^--- {run}\nto be", out, re.M)
    assert "recurra write " in table


def test_a_demo_that_ends_before_its_first_step(call, runs, monkeypatch):
    monkeypatch.setattr("recurra.training.demo.TEXT", str(runs / "plays.txt"))
    code, out, err = call("demo", "to be", "--minutes=1e-9", "--engine=reference")
    assert (code, err) == (0, "")
    assert len(re.findall(r"^  w?rnn +▁  \d\.\d{4}$", out, re.M)) == 2


# -- what the documents show


def test_the_kernel_that_is_shown_is_the_one_that_runs(call):
    kernels = generate_kernels(make_plan(recurra.load_network("wrnn")), "float32")
    assert call("show", "wrnn", "--kernel") == (0, kernels.text + "\n", "")


def test_the_curve_of_the_page_about_runs(runs):
    page = Path(__file__).parents[2] / "docs" / "runs.md"
    program, *_ = re.findall("```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    found = {}
    exec(program.replace("runs/rnn-novel-001", str(runs / "rnn")), found)
    assert [step for step, _ in found["points"]] == [10, 20, 30, 40]
