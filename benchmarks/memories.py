"""Training steps of networks with a matrix memory, beside PyTorch, JAX and the memory's traffic.

    python benchmarks/memories.py [--networks mlstm ...] [--threads 1] [--markdown FILE]

PyTorch and JAX take the steps of the programs that `recurra export` writes. The floor is the time
to move the numbers of the memory five times: written and read on the way forward, read on the way
back, and their gradient written and read.
"""

import argparse

from cases import Case, Shape
from contenders import CONTENDERS, EXPORTED, EXPORTED_JAX, OURS, TRAFFIC
from machine import usable_cores
from measure import QUICK, Protocol, measure
from report import Report, tell

NETWORKS = (
    *("linear_attention", "gla", "deltanet", "mlstm"),
    *("retnet", "mamba2", "rwkv7", "titans"),
)
SHAPES = (Shape(65, 64, 16, 64), Shape(65, 128, 32, 64))
MOVES = 5 / 2  # a copy moves every number twice


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--quick", action="store_true", help="few steps, rough figures")
    parser.add_argument("--markdown", metavar="FILE", help="docs/benchmarks.md: replace its table")
    asked = parser.parse_args()
    report = Report("Matrix memories", asked.markdown)
    report.say(
        "Milliseconds of one exact training step with Adagrad, median; with one thread, of the",
        "processor. `torch`, `jax`: PyTorch and JAX on the same equations, as `recurra export`",
        "writes them; `ahead`: of the better one. `floor`: the time to move every number of the",
        "memory five times, by the copy of an array measured in between.",
        "",
    )
    rivals = [name for name in (EXPORTED, EXPORTED_JAX) if CONTENDERS[name].installed]
    named = [name.removesuffix(" export") for name in rivals]
    header = ("network", "VxHxBxT", "cores", "recurra", *named, "ahead", "floor", "of floor")
    report.table(header, [16, 12, 5, 8, *[8 for _ in rivals], 6, 8, 8])
    for network in asked.networks:
        for shape in SHAPES:
            case = Case(network, shape, threads=asked.threads)
            protocol = QUICK if asked.quick else Protocol()
            found = measure(case, [OURS, *rivals, TRAFFIC], protocol, tell)
            tell("")
            ours, *theirs, copy = (1e3 * found[name].median for name in (OURS, *rivals, TRAFFIC))
            floor = MOVES * copy
            cells = [f"{ours:.1f}", *(f"{time:.1f}" for time in theirs)]
            cells += [f"{min(theirs) / ours:.2f}x", f"{floor:.2f}"]
            size = "x".join(map(str, shape))
            report.row((network, size, str(asked.threads), *cells, f"{floor / ours:.0%}"))


if __name__ == "__main__":
    main()
