"""Training steps of many networks beside PyTorch and JAX, and beside a floor of their own."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from cases import Case, Shape, Task
from contenders import CONTENDERS, OURS
from machine import usable_cores
from measure import QUICK, Measurement, Protocol, measure
from report import Report, tell

Found = dict[str, Measurement]


@dataclass(frozen=True)
class Comparison:
    """What a program compares.

    Attributes:
        title: its section of docs/benchmarks.md.
        legend: what stands above the table.
        networks, shapes: the rows, each with each.
        rivals: column -> contender; the first word of a column is a library.
        yardsticks: contenders that the floor is made of.
        floor: the least seconds of a step, from what was found.
    """

    title: str
    legend: str
    networks: tuple[str, ...]
    shapes: tuple[Shape, ...]
    rivals: dict[str, str]
    yardsticks: tuple[str, ...]
    floor: Callable[[Task, Found], float]


def run(comparison: Comparison, description: str) -> None:
    """Measure and print, as the options say."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--networks", nargs="+", default=comparison.networks)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--quick", action="store_true", help="few steps, rough figures")
    parser.add_argument("--markdown", metavar="FILE", help="docs/benchmarks.md: replace its table")
    asked = parser.parse_args()
    report = Report(comparison.title, asked.markdown)
    report.say(
        "Milliseconds of one exact training step with Adagrad, median; with one thread, of the",
        f"processor. {comparison.legend}",
        "",
    )
    rivals = {
        column: name for column, name in comparison.rivals.items() if CONTENDERS[name].installed
    }
    header = ("network", "VxHxBxT", "cores", "recurra", *rivals, "ahead", "floor", "of floor")
    report.table(header, [16, 12, 5, 8, *[8 for _ in rivals], 6, 8, 8])
    for network in asked.networks:
        for shape in comparison.shapes:
            case = Case(network, shape, threads=asked.threads)
            protocol = QUICK if asked.quick else Protocol()
            found = measure(case, [OURS, *rivals.values(), *comparison.yardsticks], protocol, tell)
            tell("")
            ours, *theirs = (1e3 * found[name].median for name in (OURS, *rivals.values()))
            floor = 1e3 * comparison.floor(Task(case), found)
            cells = [f"{time:.2f}" if time < 10 else f"{time:.1f}" for time in (ours, *theirs)]
            cells += [f"{min(theirs) / ours:.2f}x", f"{floor:.2f}"]
            size = "x".join(map(str, shape))
            report.row((network, size, str(asked.threads), *cells, f"{floor / ours:.0%}"))
