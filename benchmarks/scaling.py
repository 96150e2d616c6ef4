"""How the time of a training step and its memory grow with T and with B.

python benchmarks/scaling.py [--network wrnn] [--rivals "jax hoisted"] [--threads 2]
"""

import argparse

from cases import Case, Shape
from contenders import CONTENDERS, OURS, RIVALS
from machine import usable_cores
from measure import QUICK, Protocol, measure
from report import Report, tell

STEPS = (16, 32, 64, 128, 256, 512, 1024)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="wrnn", help="a name or an .eq file")
    parser.add_argument("--vocabulary", type=int, default=65)
    parser.add_argument("--hidden", type=int, default=256)
    installed = [name for name in RIVALS if CONTENDERS[name].installed]
    parser.add_argument("--rivals", nargs="*", choices=installed, default=[])
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--quick", action="store_true", help="few steps, rough figures")
    parser.add_argument("--markdown", metavar="FILE", help="docs/benchmarks.md: replace its table")
    asked = parser.parse_args()
    V, H = asked.vocabulary, asked.hidden
    report = Report("Scaling", asked.markdown)
    report.say(
        f"One training step of {asked.network}, V {V}, H {H}, Adagrad, {asked.threads} cores; MB:",
        "the most that the process held while stepping, libraries included.",
        "",
    )
    report.table(("", "T", "B", "ms a step", "µs a character", "MB"), [14, 5, 4, 10, 14, 6])
    shapes = [Shape(V, H, 32, steps) for steps in STEPS]
    shapes += [Shape(V, H, batch, 64) for batch in BATCHES]
    for shape in shapes:
        case = Case(asked.network, shape, threads=asked.threads)
        protocol = QUICK if asked.quick else Protocol()
        for name, m in measure(case, [OURS, *asked.rivals], protocol, tell).items():
            tell("")
            each = m.median / (shape.batch * shape.steps)
            figures = m.failure, "", ""
            if m.seconds:
                figures = f"{1e3 * m.median:.2f}", f"{1e6 * each:.2f}", f"{m.peak:.0f}"
            report.row((name, str(shape.steps), str(shape.batch), *figures))


if __name__ == "__main__":
    main()
