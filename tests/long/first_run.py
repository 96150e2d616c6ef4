"""The process that compiles the kernels trains the same weights as every later one.

Not collected by pytest: it takes minutes a network. Run it as

    python tests/long/first_run.py [--networks NAME,...] [--engines NAME,...] [--kills 20]
                                   [--missing 5] [--cases 1-float32,2-float64] [--together 1]
                                   [--tune] [--quick] [--seed 0]

For every network and engine, on one and two threads, in float32 and float64, a short training is
made with an empty cache, a full one, one from which any single file was taken (``--missing`` of
them, 0 for all), none that can be written, by two processes that compile at once, and by a first
process that is killed (-9) and resumed with other kernels missing: in turn at a random moment,
mostly while it compiles, and after a random record of its training. ``--together`` lets a process
train so many networks, one after the other: most kernels are compiled once for all of them; only
the kills are for each network alone. ``--quick`` is one network, one thread, float32, two kills.
``--tune`` does the like with a search: equal tables, equal checkpoints. Exit code 0: the same
bytes every time.
"""
# ruff: noqa: T201

import argparse
import csv
import hashlib
import io
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from descendants import none_left_behind

from recurra.compute.registry import ENGINES
from recurra.lang.library import library, load_network
from recurra.storage.runs import Run
from recurra.text.corpus import load_corpus
from recurra.training.recipe import MODERN
from recurra.training.records import Compiling
from recurra.training.trainer import Trainer

RECIPE = MODERN.with_(
    hidden=8, batch=4, seq_len=8, steps=12, evaluate_every=6, evaluate_characters=200,
    sample_every=6, sample_characters=20, dropout=0.1,
)  # fmt: skip
CASES = "1-float32,1-float64,2-float32,2-float64"  # threads and types
CLOCK = {"seconds", "chars_per_second", "run"}
RECURRA = [sys.executable, "-c", "from recurra.cli import main; main()"]


def text() -> str:
    """Something to learn: sums."""
    chance = random.Random(1)
    pairs = [(chance.randrange(100), chance.randrange(100)) for _ in range(500)]
    return "\n".join(f"{a} + {b} = {a + b}" for a, b in pairs)


def train(folder: Path, networks: str, engine: str, cases: str, last_record: int | None) -> None:
    """The child: begin all its runs below a folder, or go on with them, up to so many records."""
    corpus, told = load_corpus([folder.parent / "text.txt"]), 0
    for name, case in itertools.product(networks.split(","), cases.split(",")):
        network, (threads, _, dtype) = load_network(name), case.partition("-")
        place, recipe = folder / name / case, RECIPE.with_(dtype=dtype)
        run = (
            Run.open(place)
            if place.exists()
            else Run.create(place, asdict(recipe), network.source, corpus.vocabulary.characters)
        )
        trainer = Trainer(
            network, corpus, recipe, run=run, engine=engine, threads=int(threads), save_seconds=0.0
        )
        for record in trainer.records():
            told += not isinstance(record, Compiling)
            if told == last_record:
                os.kill(os.getpid(), signal.SIGKILL)


