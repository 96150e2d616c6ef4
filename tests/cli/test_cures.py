"""Equations and spaces as people save, paste and name them: each is read, or gets its cure."""

import codecs
import contextlib
import os
import re
import subprocess
import sys

import pytest

from command_line import RECURRA, REFERENCE, SMALL, process, trained, write_text
from recurra.tuning.space import load_space, parse_space
from studies import finished

EQUATIONS = "# 记忆\na[t] = tanh(U @ x[t] + W @ a[t-1] + s1)\np[t] = softmax(V @ a[t] + s2)\n"
SPACE = "# 范围\nlr = [0.1, 0.01]\n"
SAVED = {
    "utf-8": str.encode,
    "with a mark": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 of another order": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "gbk": lambda text: text.encode("gbk"),
}


@pytest.mark.parametrize("name", SAVED)
def test_every_editor_may_have_saved_the_equations(call, tmp_path, name):
    (tmp_path / "net.eq").write_bytes(SAVED[name](EQUATIONS))
    code, out, err = call("show", "net.eq")
    assert (code, err) == (0, "")
    assert "记忆" in out


@pytest.mark.parametrize("name", SAVED)
def test_and_the_space(tmp_path, name):
    (tmp_path / "space.toml").write_bytes(SAVED[name](SPACE))
    assert load_space(tmp_path / "space.toml") == parse_space({"lr": [0.1, 0.01]})


def test_equations_may_be_pasted_with_their_indent(call, tmp_path):
    lines = EQUATIONS.splitlines()
    (tmp_path / "net.eq").write_text("\n".join(f"    {line}" for line in lines), "utf-8")
    assert call("show", "net.eq")[0] == 0
    (tmp_path / "net.eq").write_text("\n  ".join(lines), "utf-8")
    code, _, err = call("show", "net.eq")
    assert code == 1
    assert "line 2" in err
    assert "this line is indented, and others are not" in err


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("（", "("), ("）", ")"), ("，", ","), ("＝", "="), ("［", "["), ("＋", "+")],
)
def test_a_full_width_character_is_named_with_its_cure(call, tmp_path, wrong, right):
    (tmp_path / "net.eq").write_text(f"a[t] {wrong} b\n", "utf-8")
    code, _, err = call("show", "net.eq")
    assert code == 1
    assert f"{wrong} is a full-width character: type {right}" in err


@pytest.mark.parametrize(
    ("typed", "right"),
    [("【", "["), ("】", "]"), ("、", ","), ("−", "-"), ("·", "@ between"), ("⊙", "*")],
)
def test_a_sign_of_papers_and_input_methods_is_named_with_its_cure(call, tmp_path, typed, right):
    (tmp_path / "net.eq").write_text(f"a[t] = b {typed} c\n", "utf-8")
    code, _, err = call("show", "net.eq")
    assert code == 1
    assert f"{typed} cannot be read: type {right}" in err


@pytest.mark.parametrize(("before", "after"), [("tanh(", "+ tanh("), ("tanh(U", "tanh(+U")])
def test_a_plus_in_front_says_nothing(call, tmp_path, before, after):
    shown = []
    for text in (EQUATIONS, EQUATIONS.replace(before, after)):
        (tmp_path / "net.eq").write_text(text, "utf-8")
        code, out, err = call("show", "net.eq")
        assert (code, err) == (0, "")
        shown.append(out)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("word", ["lambda", "in", "is"])
def test_a_word_that_cannot_be_a_name_is_told(call, tmp_path, word):
    (tmp_path / "net.eq").write_text(EQUATIONS.replace("W @", f"{word} @"), "utf-8")
    code, _, err = call("show", "net.eq")
    assert code == 1
    assert f"{word} cannot be a name" in err


def test_a_prompt_in_utf_8_is_read_in_a_locale_without_it(tmp_path):
    write_text(tmp_path / "plays.txt")
    run = tmp_path / "run"
    trained(tmp_path / "plays.txt", "rnn", run)
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    options = {"env": env, "stdin": subprocess.DEVNULL}
    done = process("write", run, "宝玉", "--chars=3", program=REFERENCE, **options)
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout.decode().startswith("宝玉")


def test_capitals_are_no_reason_to_guess(call, tmp_path):
    assert "did you mean wrnn?" in call("show", "WRNN")[2]
    (tmp_path / "net.eq").write_text(EQUATIONS.replace("tanh", "Relu"), "utf-8")
    assert "did you mean relu" in call("show", "net.eq")[2]
    assert "did you mean net.eq?" in call("show", "net")[2]


def test_a_loss_that_no_update_has_touched_is_not_the_learning_rate(call, tmp_path):
    write_text(tmp_path / "plays.txt")
    growing = "W: identity(1e30)\n" + EQUATIONS.replace("tanh", "relu")
    (tmp_path / "net.eq").write_text(growing, "utf-8")
    code, _, err = call("train", "plays.txt", "--network=net.eq", *SMALL)
    assert code == 1
    assert "at step 1, before any update" in err
    assert "a[t] = relu(" in err
    assert "look at the initial values of W, and" in err


def test_a_vector_that_is_no_number_is_named(call, tmp_path):
    write_text(tmp_path / "plays.txt")
    divided = EQUATIONS.replace("s1)", "s1) / (Z @ a[t-1])")
    (tmp_path / "net.eq").write_text(divided, "utf-8")
    code, _, err = call("train", "plays.txt", "--network=net.eq", *SMALL)
    assert code == 1
    assert "/ (Z @ a[t-1]) is no finite number" in err


UNWRITABLE = """
import recurra
corpus = recurra.load_corpus(["plays.txt"])
trainer = recurra.Trainer(recurra.load_network("rnn"), corpus, recurra.MODERN.with_(hidden=6))
print(next(trainer.records()).message)
"""


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    write_text(tmp_path / "plays.txt")
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "cache"  # nobody, root included, can make that
    env = {**os.environ, "RECURRA_CACHE": str(place)}
    command = [sys.executable, "-c", UNWRITABLE]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"no kernel can be kept in {place}" in done.stdout
    assert "set RECURRA_CACHE to a folder that is" in done.stdout


def test_a_trial_that_was_pruned_is_called_so(call, tmp_path):
    made = finished(tmp_path, pruner="rounds", rung=100)
    pruned = next(trial for trial in made.trials() if trial.state == "pruned")
    code, _, err = call("write", made.run_folder(pruned.number), "1")
    assert code == 1
    assert "a trial that was pruned" in err
    assert f"recurra train --from {made.folder}" in err


def test_an_explanation_is_a_page_and_a_terminal_gets_no_picture(call, tmp_path):
    assert call("explain", "rnn", "-o", "rnn.html")[0] == 0
    page = (tmp_path / "rnn.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert "<math" in page
    assert not re.search(r"(src|href)=", page)
    master, slave = os.openpty()
    with subprocess.Popen([*RECURRA, "explain", "rnn"], stdout=slave) as shown:
        os.close(slave)
        text = b""
        with contextlib.suppress(OSError):
            while part := os.read(master, 65536):
                text += part
    os.close(master)
    assert shown.returncode == 0
    assert b"base64" not in text
    assert b"recurra explain rnn -o rnn.html" in text
