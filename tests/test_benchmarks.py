"""The benchmarks compare equal things: all contenders take the same steps. Times are not tested."""

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[1] / "benchmarks" / "run.py"


def test_contenders_take_the_same_steps():
    command = [sys.executable, RUN, "--check", "--networks", "wrnn", "lstm"]
    command += ["--rivals", "course", "torch", "torch.nn"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # course: one stream and Adagrad alone; torch.nn: no W-RNN
    lines = [line.split()[0] for line in done.stdout.splitlines()]
    assert {name: lines.count(name) for name in lines} == {
        "recurra": 8,
        "course": 2,
        "torch": 8,
        "torch.nn": 4,
    }
