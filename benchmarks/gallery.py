"""How well and how fast every network of the library learns a text: docs/gallery.json.

    python benchmarks/gallery.py input.txt [--hidden 96] [--steps 1000] [--minutes 1]
    python benchmarks/gallery.py input.txt --only lstm,gru    # these again: before, and now

Each network takes some steps alone, for its speed. Then a comparison of all, each with as many
parameters as an LSTM of --hidden, at equal characters, and one at equal minutes: in these, each
takes the steps that fit at its speed, so that no other program on the machine changes a result.
Begun again, it goes on where it was. The site's page is made of the file and of the library.
"""

import argparse
import json
import math
import sys
import time
from collections import deque
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from machine import machine, usable_cores

from recurra.comparison.character_losses import measure_test_losses
from recurra.comparison.comparison import FILE, Comparison
from recurra.comparison.request import CompareRequest
from recurra.comparison.runner import recipe_of
from recurra.comparison.workers import train_with_workers
from recurra.lang.library import library
from recurra.text.corpus import Corpus, predictable
from recurra.training.trainer import Trainer

DATA = Path(__file__).parents[1] / "docs" / "gallery.json"
YARDSTICK = "lstm"  # has the number of parameters that all others get
PASSES, STEPS = 15, 5  # over all networks in turn, for their speed


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument("--hidden", type=int, default=96)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float, help="of one thread's processor time")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--only", metavar="NAME,...", help="measure these again")
    parser.add_argument("--out", type=Path, help="the comparison (runs/gallery)")
    return parser.parse_args()


def seconds_a_step(comparison: Comparison, corpus: Corpus) -> dict[str, float]:
    """Of each network in training: processor time of one thread, the least of many passes.

    Other programs on the machine hardly count in it, as they would in time by the clock; and where
    the processor itself changes its speed, every network has met it at its best.
    """
    trainers = {}
    for planned in comparison.finalists()[: len(comparison.names)]:
        network = comparison.contestant(planned.contestant).parsed
        recipe = recipe_of(comparison, planned, comparison.recipe.lr)
        trainers[network.name] = Trainer(network, corpus, recipe, threads=1)
    least: dict[str, float] = {}
    for number in range(1, PASSES + 1):
        for name, trainer in trainers.items():
            begun = time.process_time()
            deque(trainer.records(number * STEPS), maxlen=0)
            seconds = (time.process_time() - begun) / STEPS
            if number > 1:  # the first steps load kernels
                least[name] = min(seconds, least.get(name, seconds))
    return least


def at_equal_minutes(
    equal_steps: Comparison, minutes: float, seconds: dict[str, float], folder: Path
) -> Comparison:
    """The comparison in which each network takes the steps that fit into so many minutes."""
    if (folder / FILE).exists():
        return Comparison.open(folder)
    (budget,) = equal_steps.budgets
    recipes = {
        name: equal_steps.recipe.with_(
            hidden=budget.sizes[name], steps=max(1, round(60 * minutes / seconds[name]))
        )
        for name in equal_steps.names
    }
    definition = {
        **json.loads((equal_steps.folder / FILE).read_text("utf-8")),
        "budgets": [asdict(replace(budget, name="minutes", limit={}))],
        "recipes": {name: asdict(recipe) for name, recipe in recipes.items()},
    }
    return replace(Comparison.create(folder, folder.name, definition), text=equal_steps.text)


def trained(comparison: Comparison, workers: int, texts: list[str]) -> dict[str, dict[str, Any]]:
    """Losses on the test part and characters read by every network, once all are trained."""
    for finished in train_with_workers(comparison, workers, texts):
        for planned in finished:
            print(planned.budget, planned.contestant, planned.seed, flush=True)
    scores = measure_test_losses(comparison, texts)  # of a thousand pairs nobody asks more
    found: dict[str, dict[str, Any]] = {}
    for planned in comparison.finalists():
        network = found.setdefault(planned.contestant, {"losses": [], "characters": []})
        losses = scores.losses.get(planned.key)  # none of a run that diverged at once
        mean = math.nan if losses is None else float(losses.mean(dtype=float))
        network["losses"].append(mean if math.isfinite(mean) else None)
        network["characters"].append(planned.finished().characters)
    return found


def main() -> None:
    asked = arguments()
    only = asked.only.split(",") if asked.only else []
    out = asked.out or Path("runs", "-".join(["gallery", *only]))
    budgets = {"steps": asked.steps, "minutes": asked.minutes}
    whole = json.loads(DATA.read_text("utf-8")) if only else {}
    if only and whole["budgets"] != budgets:
        sys.exit(f"{DATA} has other budgets, {whole['budgets']}: give these")
    if (out / "steps" / FILE).exists():
        comparison = Comparison.open(out / "steps")
    else:
        comparison = CompareRequest(
            networks=list(dict.fromkeys([YARDSTICK, *(only or library())])),
            texts=asked.texts,
            hidden=[asked.hidden],
            steps=[asked.steps],
            seeds=asked.seeds,
            workers=asked.workers,
            settings={"sample_every": 0},
            out=out / "steps",
        ).open()
    corpus = comparison.text.load(out, asked.texts)
    speeds = out / "seconds.json"
    if not speeds.exists():
        speeds.write_text(json.dumps(seconds_a_step(comparison, corpus)), "utf-8")
    seconds = json.loads(speeds.read_text("utf-8"))
    results = {"steps": trained(comparison, asked.workers, asked.texts)}
    if asked.minutes:
        before = {name: known["seconds"] for name, known in whole.get("networks", {}).items()}
        minutes = at_equal_minutes(comparison, asked.minutes, seconds | before, out / "minutes")
        results["minutes"] = trained(minutes, asked.workers, asked.texts)
    networks: dict[str, Any] = {
        name: {
            "parameters": comparison.budgets[0].parameters[name],
            "seconds": seconds[name],
            **{budget: found[name] for budget, found in results.items()},
        }
        for name in comparison.names
    }
    texts = " ".join(Path(text).name for text in asked.texts)
    command = f"python benchmarks/gallery.py {texts} --hidden {asked.hidden} --steps {asked.steps}"
    if asked.minutes:
        command += f" --minutes {asked.minutes:g}"
    recipe = comparison.recipe
    found = {
        "command": command,
        "budgets": budgets,
        "machine": machine(),
        "workers": comparison.environment["workers"],
        "seeds": len(comparison.seeds),
        "step_characters": recipe.batch * recipe.seq_len,
        "test_characters": sum(len(text) - 1 for text in predictable(corpus.test)),
        "networks": networks,
    }
    if only:
        for name, here in networks.items():
            for told in (whole["networks"].get(name), here):
                print(name, json.dumps(told))
        found = {**whole, "networks": {**whole["networks"], **networks}}
    DATA.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
