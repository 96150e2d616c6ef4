"""How well and how fast every network of the library learns a text: docs/gallery.json.

    python benchmarks/gallery.py input.txt [--hidden 96] [--steps 1000] [--minutes 1]
    python benchmarks/gallery.py input.txt --only lstm,gru    # these again: before, and now

A comparison of all networks, each with as many parameters as an LSTM of --hidden, at equal
characters and, on a machine that does nothing else, at equal minutes; then each takes steps alone,
for its speed. Begun again, it goes on where it was. The site's page is made of the file and of the
library.
"""

import argparse
import json
import math
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from machine import machine, usable_cores

from recurra.comparison.character_losses import Scores, measure_test_losses
from recurra.comparison.comparison import FILE, Comparison
from recurra.comparison.request import CompareRequest
from recurra.comparison.runner import recipe_of
from recurra.comparison.workers import train_with_workers
from recurra.lang.library import library
from recurra.text.corpus import Corpus
from recurra.training.trainer import Trainer

DATA = Path(__file__).parents[1] / "docs" / "gallery.json"
YARDSTICK = "lstm"  # has the number of parameters that all others get
PASSES, STEPS = 2, 10  # over all networks, for their speed; the first steps warm up


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument("--hidden", type=int, default=96)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--only", metavar="NAME,...", help="measure these again")
    parser.add_argument("--out", type=Path, help="the comparison (runs/gallery)")
    return parser.parse_args()


def seconds_a_step(comparison: Comparison, corpus: Corpus) -> dict[str, float]:
    """Of each network in training: processor time of one thread, the least of some passes.

    Other programs on the machine hardly count in it, as they would in time by the clock.
    """
    least: dict[str, float] = {}
    for planned in PASSES * comparison.finalists()[: len(comparison.names)]:
        network = comparison.contestant(planned.contestant).parsed
        recipe = recipe_of(comparison, planned, comparison.recipe.lr)
        trainer = Trainer(network, corpus, recipe, threads=1)
        deque(trainer.records(STEPS), maxlen=0)
        begun = time.process_time()
        deque(trainer.records(2 * STEPS), maxlen=0)
        seconds = (time.process_time() - begun) / STEPS
        least[network.name] = min(seconds, least.get(network.name, seconds))
    return least


def facts(comparison: Comparison, scores: Scores, steps: dict[str, float]) -> dict[str, Any]:
    """What the page says, network by network."""
    networks: dict[str, Any] = {
        name: {"parameters": comparison.budgets[0].parameters[name], "seconds": steps[name]}
        for name in comparison.names
    }
    for planned in comparison.finalists():
        (limit,) = comparison.budget(planned.budget).limit
        found = networks[planned.contestant].setdefault(limit, {"losses": [], "characters": []})
        losses = scores.losses.get(planned.key)  # none of a run that diverged at once
        mean = math.nan if losses is None else float(losses.mean(dtype=float))
        found["losses"].append(mean if math.isfinite(mean) else None)
        found["characters"].append(planned.finished().characters)
    recipe = comparison.recipe
    return {
        "machine": machine(),
        "workers": comparison.environment["workers"],
        "seeds": len(comparison.seeds),
        "step_characters": recipe.batch * recipe.seq_len,
        "test_characters": sum(scores.documents),
        "networks": networks,
    }


def main() -> None:
    asked = arguments()
    only = asked.only.split(",") if asked.only else []
    out = asked.out or Path("runs", "-".join(["gallery", *only]))
    minutes = [asked.minutes] if asked.minutes else []
    whole = json.loads(DATA.read_text("utf-8")) if only else {}
    if only and whole["budgets"] != {"steps": [asked.steps], "minutes": minutes}:
        sys.exit(f"{DATA} has other budgets, {whole['budgets']}: give these")
    if (out / FILE).exists():
        comparison = Comparison.open(out)
    else:
        comparison = CompareRequest(
            networks=list(dict.fromkeys([YARDSTICK, *(only or library())])),
            texts=asked.texts,
            hidden=[asked.hidden],
            steps=[asked.steps],
            minutes=minutes,
            seeds=asked.seeds,
            workers=asked.workers,
            settings={"sample_every": 0},
            out=out,
        ).open()
    for finished in train_with_workers(comparison, asked.workers, asked.texts):
        for planned in finished:
            print(planned.key, flush=True)
    scores = measure_test_losses(comparison, asked.texts)  # of a thousand pairs nobody asks more
    steps = seconds_a_step(comparison, comparison.text.load(out, asked.texts))
    texts = " ".join(Path(text).name for text in asked.texts)
    budget = f"--hidden {asked.hidden} --steps {asked.steps}"
    budget += "".join(f" --minutes {n:g}" for n in minutes)
    found = {
        "command": f"python benchmarks/gallery.py {texts} {budget}",
        "budgets": {"steps": [asked.steps], "minutes": minutes},
        **facts(comparison, scores, steps),
    }
    if only:
        for name, here in found["networks"].items():
            for told in (whole["networks"].get(name), here):
                print(name, json.dumps(told))
        found = {**whole, "networks": {**whole["networks"], **found["networks"]}}
    DATA.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
