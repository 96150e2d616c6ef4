"""Trained runs, and a way to call the command line in this process."""

import io
import sys

import pytest

from command_line import SMALL, process, write_text
from recurra.cli import main


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder with a text and two trained runs."""
    folder = tmp_path_factory.mktemp("runs")
    text = write_text(folder / "plays.txt")
    for network in ("rnn", "wrnn"):
        out = folder / network
        done = process("train", text, "--network", network, "--out", out, "-q", *SMALL)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return folder


@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    """Run a command line in this process: its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["recurra", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capfd.readouterr()

    return run
