"""Ctrl-C while kernels are compiled: LLVM would work on for a minute, and nobody waits for it."""

import os
import signal
import subprocess

import pytest

from command_line import RECURRA, wait_for, write_text
from recurra import generate_kernels, load_network, make_plan
from recurra.compute.numba.loading import is_compiled

# One block, since the first vector reads the last one's past: layers apart are soon compiled.
DEEP = """
layers = 40
h[0][t] = E @ x[t]
h[l][t] = h[l-1][t] + tanh(V[l] @ norm(h[l-1][t]) + W[l] @ h[layers][t-1] + s[l])
o[t] = softmax(Q @ norm(h[layers][t]) + q)
"""


def test_ends_at_once(tmp_path):
    text, deep = write_text(tmp_path / "text.txt"), tmp_path / "deep.eq"
    deep.write_text(DEEP)
    sizes = ["--hidden=4", "--batch=2", "--seq-len=8", "--steps=2", "--threads=2"]
    command = [*RECURRA, "train", str(text), "--network=deep.eq", "--out=run", *sizes]
    running = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for("compiling the kernels of deep, once: some seconds ...", running.stdout)
    wait_for("compiling the kernels of deep, once: forward_3, 0:1", running.stdout)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert said == "Interrupted at step 0, and saved. Go on: recurra train --resume run\n"
    assert running.returncode == 130
    assert not is_compiled(generate_kernels(make_plan(load_network(str(deep)))).text)


@pytest.mark.long
def test_to_write_only_what_reads_is_compiled(runs, tmp_path):
    command = [*RECURRA, "write", str(runs / "rnn"), "the", "--chars=3", "--seed=1"]
    environment = os.environ | {"RECURRA_CACHE": str(tmp_path)}
    cold, warm = (subprocess.check_output(command, env=environment) for _ in range(2))
    assert cold == warm
    names = " ".join(path.name for path in tmp_path.rglob("recurra*"))
    assert ".forward-" in names
    assert ".backward" not in names
    assert ".train-" not in names
