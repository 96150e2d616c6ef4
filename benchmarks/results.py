"""What each network reaches, with its command, seeds, processor time and samples: docs/results.md.

    python benchmarks/results.py --text english=input.txt --text chinese=novels/ [--rows NAME ...]

Rows stand in benchmarks/results.toml. Every seed is one `recurra train`, then `recurra eval` with
trained weights, with weights that follow the text and with counts, and one `recurra write`, in
processes of their own; what is done already (in --runs) is not done again. The page is written
from the rows that are done.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import mean, stdev
from typing import Any

from machine import machine

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "results.md"
RECURRA = [sys.executable, "-c", "from recurra.cli import main; main()"]
WINDOW, WINDOWS = 256, "windows of 256"  # the context of nanoGPT's recipe for a GPU
COMPRESSORS = {"zpaq": "zpaq, method 5", "ppmd": "PPMd, order 6"}
TRAINED, LEARNING, COUNTS = READINGS = "trained weights", "learning while reading", "with counts"
MIXED = "a mixture of trained networks"
PARTS = "validation", "test"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
RESULT, COMPRESSED = "result.json", "compressed.json"


@dataclass(frozen=True)
class Text:
    """What rows are trained on."""

    title: str
    split: str
    tail: float = 0.0  # the part of it that is held out, to be read as one text, too
    compressors: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a table: what is trained on which text, and how often."""

    name: str
    text: str
    options: str = ""
    seeds: int = 1
    sample: str = ""  # what the first seed's network goes on with
    together: str = ""  # nothing is trained: the networks of this row predict together


@dataclass(frozen=True)
class Result:
    """What one seed of a row came to.

    Attributes:
        command: that made it.
        networks: what `train` told at the end of each.
        cpu: minutes of one core; None: not known.
        losses: "READING, TEXT" -> nats per character.
        sample: what it wrote.
    """

    command: str
    networks: list[dict[str, Any]]
    cpu: float | None
    losses: dict[str, float]
    sample: str = ""


