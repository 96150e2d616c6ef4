"""Spoilt files of runs, studies and comparisons: every answer is an orderly one.

The short form of tests/long/mutations.py: each file of each kind of folder is spoilt once.
"""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "long" / "mutations.py"
# Seconds for a command, on a machine that has other things to do: only what hangs needs them.
PATIENCE = 120


@pytest.mark.skipif(sys.platform != "linux", reason="watches its children in /proc")
def test_spoilt_files_end_in_a_sentence():
    options = ["--count=42", "--commands=1", f"--patience={PATIENCE}"]
    done = subprocess.run([sys.executable, PROGRAM, *options], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "42 commands, 0 failures" in done.stdout
