"""What each network reaches, with its command, seeds, minutes and samples: docs/results.md.

    python benchmarks/results.py --text english=input.txt --text chinese=novels/ [--rows NAME ...]

Rows stand in benchmarks/results.toml. Every seed is one `recurra train`, then one `recurra eval`
over all held-out text and one `recurra write`, in processes of their own; what is done already
(in --runs) is not done again. The page is written from the rows that are done.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from machine import machine

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "results.md"
RECURRA = [sys.executable, "-c", "from recurra.cli import main; main()"]
WINDOWS = (64, 256)  # the contexts of nanoGPT's recipes
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
RESULT = "result.json"


@dataclass(frozen=True)
class Row:
    """One line of a table: what is trained on which text, and how often."""

    name: str
    text: str
    options: str
    seeds: int = 1
    sample: str = ""  # what the first seed's network goes on with


@dataclass(frozen=True)
class Result:
    """What one seed of a row came to."""

    command: str
    finished: dict[str, Any]
    losses: list[float]  # streamed, then by windows
    sample: str

    @property
    def minutes(self) -> float:
        return float(self.finished["seconds"]) / 60


def recurra(*arguments: str) -> str:
    done = subprocess.run([*RECURRA, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def command(row: Row, split: str) -> str:
    return f"recurra train TEXT --split {split} {row.options}"


def load_result(run: Path, asked: str) -> Result:
    """What was measured, if it was measured with the options that are asked now."""
    result = Result(**json.loads((run / RESULT).read_text("utf-8")))
    if result.command != asked:
        sys.exit(f"{run} is from `{result.command}`: remove it to measure again")
    return result


def measure(row: Row, seed: int, split: str, texts: list[str], run: Path) -> None:
    """Train, evaluate and write; the result is kept in the run folder."""
    if (run / "config.json").exists():
        train = ["--resume", str(run)]
    else:
        options = [*shlex.split(row.options), "--split", split, "--seed", str(seed)]
        train = [*texts, "--out", str(run), *options]
    finished = json.loads(recurra("train", *train, "--json"))
    loss = {}
    for windows in WINDOWS:
        scored = json.loads(recurra("eval", str(run), f"--windows={windows}", "--json"))["results"]
        loss |= {s["windows"]: s["nats_per_char"] for s in scored if s["text"] == "validation"}
    sample = recurra("write", str(run), row.sample, "--seed", "1") if row.sample else ""
    losses = [loss[windows] for windows in (None, *WINDOWS)]
    result = Result(command(row, split), finished, losses, sample)
    (run / RESULT).write_text(json.dumps(vars(result), ensure_ascii=False), "utf-8")
    print(row.text, row.name, seed, f"{loss[None]:.4f}", flush=True)


def table(rows: list[Row], results: dict[str, list[Result]]) -> Iterator[str]:
    windows = "".join(f" windows of {windows} |" for windows in WINDOWS)
    yield f"| | minutes | parameters | characters read | streamed |{windows} seeds |"
    yield "|---|---:|---:|---:|---:|" + "---:|" * len(WINDOWS) + "---:|"
    for row in rows:
        found = results[row.name]
        figures = [found[0].finished["parameters"], mean(r.finished["characters"] for r in found)]
        cells = [row.name, f"{mean(r.minutes for r in found):.1f}", *(f"{n:,.0f}" for n in figures)]
        losses = zip(*(r.losses for r in found), strict=True)
        cells += [" / ".join(f"{loss:.4f}" for loss in them) for them in losses]
        yield f"| {' | '.join(cells)} | {len(found)} |"
    yield ""
    yield from (f"- {row.name}: `{results[row.name][0].command}`" for row in rows)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--runs", type=Path, default=Path("runs/results"))
    asked = parser.parse_args()
    paths: dict[str, list[str]] = {}
    for name, _, path in (text.partition("=") for text in asked.text):
        paths.setdefault(name, []).append(path)
    described = tomllib.loads((HERE / "results.toml").read_text("utf-8"))
    lines = [", ".join(f"{what} {value}" for what, value in machine().items()) + ".", ""]
    for text, about in described["text"].items():
        rows = [Row(**row) for row in described["row"] if row["text"] == text]
        results: dict[str, list[Result]] = {}
        for row in rows:
            for seed in range(row.seeds):
                run = asked.runs / f"{text}-{row.name.replace(' ', '-')}-{seed}"
                wanted = text in paths and row.name in (asked.rows or [row.name])
                if wanted and not (run / RESULT).exists():
                    measure(row, seed, about["split"], paths[text], run)
                if (run / RESULT).exists():
                    result = load_result(run, command(row, about["split"]))
                    results.setdefault(row.name, []).append(result)
        rows = [row for row in rows if row.name in results]
        if rows:
            lines += [f"## {about['title']}", "", *table(rows, results)]
            lines += ["### Samples", "", *samples(rows, results)]
    page = PAGE.read_text("utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text("\n".join([before + BEGIN, *lines, END + after]), "utf-8")


if __name__ == "__main__":
    main()
