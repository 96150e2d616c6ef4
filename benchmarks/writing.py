"""Characters a second when writing, beside loops in PyTorch and JAX, on one core.

python benchmarks/writing.py [--network wrnn] [--shapes 5887x512 65x256]
"""

import argparse

from cases import Case, Shape
from contenders import CONTENDERS
from measure import QUICK, Protocol, measure
from report import Report, tell

LENGTH = 100  # characters a measured step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="wrnn", help="a name or an .eq file")
    parser.add_argument("--shapes", nargs="+", metavar="VxH", default=["5887x512", "65x256"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few steps, rough figures")
    parser.add_argument("--markdown", metavar="FILE", help="docs/benchmarks.md: replace its table")
    asked = parser.parse_args()
    writers = [n for n, e in CONTENDERS.items() if n.startswith("write ") and e.installed]
    report = Report("Writing", asked.markdown)
    report.say(
        f"Characters a second that {asked.network} writes on {asked.threads} core(s), drawn at",
        "temperature 0.8, one call each; `jax at once` shows nothing before the text is done.",
        "",
    )
    report.table(("", "V", "H", "characters a second", "MB"), [14, 5, 4, 19, 6])
    for shape in asked.shapes:
        V, H = map(int, shape.split("x"))
        case = Case(asked.network, Shape(V, H, 1, LENGTH), threads=asked.threads)
        protocol = QUICK if asked.quick else Protocol()
        for name, m in measure(case, writers, protocol, tell).items():
            tell("")
            figures = m.failure, ""
            if m.seconds:
                figures = f"{LENGTH / m.median:,.0f}", f"{m.peak:.0f}"
            report.row((name.removeprefix("write "), str(V), str(H), *figures))


if __name__ == "__main__":
    main()
