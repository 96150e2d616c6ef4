"""Texts that come through a pipe: a run keeps them, so that it can go on."""

import shlex
import shutil
import subprocess

import pytest

from command_line import RECURRA, SMALL, process, write_text


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_text(tmp_path / "plays.txt")


def bytes_of(folder):
    return [(folder / f"{name}.safetensors").read_bytes() for name in ("last", "best")]


def test_a_text_from_standard_input_is_kept(text, tmp_path, call):
    command = ["train", "--network=rnn", "-q", *SMALL]
    assert call(*command, text, "--out=file") == (0, "", "")
    piped = process(*command, "-", input=text.read_text("utf-8").encode("gb18030"))
    assert not piped.returncode, piped.stderr
    run = tmp_path / "runs" / "rnn-standard-input-001"
    assert (run / "standard-input.txt").read_text("utf-8") == text.read_text("utf-8")
    for name in ("last", "best"):
        ours, theirs = (folder / f"{name}.safetensors" for folder in (run, tmp_path / "file"))
        assert ours.stat().st_size == theirs.stat().st_size
    text.unlink()
    (tmp_path / "standard-input.txt").write_text("another text of that name", "utf-8")
    shutil.move(run, tmp_path / "moved")
    assert call("train", "--resume=moved", "--steps=60", "-q") == (0, "", "")
    assert call("eval", "moved")[::2] == (0, "")


def test_so_is_a_text_from_a_process(text, tmp_path, call):
    command = shlex.join([*RECURRA, "train", "--network=rnn", "-q", "--out=run", *SMALL])
    line = f"{command} <(cat plays.txt)"
    done = subprocess.run(["bash", "-c", line], capture_output=True)
    assert not done.returncode, done.stderr
    text.unlink()
    assert call("train", "--resume=run", "--steps=50", "-q") == (0, "", "")


@pytest.mark.parametrize(
    "command",
    [
        ["train", "-", "plays.txt", "--network=rnn", "--out=run"],
        ["tune", "-", "--network=rnn", "--grid=classic", "--out=run"],
        ["compare", "rnn", "gru", "--text=-", "--out=run"],
    ],
)
def test_elsewhere_a_pipe_is_refused(text, tmp_path, call, command):
    code, _, err = call(*command, stdin=text.read_bytes())
    assert code == 1
    assert "a pipe can be read only once" in err
    assert not (tmp_path / "run").exists()
