"""How the time of a training step and its memory grow with T and with B.

python benchmarks/scaling.py [--network wrnn] [--rivals "jax hoisted"] [--threads 2]
"""

import argparse

from cases import Case, Shape
from contenders import OURS, RIVALS
from machine import machine, usable_cores
from measure import QUICK, Protocol, measure

STEPS = (16, 32, 64, 128, 256, 512, 1024)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="wrnn", help="a name or an .eq file")
    parser.add_argument("--vocabulary", type=int, default=65)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--rivals", nargs="*", choices=RIVALS, default=[])
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--quick", action="store_true", help="few steps, rough figures")
    asked = parser.parse_args()
    V, H = asked.vocabulary, asked.hidden
    protocol = QUICK if asked.quick else Protocol()
    print(*(f"{key} {value}" for key, value in machine().items()), sep=", ")
    print(
        f"{asked.network}, V {V}, H {H}, {asked.threads} cores: time of a step, time a character,"
    )
    print("the most memory the process held while stepping")
    for title, shapes in (
        ("B 32", [Shape(V, H, 32, steps) for steps in STEPS]),
        ("T 64", [Shape(V, H, batch, 64) for batch in BATCHES]),
    ):
        print(f"\n{title}")
        for shape in shapes:
            case = Case(asked.network, shape, threads=asked.threads)
            for name, found in measure(case, [OURS, *asked.rivals], protocol).items():
                each = found.median / (shape.batch * shape.steps)
                print(
                    f"T {shape.steps:5} B {shape.batch:4} {name:14} {1e3 * found.median:9.2f} ms "
                    f"{1e6 * each:8.2f} us {found.peak:6.0f} MB {found.failure}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