def digests(folder: Path) -> dict[str, str]:
    """Every checkpoint below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }


class Check:
    """Some networks on one engine, in a folder of its own."""

    def __init__(
        self, root: Path, networks: list[str], options: list[str], chance: random.Random
    ) -> None:
        self.root, self.networks, self.options, self.chance = root, networks, options, chance
        (root / "text.txt").write_text(text(), "utf-8")
        self.numbers, self.seconds = itertools.count(), 0.0

    def begin(
        self, cache: Path, out: Path, networks: Sequence[str] = (), *options: str
    ) -> subprocess.Popen[bytes]:
        """A child with this cache, which trains these networks, or all."""
        environment = os.environ | {"RECURRA_CACHE": str(cache)}
        names = ["--networks", ",".join(networks or self.networks)]
        command = [sys.executable, __file__, *self.options, *names, "--child", str(out), *options]
        return subprocess.Popen(command, env=environment)

    def outcome(self, cache: Path) -> dict[str, str]:
        """The digests of one undisturbed process."""
        out, begun = self.root / f"run{next(self.numbers)}", time.monotonic()
        if self.begin(cache, out).wait():
            raise SystemExit("a training failed")
        self.seconds = max(self.seconds, time.monotonic() - begun)
        return digests(out)

    def files(self, cache: Path) -> list[Path]:
        """What a cache holds."""
        return sorted(path for path in cache.rglob("recurra*") if path.is_file())

    def all(self, missing: int, kills: int) -> Iterator[tuple[str, dict[str, str]]]:
        """What each kind of cache leads to; the first is what all have to equal."""
        full = self.root / "full"
        yield "empty", self.outcome(full)
        yield "full", self.outcome(full)
        (self.root / "file").write_text("not a folder")
        yield "none", self.outcome(self.root / "file")
        files = self.files(full)
        chosen = self.chance.sample(files, min(missing or len(files), len(files)))
        for path in chosen:
            content = path.read_bytes()
            path.unlink()
            yield f"without {path.name}", self.outcome(full)
            path.write_bytes(content)
        shared = self.root / "shared"
        outs = [self.root / f"run{next(self.numbers)}" for _ in range(2)]
        pair = [self.begin(shared, out) for out in outs]
        if [child.wait() for child in pair] != [0, 0]:
            raise SystemExit("a training failed")
        for out in outs:
            yield "two at once", digests(out)
        yield "after two at once", self.outcome(shared)
        if kills:
            out, begun = self.root / f"run{next(self.numbers)}", time.monotonic()
            for network in self.networks:
                self.kill(kills, network, full, out)
            yield f"{kills} kills each, in {time.monotonic() - begun:.0f} s", digests(out)

    def kill(self, kills: int, network: str, full: Path, out: Path) -> None:
        """Kill a compiling process again and again, each time with other parts of the cache."""
        cache = self.root / f"killed-{network}"
        done, longest = 0, self.seconds / len(self.networks)
        while True:
            by_record = done % 2 and self.chance.randint(1, 20)
            options = ["--last-record", str(by_record)] if by_record and done < kills else []
            child, started = self.begin(cache, out, [network], *options), time.monotonic()
            timed = done < kills and not by_record
            try:
                code = child.wait(self.chance.uniform(0.0, longest) if timed else None)
                if code not in (0, -signal.SIGKILL):
                    raise SystemExit("a resumed training failed")
                if done == kills:
                    return
                done += code != 0
                if not code:
                    # it came to its end before the kill: once more, from nothing
                    longest = time.monotonic() - started
                    shutil.rmtree(out / network)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                done += 1
            # or it would be warm after two kills; a network's own kernels matter most
            lost = self.chance.choice([0.0, 0.1, 0.5])
            for path in self.files(full):
                place = cache / path.relative_to(full)
                place.unlink(missing_ok=True)
                own = path.name.startswith("recurra_kernels")
                if self.chance.random() >= (0.5 if own else lost):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, place)


def search(folder: Path, cache: Path, workers: int) -> dict[str, str]:
    """A small search: its table without the clock's figures, and its checkpoints."""
    space = folder.parent / "space.toml"
    space.write_text("lr = [0.1, 0.01, 0.001]\n")
    sizes = ["--hidden=8", "--batch=4", "--seq-len=8", "--evaluate-every=5"]
    environment = os.environ | {"RECURRA_CACHE": str(cache)}
    options = ["--network=rnn", f"--space={space}", f"--out={folder}", f"--workers={workers}"]
    command = [*RECURRA, "tune", str(folder.parent / "text.txt"), *options, *sizes, "--quiet"]
    command += ["--length=1000", "--warmup=0", "--finalists=1"]
    subprocess.run(command, env=environment, check=True)
    table = subprocess.run(
        [*RECURRA, "trials", str(folder), "--csv"], check=True, capture_output=True, text=True
    ).stdout
    rows = [
        [str(value) for name, value in row.items() if name not in CLOCK]
        for row in csv.DictReader(io.StringIO(table))
    ]
    return {"table": str(sorted(rows)), **digests(folder)}


def searches(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The same search with every kind of cache."""
    (root / "text.txt").write_text(text(), "utf-8")
    (root / "file").write_text("not a folder")
    yield "tune, empty", search(root / "a", root / "cache", 1)
    yield "tune, full", search(root / "b", root / "cache", 1)
    yield "tune, full, two workers", search(root / "c", root / "cache", 2)
    yield "tune, empty, two workers", search(root / "d", root / "other", 2)
    yield "tune, none, two workers", search(root / "e", root / "file", 2)


def differing(outcomes: Iterator[tuple[str, dict[str, str]]]) -> int:
    """How many outcomes are not the first one's; told on the way."""
    first: dict[str, str] = {}
    wrong = 0
    for name, outcome in outcomes:
        first = first or outcome
        others = sorted(k for k in first.keys() | outcome.keys() if first.get(k) != outcome.get(k))
        wrong += bool(others)
        told = f"DIFFERENT: {', '.join(others)}" if others else f"{len(outcome)} equal"
        print(f"  {name}: {told}", flush=True)
    return wrong


def main() -> int:
    """Check what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default="")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--missing", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cases", default=CASES)
    parser.add_argument("--together", type=int, default=1)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--last-record", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        train(given.child, given.networks, given.engines, given.cases, given.last_record)
        return 0
    if given.quick:
        given.networks, given.engines, given.kills, given.cases = "rnn", "compiled", 2, "1-float32"
    wrong, chance = 0, random.Random(given.seed)
    names = given.networks.split(",") if given.networks else list(library())
    groups = [names[i : i + given.together] for i in range(0, len(names), given.together)]
    for networks, engine in itertools.product(groups, given.engines.split(",")):
        print(f"{', '.join(networks)}, {engine}", flush=True)
        options = ["--engines", engine, "--cases", given.cases]
        with tempfile.TemporaryDirectory() as root, none_left_behind():
            check = Check(Path(root), networks, options, chance)
            wrong += differing(check.all(given.missing, given.kills))
    if given.tune:
        with tempfile.TemporaryDirectory() as root, none_left_behind():
            wrong += differing(searches(Path(root)))
    print("the same bytes" if not wrong else f"{wrong} DIFFERENT")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
