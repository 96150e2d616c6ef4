"""Equations and spaces as people save, paste and name them: each is read, or gets its cure."""

import codecs

import pytest

from command_line import SMALL, write_text

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
def test_and_the_space(call, tmp_path, name):
    write_text(tmp_path / "plays.txt")
    (tmp_path / "space.toml").write_bytes(SAVED[name](SPACE))
    asked = ("--network=rnn", "--space=space.toml", "--length=3000", "--rung=1000", "--dry-run")
    small = [option for option in SMALL if not option.startswith("--steps")]
    code, _, err = call("tune", "plays.txt", *asked, *small)
    assert code == 0, err


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
    assert "look at how W begin" in err
