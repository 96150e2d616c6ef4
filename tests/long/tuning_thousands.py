"""Ten thousand finished trials in one study: the table, a suggestion and figures take seconds.

Not collected by pytest: it takes a minute or two. Run it as

    python tests/long/tuning_thousands.py [--trials 10000]

Exit code 0: everything was done; the seconds (of a core) are printed, to be looked at.
"""
# ruff: noqa: T201

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from recurra.training.recipe import CLASSIC
from recurra.tuning.request import TuneRequest
from recurra.tuning.study import Study


def fill(study: Study, count: int) -> None:
    """Trials with made-up losses, through the store."""
    rng = np.random.default_rng(0)
    kept, os.fsync = os.fsync, lambda _: None  # durable or not, the bytes are the same
    store, rungs = study.store, study.spec.pruner.rungs
    store.trial(count - 1)
    for number in range(count):
        setting = {"hidden": int(rng.integers(50, 1001)), "lr": float(10 ** rng.uniform(-5, -1))}
        loss = 1.5 + abs(np.log10(setting["lr"]) + 2.2) + 100 / setting["hidden"]
        store.set_setting(number, setting)
        store.start(number)
        for i, rung in enumerate(rungs):
            store.report(number, rung, loss + 1.0 / (i + 1) + 0.1 * rng.standard_normal())
        done = number % 3 == 0
        if done:
            classic = {"min_smooth_loss": 25 * loss, "min_smooth_loss_step": 4_000}
            store.set_result(number, {"characters": 100_000, **classic})
            store.finalise(number, "done", loss)
        else:
            store.set_status(number, "pruned", "worse than others")
            store.finalise(number, "pruned")
    os.fsync = kept


def timed(name: str, do) -> object:
    """Do it, and say how much of a core it took, here and in processes."""
    begun = sum(os.times()[:4])
    result = do()
    print(f"{name}: {sum(os.times()[:4]) - begun:.1f} s", flush=True)
    return result


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    count = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as root:
        text = Path(root, "sums.txt")
        text.write_text("".join(f"{n} + {n} = {2 * n}\n" for n in range(300)), "utf-8")
        space = {
            "hidden": {"from": 50, "to": 1000},
            "lr": {"from": 1e-5, "to": 1e-1, "log": True},
        }
        asked = TuneRequest(
            texts=[text],
            network="rnn",
            space=space,
            recipe=CLASSIC,
            sampler="tpe",
            trials=count + 8,
            length=100_000,
        ).spec()
        folder = Path(root, "study")
        timed("written", lambda: fill(Study.create(asked, folder), count))
        trials = timed("opened and read", lambda: Study.open(folder).trials())
        study = Study.open(folder)
        study.trials()
        timed("read again", study.trials)
        setting = timed("next suggestion (TPE)", lambda: asked.suggest(trials, count))
        trials[count] = type(trials[0])(count, setting=setting)
        timed("a verdict at a rung", lambda: asked.decide(trials, count, {3703: 2.0}))
        for options in ([], ["--json"], ["--csv"], ["--figures", "svg"]):
            program = "from recurra.cli import main; main()"
            command = [sys.executable, "-c", program, "trials", folder, *options]
            timed(
                f"recurra trials {' '.join(options)}",
                lambda command=command: subprocess.run(
                    command, check=True, stdout=subprocess.DEVNULL
                ),
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
