"""The command line in this process, as in tests/cli."""

import sys

import pytest

from recurra.cli import main


@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    """Run a command line in this process: its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["recurra", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capfd.readouterr()

    return run
