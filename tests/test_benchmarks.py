"""The benchmarks compare equal things: all contenders take the same steps. Times are not tested."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

RUN = Path(__file__).parents[1] / "benchmarks" / "run.py"


@pytest.mark.long
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


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_what_an_n_gram_model_expects_adds_up_to_one(order):
    losses = runpy.run_path(str(RUN.with_name("ngram.py")))["n_gram_losses"]
    rng = np.random.default_rng(order)
    training = [rng.integers(0, 4, 60), rng.integers(0, 5, 90)]
    for known in ([0, 1, 2, 3], [5, 5, 4]):  # 5 was never seen
        chances = [
            np.exp(-losses(training, [np.array([*known, v])], 6, order)[-1]) for v in range(6)
        ]
        assert sum(chances) == pytest.approx(1.0)


def test_every_program_finds_what_it_imports():
    programs = [p for p in RUN.parent.glob("*.py") if "ArgumentParser" in p.read_text("utf-8")]
    assert RUN in programs
    helping = (
        "import contextlib, runpy, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "programs, sys.argv = sys.argv[2:], ['program', '--help']\n"
        "for program in programs:\n"
        "    with contextlib.suppress(SystemExit):\n"
        "        runpy.run_path(program, run_name='__main__')\n"
    )
    command = [sys.executable, "-c", helping, RUN.parent, *programs]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("--help") >= len(programs)
