"""Compare a network with itself, many times: how often is it called different?

Not collected by pytest: it takes minutes. Run it as

    python tests/long/planted_null.py [--times 200] [--seeds 5] [--engine compiled]

Under two names one network has the same random numbers, and must never differ at all. So its twin
has its terms in another order, as in ``W @ h[t-1] + U @ x[t]``: the same function, but other random
numbers at the start. Each comparison has a text and seeds of its own. At the 95 % level one in
twenty may be called different; exit code 1 if it were more often than chance explains, or if a
planted difference, hidden sizes 4 against 32, were missed.
"""
# ruff: noqa: T201

import argparse
import math
import random
import sys
import tempfile
from pathlib import Path

import recurra
from recurra.compute.registry import DEFAULT_ENGINE, ENGINES

RECIPE = recurra.MODERN.with_(
    hidden=16, batch=8, seq_len=16, steps=120, warmup=10, lr=1e-2, record_every=60,
    evaluate_every=60, evaluate_characters=1000, sample_every=0
)  # fmt: skip
TWIN = """
f = tanh
h[t] = f(W @ h[t-1] + s1 + U @ x[t])
o[t] = softmax(s2 + V @ h[t])
"""


def text(seed: int) -> str:
    """Something to learn: sums, of which a small network learns only the beginnings."""
    chance = random.Random(seed)
    pairs = [(chance.randrange(100), chance.randrange(100)) for _ in range(4000)]
    return "\n".join(f"{a} + {b} = {a + b}" for a, b in pairs)


def verdict(
    comparison: recurra.Comparison,
) -> tuple[str, float]:
    """Train all, open the test part: the verdict, and the difference."""
    for _, trainer in recurra.pending_runs(comparison):
        for _ in trainer.records():
            pass
    (difference,) = recurra.evaluate_test(comparison).differences
    return difference.verdict, difference.interval.mean


def null(number: int, folder: Path, seeds: int, engine: str) -> tuple[str, float]:
    """One comparison of a network with its twin."""
    networks = {"one": recurra.load_network("rnn"), "twin": recurra.parse(TWIN, "twin")}
    recipe = RECIPE.with_(seed=1000 * number)
    options = {"seeds": seeds, "engine": engine, "threads": 1, "out": folder / "null"}
    return verdict(recurra.plan_comparison(networks, [folder / "text.txt"], recipe, **options))


def planted(folder: Path, seeds: int, engine: str) -> tuple[str, float]:
    """One comparison of a small network with a large one, from runs."""
    runs: dict[str, list[str]] = {"small": [], "large": []}
    for (name, folders), hidden in zip(runs.items(), (4, 32), strict=True):
        for seed in range(seeds):
            done = recurra.train(
                [folder / "text.txt"], "rnn", RECIPE.with_(hidden=hidden, seed=seed),
                out=folder / f"{name}-{seed}", engine=engine, threads=1,
            )  # fmt: skip
            folders.append(done.run)
    return verdict(recurra.compare_runs(runs, folder / "planted"))


def too_often(hits: int, times: int, rate: float = 0.05) -> bool:
    """Whether so many hits have a chance below 1 % at this rate."""
    chances = [
        math.comb(times, k) * rate**k * (1 - rate) ** (times - k) for k in range(hits, times + 1)
    ]
    return sum(chances) < 0.01


def main() -> int:
    """Compare many times; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--engine", choices=ENGINES, default=DEFAULT_ENGINE)
    given = parser.parse_args()
    hits, gaps = 0, []
    for number in range(given.times):
        with tempfile.TemporaryDirectory() as root:
            Path(root, "text.txt").write_text(text(number), "utf-8")
            found, gap = null(number, Path(root), given.seeds, given.engine)
        hits += found != "none"
        gaps.append(gap)
        if (number + 1) % 20 == 0:
            spread = math.sqrt(sum(g * g for g in gaps) / len(gaps))
            print(
                f"{number + 1} comparisons: {hits} called different; spread {spread:.4f}",
                flush=True,
            )
    with tempfile.TemporaryDirectory() as root:
        Path(root, "text.txt").write_text(text(0), "utf-8")
        found, gap = planted(Path(root), given.seeds, given.engine)
    print(f"null: {hits} of {given.times} called different ({hits / given.times:.1%})")
    print(f"planted difference: {found}, {gap:+.4f} nats per character")
    return 1 if too_often(hits, given.times) or found != "higher" else 0


if __name__ == "__main__":
    sys.exit(main())
