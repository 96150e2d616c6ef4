"""Trials per hour of one worker and of several, on a machine that does nothing else.

    python benchmarks/workers.py TEXT [--trials 16] [--length 200000] [--hidden 100] [--workers 2]

The same study, every trial in full, once with one process and once with several; after a small one
that compiles what there is to compile. TEXT may be "shakespeare". Prints trials per hour, and how
many times as many there are.
"""

import argparse
import tempfile
import time
from pathlib import Path

from recurra.compute.registry import available_threads
from recurra.training.recipe import CLASSIC
from recurra.tuning.request import TuneRequest
from recurra.tuning.study import Study
from recurra.tuning.workers import search


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text")
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--length", type=int, default=200_000)
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--workers", type=int, default=available_threads())
    given = parser.parse_args()
    rates = []
    with tempfile.TemporaryDirectory() as root:
        for workers, trials in [(1, 1), (1, given.trials), (given.workers, given.trials)]:
            space = {"hidden": [given.hidden], "lr": [0.001 * (n + 1) for n in range(trials)]}
            spec = TuneRequest(
                texts=[given.text],
                network="rnn",
                space=space,
                recipe=CLASSIC,
                pruner="none",
                length=given.length,
            ).spec()
            study = Study.create(spec, Path(root, f"{workers}-{trials}"))
            begun = time.monotonic()
            for _ in search(study, workers=workers, pause=0.1):
                pass
            rates.append(3600.0 * trials / (time.monotonic() - begun))
    _, one, several = rates
    print(f"1 worker: {one:,.0f} trials an hour; {given.workers} workers: {several:,.0f}; ", end="")
    print(f"{several / one:.2f} times as many")


if __name__ == "__main__":
    main()
