"""A comparison on a cluster: a real PostgreSQL, a real Dask of several processes, twenty kills.

Not collected by pytest: it takes minutes. It needs PostgreSQL's server programs (Debian and Ubuntu:
``sudo apt install postgresql``) and ``pip install -e ".[cluster]"``. Run it as

    python tests/long/comparison_cluster.py [--kills 20] [--seed 0]

It compares three networks from five seeds, first in one process. Then `recurra worker` processes
share the runs through a private server on loopback; they, their parents and the database are
killed at random. A Dask cluster trains the rest, and its workers and its scheduler are killed, too.
Every checkpoint, every record but for the clock's figures, and every test loss has to be the same.
Exit code 0: all are.
"""
# ruff: noqa: T201

import argparse
import hashlib
import json
import os

os.environ["RECURRA_HEARTBEAT"] = "1"  # before Recurra reads it, here and in all workers

import random
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from cluster_servers import DaskCluster, Server, programs, wait_until

import recurra
from recurra.comparison.character_losses import FILE as LOSSES
from recurra.comparison.runner import all_runs, unfinished_runs
from recurra.comparison.workers import train_with_workers
from recurra.storage.checkpoints import load_checkpoint

CLOCK = {"run", "seconds", "seconds_left", "chars_per_second"}
WORKER = "from recurra.cli import main; main()"
AWAY = 5.0  # seconds without a database: more than three missed heartbeats


def plan(root: Path, name: str, storage: str | None = None) -> recurra.Comparison:
    """A comparison of three networks from five seeds on sums."""
    text = root / "sums.txt"
    chance = random.Random(1)
    pairs = [(chance.randrange(100), chance.randrange(100)) for _ in range(4000)]
    text.write_text("\n".join(f"{a} + {b} = {a + b}" for a, b in pairs), "utf-8")
    recipe = recurra.MODERN.with_(
        batch=2, seq_len=16, steps=6000, warmup=10, record_every=100, evaluate_every=1000,
        sample_every=0,
    )  # fmt: skip
    return recurra.CompareRequest(
        networks=["rnn", "wrnn", "lstm"],
        texts=[text],
        recipe=recipe,
        hidden=[24],
        match="hidden",
        seeds=5,
        out=root / name,
        storage=storage,
        threads=1,
    ).open()


def outcome(comparison: recurra.Comparison) -> dict[str, object]:
    """What has to be the same, by name."""
    found: dict[str, object] = {}
    for planned in all_runs(comparison):
        for path in sorted(planned.folder.glob("*.safetensors")):
            found[f"{planned.key}/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        lines = (planned.folder / "metrics.jsonl").read_text("utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        found[f"{planned.key}/records"] = [
            {name: value for name, value in record.items() if name not in CLOCK}
            for record in records
        ]
    results = recurra.evaluate_test(comparison)
    losses, _ = load_checkpoint(comparison.folder / LOSSES)
    found |= {f"{key}/test": losses[key].tobytes() for key in losses}
    found["differences"] = results.differences
    return found


def progress(comparison: recurra.Comparison) -> int:
    """Bytes of all records: how much has been trained."""
    files = comparison.folder.glob("runs/*/*/*/metrics.jsonl")
    return sum(path.stat().st_size for path in files)


def children(parent: int) -> list[int]:
    """Process numbers of a process's children."""
    path = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(number) for number in path.read_text().split()] if path.exists() else []


class Tormentor:
    """Says when the next kill is due: they are spread over what there is to train."""

    def __init__(self, comparison: recurra.Comparison, whole: int, kills: int) -> None:
        self.comparison, self.whole, self.kills = comparison, whole, kills
        self.done: list[str] = []

    def due(self) -> bool:
        """Whether so much has been trained that another kill is due."""
        return progress(self.comparison) >= self.whole * len(self.done) / (self.kills + 1)

    def note(self, what: str) -> None:
        """Count a kill."""
        self.done.append(what)
        left = len(unfinished_runs(recurra.Comparison.open(self.comparison.folder)))
        print(f"  kill {len(self.done)}: {what}; {left} runs left", flush=True)


def by_workers(tormentor: Tormentor, server: Server, kinds: list[str]) -> None:
    """`recurra worker` with two processes; kills of each kind in turn."""
    folder = tormentor.comparison.folder
    command = [sys.executable, "-c", WORKER, "worker", str(folder), "--workers=2", "--quiet"]
    environment = {**os.environ, "RECURRA_STORAGE": server.url}
    parent = subprocess.Popen(command, env=environment)
    chance = random.Random(len(kinds))
    for kind in kinds:
        wait_until(tormentor.due, 600)
        time.sleep(chance.random())
        assert parent.poll() is None, f"the workers ended early, with {parent.returncode}"
        if kind == "database":
            server.stop()
            time.sleep(AWAY)
            server.start()
        elif kind == "parent":
            parent.kill()
            parent.wait()
            parent = subprocess.Popen(command, env=environment)
        else:
            wait_until(partial(children, parent.pid))
            os.kill(chance.choice(children(parent.pid)), signal.SIGKILL)
        tormentor.note(kind)
    parent.send_signal(signal.SIGINT)
    assert parent.wait() == 130, "Ctrl-C was not obeyed"


def by_dask(tormentor: Tormentor, server: Server, root: Path, kinds: list[str]) -> None:
    """The rest by a Dask cluster."""
    comparison = recurra.Comparison.open(tormentor.comparison.folder)
    with DaskCluster(root, 2) as dask:
        for _ in train_with_workers(
            comparison, 2, storage=server.url, dask=dask.address, pause=0.3
        ):
            if kinds and tormentor.due():
                kind = kinds.pop(0)
                if kind == "Dask worker":
                    dask.replace_worker()
                else:
                    dask.restart_scheduler(2)
                tormentor.note(kind)
    assert not kinds, f"not killed: {kinds}"


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    binaries = programs()
    if binaries is None:
        print("skipped: PostgreSQL's server programs are not installed (apt install postgresql)")
        return 0
    dask_kinds = ["Dask worker", "Dask scheduler", "Dask worker"]
    usual = ["worker", "parent", "worker", "database"]
    kinds = [usual[n % len(usual)] for n in range(given.kills - len(dask_kinds))]
    random.Random(given.seed).shuffle(kinds)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        alone = plan(root, "alone")
        recurra.compare(alone)
        whole = progress(alone)
        print(f"undisturbed: {len(all_runs(alone))} runs, {whole:,} bytes of records", flush=True)
        server = Server(root / "postgres", binaries)
        try:
            shared = plan(root, "shared", server.url)
            tormentor = Tormentor(shared, whole, given.kills)
            by_workers(tormentor, server, kinds)
            by_dask(tormentor, server, root, dask_kinds)
        finally:
            server.stop()
        one, other = outcome(alone), outcome(recurra.Comparison.open(shared.folder))
    differing = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
    print(
        f"{len(tormentor.done)} kills: "
        + (f"DIFFERENT: {sorted(differing)}" if differing else f"the same {len(one)} outcomes")
    )
    return 1 if differing or len(tormentor.done) < given.kills else 0


if __name__ == "__main__":
    sys.exit(main())
