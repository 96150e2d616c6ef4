"""The benchmarks compare equal things: all contenders take the same steps. Times are not tested."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

RUN = Path(__file__).parents[1] / "benchmarks" / "run.py"


@pytest.fixture
def programs(monkeypatch):
    """The folder of the benchmarks, whose modules import one another."""
    monkeypatch.syspath_prepend(str(RUN.parent))


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
    texts = {path: path.read_text("utf-8") for path in RUN.parent.glob("*.py")}
    programs = [path for path, text in texts.items() if 'if __name__ == "__main__"' in text]
    for name in ("worker.py", "check.py"):  # parts of other programs
        programs.remove(RUN.with_name(name))
    assert {RUN, RUN.with_name("memories.py")} <= {*programs}
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


# rnn: W (3, 3) in the time loop, V (5, 3) behind it; wrnn: W, T in the loop, V, R, Q (5, 3) outside
@pytest.mark.parametrize(("network", "weights", "recurrent"), [("rnn", 24, 9), ("wrnn", 51, 18)])
def test_no_step_is_shorter_than_its_products_and_its_traffic(
    programs, network, weights, recurrent
):
    from cases import Case, Shape, Task

    task = Task(Case(network, Shape(vocabulary=5, hidden=3, batch=2, steps=7)))
    operations = 6 * 2 * 7 * weights  # two forward and four backward, for each of 14 characters
    traffic = 2 * 7 * 4 * recurrent  # 4 bytes each, forward and backward
    assert task.floor(operations / 3.0, traffic / 2.0) == pytest.approx(3.0)
    assert task.floor(operations / 1.0, traffic / 2.0) == pytest.approx(2.0)


# two products with rows of an embedding of 5 characters, and the output layer's for 14
def test_no_product_with_an_embedding_is_of_more_rows_than_that_has(programs):
    from cases import Case, Shape, Task

    def flops(steps: int) -> int:
        return Task(Case("mingru", Shape(vocabulary=5, hidden=3, batch=2, steps=steps))).flops

    assert flops(7) == 6 * (2 * 5 * 9 + 14 * 15)
    assert flops(2) == 6 * (2 * 4 * 9 + 4 * 15)


def test_without_recurrence_there_is_no_traffic(programs):
    from cases import Case, Shape, Task

    task = Task(Case("mingru", Shape(5, 3, 2, 7)))
    assert task.floor(task.flops / 3.0, 0.0) == pytest.approx(3.0)


def test_a_rival_that_is_not_installed_is_left_out_with_a_word(
    programs, monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("RECURRA_RIVALS", str(tmp_path))
    present = runpy.run_path(str(RUN))["present"]
    interpreter = tmp_path / "mlx" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.touch()
    assert present(["course", "tensorflow", "mlx"]) == ["course", "mlx"]
    missing = tmp_path / "tensorflow" / "bin" / "python"
    assert capsys.readouterr().err == f"without tensorflow: {missing} is not installed\n"


def test_the_table_has_a_column_for_each_rival_that_takes_part(programs):
    from table import columns

    assert [*columns(["jax hoisted", "mlx"])] == [
        *("network", "VxHxBxT", "step", "cores", "recurra", "jax hoisted", "mlx"),
        *("ahead", "limit", "peak", "MB", "jax MB", "mlx MB"),
    ]
