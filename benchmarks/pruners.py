"""What pruning costs and finds: a whole grid, every trial in full, against each pruner in one run.

    python benchmarks/pruners.py TEXT [--characters 300000] [--space FILE] [--network rnn]
        [--length CHARS] [--workers N] [--out FOLDER] [--pruners rounds top ...]

The grid is the default below, 72 settings, or your own. TEXT may be "shakespeare"; its first so
many characters are used. Every search runs to its end, its finalists included, and is kept in
--out, so that the same command goes on. The regret is how far the best of a search, after training
in full, lies above the best of the whole grid; the cost is the characters that it trained on, as a
part of the grid's. Prints a row as soon as a search is done, and all as Markdown at the end.
"""

import argparse
import time
from pathlib import Path

from recurra.compute.registry import available_threads
from recurra.text.sources import read_documents
from recurra.training.recipe import RECIPES
from recurra.tuning.request import TuneRequest
from recurra.tuning.space import load_space, parse_space
from recurra.tuning.statistics import rung_correlations
from recurra.tuning.study import Study
from recurra.tuning.workers import characters_used, search

GRID = {
    "hidden": [50, 100, 150, 200],
    "seq_len": [25, 45, 65],
    "lr": [1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4],
}
PRUNERS = ("rounds", "rounds within hidden", "top", "halving", "hyperband", "median", "classic")
COLUMNS = ("pruner", "trials", "in full", "minutes", "characters", "cost", "best nats", "regret")


def run(study: Study, workers: int) -> tuple[object, ...]:
    """Search, and what it took: trials, trained in full, minutes, characters, best loss."""
    clock = study.folder / "minutes"
    minutes = float(clock.read_text()) if clock.exists() else 0.0
    begun = time.monotonic()
    trials = study.trials()
    try:
        for trials in search(study, workers=workers):  # noqa: B007 (the last ones)
            pass
    finally:
        minutes += (time.monotonic() - begun) / 60.0
        clock.write_text(f"{minutes}")
    # the classic stop rules end a trial too
    in_full = sum(t.state == "done" and t.characters >= study.spec.length for t in trials)
    return len(trials), in_full, minutes, characters_used(trials), study.winner().loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text")
    parser.add_argument("--characters", type=int, default=300_000)
    parser.add_argument("--space", type=Path)
    parser.add_argument("--network", default="rnn")
    parser.add_argument("--recipe", choices=RECIPES, default="classic")
    parser.add_argument("--length", type=int, help="of a training in full; four times the text")
    parser.add_argument("--rung", type=int, help="the first one, for all pruners but `top`")
    parser.add_argument("--workers", type=int, default=available_threads())
    parser.add_argument("--out", type=Path, default=Path("studies", "pruners"))
    parser.add_argument("--pruners", nargs="+", choices=PRUNERS, default=PRUNERS)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    text = "".join(document.text for document in read_documents([given.text]))
    slice_ = given.out / "text.txt"
    slice_.write_text(text[: given.characters], "utf-8")
    space = load_space(given.space) if given.space else parse_space(GRID)
    rows = []
    for pruner in ("none", *given.pruners):
        name, *within = pruner.split(" within ")
        spec = TuneRequest(
            texts=[slice_],
            network=given.network,
            space=space,
            recipe=RECIPES[given.recipe],
            sampler="grid",
            pruner=name,
            length=given.length,
            rung=None if name == "top" else given.rung,
            within=within[0] if within else None,
        ).spec()
        study = Study.create(spec, given.out / pruner.replace(" ", "-"))
        trials, in_full, minutes, characters, loss = run(study, given.workers)
        if not rows:
            whole, best = characters, loss
        cost, regret = characters / whole, loss / best - 1.0
        rows.append(
            (pruner, trials, in_full, f"{minutes:.1f}", f"{characters:,}", f"1/{1 / cost:.1f}",
             f"{loss:.4f}", f"{regret:.2%}")
        )  # fmt: skip
        print(*(f"{name} {value}" for name, value in zip(COLUMNS, rows[-1], strict=True)), sep=", ")
        for found in rung_correlations(spec, study.trials()):
            rho = "-" if found.rho is None else f"{found.rho:.2f}"
            print(
                f"    rung {found.rung:,}: rank correlation {rho} over {found.trials}", flush=True
            )
    print("\n| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")


if __name__ == "__main__":
    main()