def recurra(*arguments: str) -> str:
    done = subprocess.run([*RECURRA, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def evaluate(*arguments: str) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads(recurra("eval", *arguments, "--json"))["results"]
    return results


def held_out(text: Text, paths: Sequence[str], folder: Path) -> list[list[str]]:
    """The texts to read: the run's own parts, and its held-out text as one if that is asked."""
    if not text.tail:
        return [[]]
    data, tail = Path(*paths).read_bytes(), folder / "tail.txt"
    tail.write_bytes(data[len(data) - round(text.tail * len(data)) :])
    return [[], [str(tail)]]


def train(row: Row, text: Text, seed: int, paths: list[str], run: Path) -> Result:
    """Train, evaluate and write."""
    cpu: float | None = None
    if (run / "config.json").exists():
        finished = json.loads(recurra("train", "--resume", str(run), "--json"))
    else:
        before = sum(getrusage(RUSAGE_CHILDREN)[:2])
        options = [*shlex.split(row.options), "--split", text.split, "--seed", str(seed)]
        finished = json.loads(recurra("train", *paths, "--out", str(run), *options, "--json"))
        cpu = (sum(getrusage(RUSAGE_CHILDREN)[:2]) - before) / 60
    losses = {}
    for texts in held_out(text, paths, run):
        asked = [str(run), *texts, "--adapt", "--mix", "counts", f"--windows={WINDOW}"]
        for found in evaluate(*asked):
            if found["windows"]:
                losses[f"{WINDOWS}, {found['text']}"] = found["nats_per_char"]
                continue
            for reading, kind in zip(READINGS, ("", "adaptive_", "mixture_"), strict=True):
                losses[f"{reading}, {found['text']}"] = found[f"{kind}nats_per_char"]
    sample = recurra("write", str(run), row.sample, "--seed", "1") if row.sample else ""
    return Result(command(row, text), [finished], cpu, losses, sample)


def join(row: Row, text: Text, paths: list[str], runs: Sequence[Path]) -> Result:
    """Evaluate the mixture of some networks."""
    own = [Result(**json.loads((run / RESULT).read_text("utf-8"))) for run in runs]
    times = [result.cpu for result in own if result.cpu]
    losses = {}
    mixed = [option for run in runs[1:] for option in ("--mix", str(run))]
    ways = [
        (TRAINED, "mean", []),
        (LEARNING, "mixture", ["--adapt"]),
        (COUNTS, "mixture", ["--adapt", "--mix", "counts"]),
    ]
    for reading, kind, way in ways:
        for texts in held_out(text, paths, runs[0]):
            for found in evaluate(str(runs[0]), *texts, *mixed, *way):
                losses[f"{reading}, {found['text']}"] = found[f"{kind}_nats_per_char"]
                if not way:
                    losses[f"{MIXED}, {found['text']}"] = found["mixture_nats_per_char"]
    networks = [network for result in own for network in result.networks]
    return Result(command(row, text), networks, mean(times) * len(own) if times else None, losses)


def compress(run: Path) -> dict[str, float]:
    """What the compressors pay for the parts of a run's text."""
    found = evaluate(str(run), f"--versus={','.join(COMPRESSORS)}")
    return {f"{n}, {f['text']}": f[f"{n}_nats_per_char"] for f in found for n in COMPRESSORS}


def command(row: Row, text: Text) -> str:
    if row.together:
        return "recurra eval RUN --mix RUN2 ..."
    return f"recurra train TEXT --split {text.split} {row.options}"


def place(runs: Path, row: Row, seed: int) -> Path:
    return runs / f"{row.text}-{row.name.replace(' ', '-')}-{seed}"


def load_results(runs: Path, row: Row, text: Text) -> list[Result]:
    """What was measured of a row, if it was measured as is asked now."""
    files = [place(runs, row, seed) / RESULT for seed in range(row.seeds)]
    found = [Result(**json.loads(f.read_text("utf-8"))) for f in files if f.exists()]
    for result in found:
        if result.command != command(row, text):
            sys.exit(f"{row.name} is from `{result.command}`: remove it to measure again")
    return found


def mean_and_deviation(numbers: Sequence[float]) -> str:
    """A mean, and the standard deviation."""
    return f"{mean(numbers):.4f}" + (f" ± {stdev(numbers):.4f}" if len(numbers) > 1 else "")


def table(
    rows: list[Row], results: dict[str, list[Result]], compressed: dict[str, float]
) -> Iterator[str]:
    """All rows of a text: validation / test."""
    yield f"| | {' | '.join(READINGS)} |"
    yield "|---|" + "---:|" * len(READINGS)
    for row in rows:
        cells = [row.name]
        for reading in READINGS:
            losses = [[r.losses[f"{reading}, {part}"] for r in results[row.name]] for part in PARTS]
            cells.append(" / ".join(map(mean_and_deviation, losses)))
        yield f"| {' | '.join(cells)} |"
    for name, title in COMPRESSORS.items():
        if compressed:
            paid = [f"{compressed[f'{name}, {part}']:.4f}" for part in PARTS]
            yield f"| {title} | | {' / '.join(paid)} | |"
    yield ""


def facts(found: Sequence[Result]) -> str:
    """The command of a row, and what it takes for one seed."""
    sizes = {
        key: mean(sum(network[key] for network in result.networks) for result in found)
        for key in ("parameters", "characters")
    }
    told = [f"`{found[0].command}`"]
    told += [
        f"{sizes['parameters']:,.0f} parameters",
        f"{sizes['characters']:,.0f} characters read",
    ]
    times = [result.cpu for result in found if result.cpu]
    told += [f"{mean(times):.1f} CPU minutes"] if times else []
    told += [f"{len(found)} seeds"] if len(found) > 1 else []
    return ", ".join(told)


def other_readings(rows: list[Row], results: dict[str, list[Result]]) -> Iterator[str]:
    """Both parts as one text, and windows, where they were measured."""
    keys = [f"{reading}, given" for reading in (*READINGS, WINDOWS)]
    if any(keys[0] in results[row.name][0].losses for row in rows):
        yield f"Both parts as one text; {WINDOWS}: from zeros at every {WINDOW} characters:"
        yield ""
        yield f"| | {' | '.join((*READINGS, WINDOWS))} |"
        yield "|---|" + "---:|" * len(keys)
        for row in rows:
            found = [[r.losses[k] for r in results[row.name] if k in r.losses] for k in keys]
            cells = [mean_and_deviation(losses) if losses else "" for losses in found]
            yield f"| {row.name} | {' | '.join(cells)} |"
        yield ""


def quoted(text: str) -> str:
    """As a shell's word, on one line."""
    if "\n" not in text:
        return shlex.quote(text)
    return "$'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def samples(rows: list[Row], results: dict[str, list[Result]]) -> Iterator[str]:
    for row in rows:
        if row.sample:
            yield f"{row.name}, seed 0 (`recurra write RUN {quoted(row.sample)} --seed 1`):"
            yield ""
            yield from (f"    {line}".rstrip() for line in results[row.name][0].sample.splitlines())
            yield ""


def section(name: str, text: Text, rows: list[Row], runs: Path) -> Iterator[str]:
    """All that was measured on a text."""
    results = {row.name: load_results(runs, row, text) for row in rows}
    rows = [row for row in rows if results[row.name]]
    if not rows:
        return
    file = runs / f"{name}-{COMPRESSED}"
    yield from (f"## {text.title}", "")
    yield from table(rows, results, json.loads(file.read_text()) if file.exists() else {})
    yield from (f"- {row.name}: {facts(results[row.name])}" for row in rows)
    yield ""
    yield from other_readings(rows, results)
    yield from ("### Samples", "", *samples(rows, results))


def measure(
    name: str, text: Text, rows: list[Row], paths: list[str], asked: argparse.Namespace
) -> None:
    """Measure what is asked of a text and not done; results are kept in the run folders."""
    named = {row.name: row for row in rows}
    for row, seed in ((each, seed) for each in rows for seed in range(each.seeds)):
        run, file = place(asked.runs, row, seed), asked.runs / f"{name}-{COMPRESSED}"
        wanted = row.name in (asked.rows or named) and seed in (asked.seeds or [seed])
        if not wanted or (run / RESULT).exists():
            continue
        if row.together:
            of = named[row.together]
            members = [place(asked.runs, of, other) for other in range(of.seeds)]
            result = join(row, text, paths, members)
        else:
            result = train(row, text, seed, paths, run)
            if text.compressors and not file.exists():
                file.write_text(json.dumps(compress(run)), "utf-8")
        run.mkdir(parents=True, exist_ok=True)
        (run / RESULT).write_text(json.dumps(vars(result), ensure_ascii=False), "utf-8")
        print(name, row.name, seed, result.losses, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="only these")
    parser.add_argument("--runs", type=Path, default=Path("runs/results"))
    asked = parser.parse_args()
    paths: dict[str, list[str]] = {}
    for name, _, path in (text.partition("=") for text in asked.text):
        paths.setdefault(name, []).append(path)
    described = tomllib.loads((HERE / "results.toml").read_text("utf-8"))
    lines = [", ".join(f"{what} {value}" for what, value in machine().items()) + ".", ""]
    for name, about in described["text"].items():
        text, rows = Text(**about), [Row(**r) for r in described["row"] if r["text"] == name]
        if name in paths:
            measure(name, text, rows, paths[name], asked)
        lines += section(name, text, rows, asked.runs)
    page = PAGE.read_text("utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text("\n".join([before + BEGIN, *lines, END + after]), "utf-8")


if __name__ == "__main__":
    main()
