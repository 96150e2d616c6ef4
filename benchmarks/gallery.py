"""How well and how fast every network of the library learns a text: docs/gallery.json.

    python benchmarks/gallery.py input.txt [--hidden 96] [--steps 1000] [--minutes 0.5]
    python benchmarks/gallery.py input.txt --only lstm,gru    # beside what the file says

A comparison of all networks, each with as many parameters as an LSTM of --hidden, at equal
characters and at equal minutes; then each takes steps alone, for its speed. Begun again, it goes
on where it was. The site's page is made of the file and of the library; `--only` writes no file.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from machine import machine, usable_cores

from recurra.comparison.comparison import FILE, Comparison, PlannedRun
from recurra.comparison.request import CompareRequest, compare
from recurra.comparison.results import Results
from recurra.comparison.runner import recipe_of
from recurra.lang.library import library
from recurra.text.corpus import Corpus
from recurra.training.records import Record
from recurra.training.speed import measure_speed
from recurra.training.trainer import Trainer
from recurra.view.numbers import loss, number

DATA = Path(__file__).parents[1] / "docs" / "gallery.json"
YARDSTICK = "lstm"  # has the number of parameters that all others get
PASSES = 3  # over all networks, for their speed: other load only ever makes one slower


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument("--hidden", type=int, default=96)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--only", metavar="NAME,...", help="measure these again")
    parser.add_argument("--out", type=Path, help="the comparison (runs/gallery)")
    return parser.parse_args()


def seconds_a_step(comparison: Comparison, corpus: Corpus) -> dict[str, float]:
    """Of each network in training, on one thread: the least of some passes."""
    least: dict[str, float] = {}
    recipe = comparison.recipe
    for planned in PASSES * comparison.finalists()[: len(comparison.names)]:
        network = comparison.contestant(planned.contestant).parsed
        trainer = Trainer(network, corpus, recipe_of(comparison, planned, recipe.lr), threads=1)
        seconds = recipe.batch * recipe.seq_len * measure_speed(trainer).training
        least[network.name] = min(seconds, least.get(network.name, seconds))
    return least


def facts(comparison: Comparison, results: Results, steps: dict[str, float]) -> dict[str, Any]:
    """What the page says, network by network."""
    networks: dict[str, Any] = {}
    for summary in results.summaries:
        rows = results.rows_of(summary.budget, summary.contestant)
        (limit,) = comparison.budget(summary.budget).limit
        found = networks.setdefault(
            summary.contestant,
            {
                "hidden": summary.hidden,
                "parameters": summary.parameters,
                "milliseconds": 1e3 * steps[summary.contestant],
            },
        )
        found[limit] = {
            "test": None if summary.test is None else vars(summary.test),
            "characters": sum(row.characters for row in rows) / len(rows),
        }
    recipe = comparison.recipe
    return {
        "command": f"python benchmarks/gallery.py {shlex.join(sys.argv[1:])}",
        "machine": machine(),
        "workers": comparison.environment["workers"],
        "budgets": [budget.limit for budget in comparison.budgets],
        "seeds": len(comparison.seeds),
        "characters a step": recipe.batch * recipe.seq_len,
        "test characters": results.characters,
        "networks": networks,
    }


def main() -> None:
    asked = arguments()
    only = asked.only.split(",") if asked.only else []
    out = asked.out or Path("runs", "-".join(["gallery", *only]))
    if (out / FILE).exists():
        request = CompareRequest(resume=out, texts=asked.texts, workers=asked.workers)
    else:
        request = CompareRequest(
            networks=list(dict.fromkeys([YARDSTICK, *(only or library())])),
            texts=asked.texts,
            hidden=[asked.hidden],
            steps=[asked.steps],
            minutes=[asked.minutes],
            seeds=asked.seeds,
            workers=asked.workers,
            settings={"sample_every": 0},
            out=out,
        )

    def tell(planned: PlannedRun, record: Record) -> None:
        print(planned.key, flush=True)

    results = compare(request, tell)
    comparison = Comparison.open(out)
    steps = seconds_a_step(comparison, comparison.text.load(out, asked.texts))
    found = facts(comparison, results, steps)
    if not only:
        DATA.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return
    before = json.loads(DATA.read_text("utf-8"))["networks"]
    for name, here in found["networks"].items():
        for told in (here, before[name]):
            losses = (loss(told[limit]["test"]["mean"]) for limit in ("steps", "minutes"))
            print(name, f"{number(told['milliseconds'])} ms", *losses)


if __name__ == "__main__":
    main()
