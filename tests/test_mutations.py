"""Spoilt files of runs, studies and comparisons: every answer is an orderly one.

The short form of tests/long/mutations.py: each file of each kind of folder is spoilt once.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "long" / "mutations.py"
# Seconds for a command, on a machine that has other things to do: only what hangs needs them.
PATIENCE = 120

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches its children in /proc")


def test_spoilt_files_end_in_a_sentence():
    options = ["--count=42", "--commands=1", f"--patience={PATIENCE}"]
    done = subprocess.run([sys.executable, PROGRAM, *options], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "42 commands, 0 failures" in done.stdout


def test_a_sweep_that_is_cut_ends_its_command_and_its_folder(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    program = subprocess.Popen([sys.executable, PROGRAM], env=environment)
    numbers = Path(f"/proc/{program.pid}/task/{program.pid}/children")
    command = None
    while command is None:
        assert program.poll() is None
        time.sleep(0.005)
        for number in map(int, numbers.read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(number) == number:  # in a session of its own: no signal reaches it
                    os.kill(number, signal.SIGSTOP)  # or it could come to its end by itself
                    command = number
    program.terminate()
    code, left = program.wait(), Path(f"/proc/{command}").exists()
    if left:
        os.kill(command, signal.SIGKILL)
    assert (code, left, list(tmp_path.iterdir())) == (128 + signal.SIGTERM, False, [])
