"""Seconds from the command `recurra train` to its first training step, in real processes.

    python benchmarks/cold_start.py [--threads 2]

With an empty kernel cache and with a full one, and with a network that is new to the cache.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import usable_cores
from report import Report

CAP = 300.0
RUNS = (
    ("wrnn", "empty"),
    ("wrnn", "the same network"),
    ("lstm", "another network"),
    ("lstm", "the same network"),
)


def first_step(network: str, text: Path, run: Path, cache: Path, threads: int) -> float:
    """Seconds until the run's first record is on the disk."""
    recurra = shutil.which("recurra", path=Path(sys.executable).parent)
    command = [str(recurra), "train", str(text), "--network", network]
    command += ["--out", str(run), "--threads", str(threads), "--record-every", "1", "--quiet"]
    begin = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, "RECURRA_CACHE": str(cache)})
    records = run / "metrics.jsonl"
    try:
        while not (records.is_file() and records.stat().st_size):
            if process.poll() is not None or time.perf_counter() - begin > CAP:
                raise SystemExit(f"no first step: {' '.join(command)}")
            time.sleep(0.005)
        return time.perf_counter() - begin
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--markdown", metavar="FILE", help="docs/benchmarks.md: replace its table")
    asked = parser.parse_args()
    report = Report("Cold start", asked.markdown)
    report.say(__doc__.splitlines()[0], "")
    report.table(("network", "kernel cache", "seconds"), [7, 16, 7])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = folder / "text.txt"
        letters = np.random.default_rng(0).integers(0x61, 0x7B, 100_000)
        text.write_text("".join(map(chr, letters)), "utf-8")
        for i, (network, cache) in enumerate(RUNS):
            run = folder / f"run{i}"
            seconds = first_step(network, text, run, folder / "cache", asked.threads)
            report.row((network, cache, f"{seconds:.2f}"))


if __name__ == "__main__":
    main()
