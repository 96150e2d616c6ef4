"""Seconds from the command `recurra train` to its first training step, in real processes.

    python benchmarks/cold_start.py [--threads 2]

Three times: with an empty kernel cache, again, and with another network than those in the cache.
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
from machine import machine, usable_cores

CAP = 300.0


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
    threads = parser.parse_args().threads
    print(*(f"{key} {value}" for key, value in machine().items()), sep=", ")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text, cache = folder / "text.txt", folder / "cache"
        letters = np.random.default_rng(0).integers(0x61, 0x7B, 100_000)
        text.write_text("".join(map(chr, letters)), "utf-8")
        for i, (what, network) in enumerate(
            (
                ("empty cache", "wrnn"),
                ("the same again", "wrnn"),
                ("another network", "lstm"),
                ("the same again", "lstm"),
            )
        ):
            seconds = first_step(network, text, folder / f"run{i}", cache, threads)
            print(f"{network:6} {what:16} {seconds:6.2f} s", flush=True)


if __name__ == "__main__":
    main()
