"""Kill training with SIGKILL at random moments and resume it; the end has to be the same bytes.

Not collected by pytest: it takes minutes. Run it as

    python tests/long/kill_loop.py [--kills 20] [--seed 0] [--recipe modern] [--engine compiled]

It trains once without a break, then again with the kills, and compares ``last.safetensors``,
``best.safetensors`` and the metrics but for the clock's figures. Exit code 0: all the same.
"""
# ruff: noqa: T201

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from descendants import none_left_behind

from recurra.compute.registry import DEFAULT_ENGINE, ENGINES
from recurra.lang.library import load_network
from recurra.storage.runs import Run
from recurra.text.corpus import load_corpus
from recurra.training.recipe import CLASSIC, MODERN, Recipe
from recurra.training.records import Finished
from recurra.training.trainer import Trainer

RECIPES = {
    "modern": MODERN.with_(
        hidden=48, batch=8, seq_len=32, steps=8000, dropout=0.1, evaluate_every=25,
        evaluate_characters=2000, sample_every=100, sample_characters=50
    ),
    "tiny": MODERN.with_(
        hidden=8, batch=2, seq_len=8, steps=2000, warmup=5, evaluate_every=50,
        evaluate_characters=200, sample_every=100, sample_characters=20
    ),
    "classic": CLASSIC.with_(hidden=100, seq_len=50, steps=15_000, evaluate_every=500, lr=0.01),
}  # fmt: skip
CLOCK = {"run", "seconds", "seconds_left", "chars_per_second"}


def text() -> str:
    """Something to learn: sums."""
    chance = random.Random(1)
    pairs = [(chance.randrange(100), chance.randrange(100)) for _ in range(8000)]
    return "\n".join(f"{a} + {b} = {a + b}" for a, b in pairs)


def train(folder: Path, recipe: Recipe, engine: str) -> None:
    """The child: begin the run in this folder, or go on with it."""
    corpus = load_corpus([folder.parent / "text.txt"])
    network = load_network("wrnn")
    run = (
        Run.open(folder)
        if folder.exists()
        else Run.create(folder, asdict(recipe), network.source, corpus.vocabulary.characters)
    )
    trainer = Trainer(network, corpus, recipe, run=run, engine=engine, save_seconds=0.1)
    for count, record in enumerate(trainer.records()):
        if count == 0:
            print("under way", flush=True)
        if isinstance(record, Finished):
            print(f"  {record.stopped_by} at step {record.steps}, {record.val_nats_per_char} nats")


def outcome(folder: Path) -> dict[str, object]:
    """What has to be the same."""
    metrics = Run.open(folder).metrics()
    return {
        **{
            name: hashlib.sha256((folder / f"{name}.safetensors").read_bytes()).hexdigest()
            for name in ("last", "best")
        },
        "metrics": [{k: v for k, v in record.items() if k not in CLOCK} for record in metrics],
    }


def main() -> int:
    """Train twice, compare; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", choices=RECIPES, default="modern")
    parser.add_argument("--engine", choices=ENGINES, default=DEFAULT_ENGINE)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        train(given.child, RECIPES[given.recipe], given.engine)
        return 0
    chance, kills = random.Random(given.seed), 0
    with tempfile.TemporaryDirectory() as root, none_left_behind():
        Path(root, "text.txt").write_text(text(), "utf-8")
        whole, broken = Path(root, "whole"), Path(root, "broken")
        command = [sys.executable, __file__, "--recipe", given.recipe, "--engine", given.engine]
        command += ["--child"]
        subprocess.run([*command, whole], check=True)
        seconds = Run.open(whole).read_clock()["seconds"]
        print(f"uninterrupted: {seconds:.1f} s")
        while True:
            child = subprocess.Popen([*command, broken], stdout=subprocess.PIPE)
            try:
                if chance.random() < 0.8:
                    child.stdout.readline()
                # Now and then it dies while it starts; all kills fall before the end.
                patience = chance.expovariate(2 * given.kills / seconds)
                if child.wait(None if kills == given.kills else patience):
                    return 1
                break
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                kills += 1
                records = Run.open(broken).metrics() if broken.exists() else []
                step = records[-1]["step"] if records else 0
                print(f"  kill {kills} after {patience:.2f} s, step {step}", flush=True)
        one, other = outcome(whole), outcome(broken)
    differing = [name for name in one if one[name] != other[name]]
    print(f"{kills} kills: " + (f"DIFFERENT: {differing}" if differing else "the same bytes"))
    return 1 if differing or kills < given.kills else 0


if __name__ == "__main__":
    sys.exit(main())
