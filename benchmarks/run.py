"""One training step of Recurra beside PyTorch, JAX and course NumPy.

    python benchmarks/run.py               # the whole table; hours, most of them torch.compile's
    python benchmarks/run.py --quick       # does it run? rough figures
    python benchmarks/run.py --check       # do all compute the same?
    python benchmarks/run.py --networks my.eq --shapes 65x256x32x64 --rivals torch jax

Every contender runs in a process of its own, with so many threads and cores; they take turns.
TensorFlow, MLX, DyNet and LIBXSMM are in the folder RECURRA_RIVALS; docs/benchmarks.md says how.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from cases import OPTIMIZERS, SHAPES, TABLE, Case, Shape, cases, load
from check import check
from contenders import CELLS, CONTENDERS, OURS, PEAK, READING, RIVALS
from machine import machine, usable_cores
from measure import QUICK, Protocol, measure
from report import Report, tell
from table import LEGEND, columns, facts, widths

from recurra.errors import RecurraError

COMPARED = ("course", *RIVALS, CELLS)


def shape(text: str) -> Shape:
    """A shape by name, or as VxHxBxT."""
    if text in SHAPES:
        return SHAPES[text]
    try:
        return Shape(*map(int, text.split("x")))
    except (TypeError, ValueError):
        known = ", ".join(SHAPES)
        raise argparse.ArgumentTypeError(f"{text}: VxHxBxT, or one of {known}") from None


def network(text: str) -> str:
    """The name of a network that can be read."""
    try:
        load(text)
    except RecurraError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--networks", nargs="+", type=network, help=f"{', '.join(TABLE)}, or .eq files"
    )
    parser.add_argument("--shapes", nargs="+", type=shape, help=f"VxHxBxT, or {', '.join(SHAPES)}")
    parser.add_argument("--rivals", nargs="*", choices=COMPARED, default=None)
    parser.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS)
    parser.add_argument("--threads", nargs="+", type=int, default=[usable_cores()])
    parser.add_argument("--cap", type=float, help="seconds that a contender may take to compile")
    parser.add_argument("--quick", action="store_true", help="few steps, no torch.compile")
    parser.add_argument("--check", action="store_true", help="compare what they compute, no times")
    parser.add_argument("--json", metavar="FILE", help="all facts, rewritten after every case")
    parser.add_argument("--markdown", metavar="FILE", help="docs/benchmarks.md: replace its table")
    return parser.parse_args()


def present(rivals: list[str]) -> list[str]:
    """Those that are installed; a word about each of the others."""
    for entry, name in ((CONTENDERS[name], name) for name in rivals):
        if not entry.installed:
            print(f"without {name}: {entry.file or entry.needs} is not installed", file=sys.stderr)
    return [name for name in rivals if CONTENDERS[name].installed]


def taking_part(case: Case, rivals: list[str]) -> list[str]:
    return [OURS, *(name for name in rivals if CONTENDERS[name].suits(case)), PEAK, READING]


def main() -> None:
    asked = arguments()
    rivals = list(COMPARED) if asked.rivals is None else asked.rivals
    if asked.quick and asked.rivals is None:
        rivals.remove("torch.compile")
    rivals = present(rivals)
    if asked.check:
        for line in check([OURS, *rivals], asked.networks):
            print(line, flush=True)
        return
    shapes = [SHAPES["english-classic"]] if asked.quick and not asked.shapes else asked.shapes
    protocol = QUICK if asked.quick else Protocol()
    if asked.cap:
        protocol = replace(protocol, cap=asked.cap)
    report = Report("Training step", asked.markdown)
    report.say(LEGEND, "")
    shown = columns(rivals)
    report.table(shown, widths(shown))
    found = []
    for case in cases(asked.networks, shapes, asked.optimizers, asked.threads):
        found.append(facts(measure(case, taking_part(case, rivals), protocol, tell)))
        tell("")
        report.row(cell(found[-1]) for cell in shown.values())
        for name, contender in found[-1]["contenders"].items():
            if contender.get("failure"):
                print(f"  {name}: {contender['failure']}", file=sys.stderr)
        if asked.json:
            result = {"machine": machine(), "cases": found}
            Path(asked.json).write_text(json.dumps(result, indent=1), "utf-8")


if __name__ == "__main__":
    main()
