"""Characters a second when writing, beside one-step loops in PyTorch and JAX, on one core.

python benchmarks/writing.py [--network wrnn] [--shapes 5887x512 65x256]
"""

import argparse

from cases import Case, Shape
from contenders import CONTENDERS
from machine import machine
from measure import QUICK, Protocol, measure

LENGTH = 100  # characters a measured step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="wrnn", help="a name or an .eq file")
    parser.add_argument("--shapes", nargs="+", metavar="VxH", default=["5887x512", "65x256"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few steps, rough figures")
    asked = parser.parse_args()
    writers = [n for n, e in CONTENDERS.items() if n.startswith("write ") and e.installed]
    print(*(f"{key} {value}" for key, value in machine().items()), sep=", ")
    protocol = QUICK if asked.quick else Protocol()
    for shape in asked.shapes:
        V, H = map(int, shape.split("x"))
        case = Case(asked.network, Shape(V, H, 1, LENGTH), threads=asked.threads)
        print(f"\n{asked.network}, V {V}, H {H}, {asked.threads} threads: characters a second, MB")
        for name, found in measure(case, writers, protocol).items():
            speed = f"{LENGTH / found.median:10,.0f} {found.peak:8.0f}"
            print(f"{name.removeprefix('write '):14} {found.failure or speed}", flush=True)


if __name__ == "__main__":
    main()
