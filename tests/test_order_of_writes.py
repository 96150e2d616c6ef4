"""A power cut loses nothing: data are on the disk before their name is, and then the name.

The short form of tests/long/io_errors, which also lets every single call fail.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ERRORS = Path(__file__).parent / "long" / "io_errors" / "errors.py"
SKIPPED = 77  # no Linux, or no C compiler


def order(*options):
    """What the record of a training's calls shows."""
    command = [sys.executable, ERRORS, "--order", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode == SKIPPED:
        pytest.skip(done.stdout.strip())
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_order_of_write_fsync_rename_and_fsync_of_the_folder():
    code, said = order()
    assert code == 0, said
    assert "rename" in said


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_call_that_is_missing_is_noticed(call):
    code, said = order("--hide", call)
    assert code == 1
    assert "last.safetensors" in said
