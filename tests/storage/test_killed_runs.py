"""Runs killed at any moment: resumed, they end as if nothing had happened."""

import json
import signal
import time
from pathlib import Path

import numpy as np

from children import finished, outcome, python
from recurra.storage.runs import Run

DEFINITION = {"lr": 0.1 + 0.2}, "a[t] = tanh(U @ x[t])\no[t] = softmax(Q @ a[t])\n", "ab"

# A training in miniature that keeps to the order in the docstring of Run.
TRAINING = """
import os, signal, sys
from pathlib import Path
import numpy as np
from recurra.storage.runs import Run

def train(folder, steps):
    run = Run.open(folder)
    rng = np.random.default_rng(1)
    with run.lock():
        if run.has("last"):
            arrays, meta = run.load("last", {"parameter/U": (60, 50)})
            U, step, best = arrays["parameter/U"], meta["step"], meta["best"]
            rng.bit_generator.state = meta["rng"]
        else:
            U, step, best = np.zeros((60, 50)), 0, None
        run.truncate_metrics(step if run.has("last") else -1)
        while step < steps:
            step += 1
            U += rng.standard_normal(U.shape)
            loss = float(rng.uniform())
            run.append_metrics({"step": step, "loss": loss})
            if step % 2 == 0:
                meta = {"step": step, "rng": rng.bit_generator.state}
                if best is None or loss < best:
                    best = loss
                    run.save("best", {"parameter/U": U}, {"step": step, "best": best})
                run.write_clock({"seconds": step})
                run.save("last", {"parameter/U": U}, meta | {"best": best})
"""


# The same, killed by itself before its k-th operation on a file, for all k; then resumed.
KILLING = """
import shutil

def child(work):
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]

def killed_at(folder, k):
    count = 0
    def hook(event, arguments):
        nonlocal count
        if event in ("open", "os.rename", "os.truncate", "os.remove"):
            count += 1
            if count == k:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    train(folder, 6)

k = 0
status = signal.SIGKILL
while status == signal.SIGKILL:
    k += 1
    folder = Path(sys.argv[1], f"killed-{k}")
    shutil.copytree(sys.argv[2], folder)
    status = child(lambda: killed_at(folder, k))
    assert child(lambda: train(folder, 6)) == 0
assert status == 0
"""


def trained(folder: Path, steps: int) -> dict[str, bytes]:
    Run.create(folder, *DEFINITION)
    finished(python(TRAINING + "train(sys.argv[1], int(sys.argv[2]))", folder, steps))
    return outcome(folder)


def test_killed_before_any_file_operation(tmp_path: Path) -> None:
    """Kill -9 at the first, the second, ... operation on a file; resume; compare all bytes."""
    wanted = trained(tmp_path / "whole", 6)
    assert json.loads(wanted["metrics.jsonl"].splitlines()[-1])["step"] == 6
    run = Run.create(tmp_path / "run", *DEFINITION)
    finished(python(TRAINING + KILLING, tmp_path, run.folder))
    killed = list(tmp_path.glob("killed-*"))
    assert len(killed) > 40
    for folder in killed:
        assert outcome(folder) == wanted, folder.name


def test_killed_at_random_moments(tmp_path: Path) -> None:
    wanted = trained(tmp_path / "whole", 400)
    folder = Run.create(tmp_path / "killed", *DEFINITION).folder
    rng = np.random.default_rng(5)
    script = TRAINING + "print('go', flush=True); train(sys.argv[1], 400)"
    kills = 0
    for _ in range(8):
        child = python(script, folder)
        assert child.stdout.readline() == "go\n"
        time.sleep(rng.uniform(0.0, 0.06))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        kills += child.returncode == -signal.SIGKILL
        Run.open(folder).metrics()
    assert kills  # how many, is the machine's affair
    finished(python(script, folder))
    assert outcome(folder) == wanted
