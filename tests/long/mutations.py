"""Spoil the files of runs, studies and comparisons, and see what the commands say to that.

Not collected by pytest: 5,000 mutations take about half an hour. Run it as

    python tests/long/mutations.py [--count 5000] [--first 0] [--seed 0] [--patience 5]
        [--commands 3] [--kinds edit_json,truncate] [--of ask,report] [--keep FOLDER]
    python tests/long/mutations.py --only 1234

It makes runs, studies and comparisons, finished and unfinished; then, again and again, it takes a
copy, spoils one file (every format in turn; bits, lengths, JSON at every path, arrays, equations,
and FIFOs, devices and links in place of files; half of the changed runs get their seals right
again, as a forger would), and runs commands on it: report, eval, write, export, train, trials,
tune, worker, compare, and all that a studio is asked. Each must end with an exit code of 0, 1 or 2
and at most one sentence on stderr: no traceback, no "unexpectedly", no control character, no NaN
for a result, within --patience seconds and 500 MB of memory, without a request to the network,
without touching a file beside the folder.

It prints a line for every failure that is not like one before, with the number that repeats it
alone, and a table in the end. Exit code 0: no failure. For Linux. Its short form, for a test to run
in a process of its own, is --count 42 --commands 1 --patience 20 (a quarter of a minute).
"""
# ruff: noqa: T201

import argparse
import contextlib
import os
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import confined
import descendants
import spoiling

FIXTURES = Path(__file__).parents[1] / "fixtures" / "v0_1_0"
MEMORY = 500.0  # megabytes
SMALL = [
    "--batch=2", "--seq-len=8", "--warmup=2", "--record-every=10", "--evaluate-every=20",
    "--evaluate-characters=200", "--sample-characters=20", "--engine=reference",
]  # fmt: skip
TUNE = [
    "--network=rnn", "--length=480", "--rung=160", "--pruner=rounds", "--finalists=1", "--trials=6",
    "--workers=1", "--sample-every=40", "--quiet", *SMALL,
]  # fmt: skip
COMPARE = ["--hidden=6", "--steps=40", "--seeds=2", "--threads=1", "--match=hidden", *SMALL]

JSON = [spoiling.edit_json] * 6 + [spoiling.flip_bits, spoiling.truncate, spoiling.insert]
LINES = [spoiling.edit_line] * 6 + [spoiling.flip_bits, spoiling.truncate, spoiling.insert]
ARRAYS = [spoiling.edit_meta] * 3 + [spoiling.edit_arrays] * 3 + JSON[-3:]
EQUATIONS = [spoiling.edit_equations] * 6 + JSON[-3:]
TEXT = [spoiling.edit_equations] * 2 + JSON[-3:]
TARGETS: list[tuple[str, str, list[spoiling.Spoil]]] = [
    (patient, file, [*kinds, spoiling.replace_file])
    for patient, files in {
        "run": {
            "config.json": JSON, "vocabulary.json": JSON, "equations.eq": EQUATIONS,
            "metrics.jsonl": LINES, "clock.json": JSON, "best.safetensors": ARRAYS,
            "last.safetensors": ARRAYS,
        },
        "interrupted": {
            "config.json": JSON, "metrics.jsonl": LINES, "clock.json": JSON,
            "best.safetensors": ARRAYS, "last.safetensors": ARRAYS, "equations.eq": EQUATIONS,
        },
        "study": {
            "study.json": JSON, "journal.log": LINES, "trials/00000/config.json": JSON,
            "trials/00000/metrics.jsonl": LINES, "trials/00000/best.safetensors": ARRAYS,
        },
        "unfinished-study": {
            "study.json": JSON, "journal.log": LINES, "trials/00000/config.json": JSON,
            "trials/00000/metrics.jsonl": LINES, "trials/00000/last.safetensors": ARRAYS,
        },
        "comparison": {
            "comparison.json": JSON, "test.safetensors": ARRAYS,
            "runs/6-steps40/rnn/seed-0/metrics.jsonl": LINES,
            "runs/6-steps40/rnn/seed-0/config.json": JSON,
        },
        "unfinished-comparison": {
            "comparison.json": JSON, "runs/6-steps40/rnn/seed-0/best.safetensors": ARRAYS,
            "runs/6-steps40/rnn/seed-0/metrics.jsonl": LINES,
        },
        "extended": {"extensions.json": JSON, "config.json": JSON, "last.safetensors": ARRAYS},
        "warm": {"config.json": JSON, "last.safetensors": ARRAYS},
        "piped": {"standard-input.txt": TEXT, "config.json": JSON},
        "hub": {
            "config.json": JSON, "vocabulary.json": JSON, "equations.eq": EQUATIONS,
            "model.safetensors": ARRAYS,
        },
        "inputs": {"cell.eq": EQUATIONS, "space.toml": TEXT, "novel.txt": TEXT},
    }.items()
    for file, kinds in files.items()
]  # fmt: skip


def commands(patient: Path, sentinel: Path, out: Path) -> list[list[str]]:
    """The command lines that read a folder of this kind; those that start processes come last."""
    text, folder, page = str(sentinel / "novel.txt"), str(patient), str(out / "page")
    page_of = ["report", folder, "--chars=20", "-o"]
    report = [
        ["ask", folder], [*page_of, f"{page}.html"], [*page_of, f"{page}.md", "--lang=zh"],
    ]  # fmt: skip
    short = ["--hidden=6", "--steps=5", "--warmup=1", "--engine=reference", "--threads=1"]
    begin = ["train", text, f"--init-from={folder}", f"--out={out / 'new'}", *short[1:]]
    model = [
        *report,
        ["eval", folder, text, "--engine=reference"],
        ["write", folder, "Ada ", "--chars=20"],
        ["runs", str(patient.parent), "--json"],
        ["export", folder, "--to=numpy", "-o", f"{page}.py"],
        ["export", folder, "--to=huggingface", "-o", f"{page}-hub"],
        begin,
    ]
    match patient.name:
        case "hub":
            return model
        case "inputs":
            cell, space = f"{folder}/cell.eq", f"--space={folder}/space.toml"
            return [
                ["show", cell],
                ["check", cell],
                ["explain", cell, "-o", f"{page}.html"],
                ["explain", cell, "-o", f"{page}.md", "--lang=zh"],
                ["export", cell, "--to=html", "-o", f"{page}.html"],
                [
                    "train",
                    f"{folder}/novel.txt",
                    f"--network={cell}",
                    f"--out={out / 'new'}",
                    *short,
                ],
                ["tune", text, space, f"--out={out / 'new'}", *TUNE, "--trials=2"],
            ]
        case "run" | "interrupted" | "extended" | "warm" | "piped":
            return [
                *model,
                [*begin, "--keep-optimizer"],
                ["eval", folder, "--engine=reference", "--json", "--windows=20"],
                ["write", folder, "Ada ", "--chars=20", "--last"],
                ["train", "--resume", folder, text],
                ["train", "--resume", folder, "--steps=100"],
                ["train", "--resume", folder],
                ["compare", f"a={folder}", f"b={sentinel / 'run'}", f"--out={out / 'comparison'}"],
            ]
        case "study" | "unfinished-study":
            search = "" if patient.name == "study" else "--seed=1"
            space = str(sentinel / "space.toml")
            return [
                *report,
                ["trials", folder],
                ["trials", folder, "--json"],
                ["trials", folder, "--csv"],
                ["train", "--from", folder, f"--out={out / 'winner'}", "--steps=5", "--warmup=1",
                 "--engine=reference"],
                ["worker", folder, "--quiet"],
                ["tune", text, f"--space={space}", f"--out={folder}", *TUNE, *search.split()],
            ]  # fmt: skip
        case _:
            return [
                *report,
                ["compare", "--resume", folder],
                ["compare", "--resume", folder, f"--text={text}", "--json"],
            ]


@dataclass(frozen=True)
class Failure:
    """A mutation, a command, and what is wrong with its answer."""

    number: int
    what: str
    command: str
    wrong: str
    words: str
    place: str

    @property
    def signature(self) -> tuple[str, ...]:
        """Equal for failures that look alike."""
        if self.place:
            return self.wrong, self.place
        words = re.sub(r"0x\w+|\d+|'[^']*'|/[\w./-]+|\(.*\)", "*", self.words)
        where, kind = self.what.split(": ")[:2]
        return self.wrong, where, kind, self.command.split()[0], words[-60:]


def draw(number: int, seed: int) -> tuple[spoiling.Spoil, random.Random]:
    """The kind of this mutation, and a generator for the rest of it."""
    chance = random.Random(f"{seed}/{number}")
    return chance.choice(TARGETS[number % len(TARGETS)][2]), chance


@dataclass
class Ward:
    """Healthy patients, a sentinel, and room for copies.

    Args:
        folder: for all of it.
        patience: seconds that a command has.
        only: the commands that are run, by their first words; none: all.
    """

    folder: Path
    patience: float
    only: frozenset[str] = frozenset()
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.healthy, self.sentinel = self.folder / "healthy", self.folder / "sentinel"
        self.room, self.out = self.folder / "room", self.folder / "room" / "out"
        for folder in (self.healthy, self.sentinel, self.room / "home", self.room / "temporary"):
            folder.mkdir(parents=True)
        os.environ[spoiling.SENTINEL] = str(self.sentinel)
        for name in ("novel.txt", "space.toml"):
            shutil.copy(FIXTURES / name, self.sentinel)
        self.base = confined.warm()
        self._make()

    def _make(self) -> None:
        text, made = str(self.sentinel / "novel.txt"), self.healthy
        again = ["--quiet", "--steps=60", "--threads=1", *SMALL]
        train = ["train", text, "--hidden=6", *again]
        tune = ["tune", text, f"--space={self.sentinel / 'space.toml'}", *TUNE]
        compare = ["compare", "rnn", "wrnn", f"--text={text}", "--quiet", *COMPARE]
        for line in (
            [*train, f"--out={made / 'run'}"],
            [*train, f"--out={made / 'extended'}"],
            ["train", "--resume", str(made / "extended"), "--steps=80", "--quiet"],
            ["train", text, *again, f"--out={made / 'warm'}", f"--init-from={made / 'run'}"],
            ["train", "-", *train[2:], f"--out={made / 'piped'}"],
            ["export", str(made / "run"), "--to=huggingface", "-o", str(made / "hub")],
            [*tune, f"--out={made / 'study'}"],
            [*tune, "--seed=1", "--characters=1200", f"--out={made / 'unfinished-study'}"],
            [*compare, f"--out={made / 'comparison'}"],
        ):
            done = confined.call(line, self.base, self.room, stdin=text)
            if done.code and "--characters=1200" not in line:
                sys.exit(done.err)
        (made / "inputs").mkdir()
        for name, file in {
            "novel.txt": "novel.txt",
            "space.toml": "space.toml",
            "cell.eq": "layers.eq",
        }.items():
            shutil.copy(FIXTURES / file, made / "inputs" / name)
        shutil.copytree(FIXTURES / "interrupted", made / "interrupted")
        shutil.copytree(made / "comparison", made / "unfinished-comparison")
        shutil.rmtree(made / "unfinished-comparison" / "runs" / "6-steps40" / "wrnn" / "seed-1")
        (made / "unfinished-comparison" / "test.safetensors").unlink()
        shutil.copytree(made / "run", self.sentinel / "run")

    def mutate(self, number: int, seed: int) -> tuple[Path, str, random.Random]:
        """A spoilt copy of a patient, and what was done to it; equal numbers, equal mutations."""
        spoil, chance = draw(number, seed)
        patient, file, _ = TARGETS[number % len(TARGETS)]
        turn = number // len(TARGETS)
        copy = self.room / patient
        for folder in (self.out, *(self.room / name for name, _, _ in TARGETS)):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.healthy / patient, copy)
        self.out.mkdir()
        words = spoil(copy / file, chance, turn)
        if chance.random() < 0.5 and spoil not in (spoiling.edit_meta, spoiling.replace_file):
            spoiling.seal_again((copy / file).parent)
            words += ", sealed again"
        path = copy / file
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 2**20:
            content = path.read_bytes()
            sentinel = str(self.sentinel / "novel.txt").encode()
            if spoiling.SENTINEL.encode() in content:
                path.write_bytes(content.replace(spoiling.SENTINEL.encode(), sentinel))
        return copy, f"{patient}/{file}: {spoil.__name__}: {words}", chance

    def examine(self, number: int, seed: int, count: int | None) -> Iterator[Failure]:
        """Spoil a file and run some of the commands that read it, each on a copy of its own."""
        copy, what, chance = self.mutate(number, seed)
        lines = commands(copy, self.sentinel, self.out)
        lines = [line for line in lines if not self.only or line[0] in self.only]
        for line in lines if count is None else chance.sample(lines, min(count, len(lines))):
            copy, what, _ = self.mutate(number, seed)
            watched = [self.sentinel, self.healthy]
            outcome = confined.call(line, self.base, self.room, watched, self.patience)
            wrong = faults(outcome, self.patience, line[0])
            self.counts[what.split(":")[0].partition("/")[2], wrong[0] if wrong else "well"] += 1
            if count is None:
                print(f"recurra {' '.join(line)}\n  {outcome}\n")
            for one in wrong:
                words = outcome.err.strip()[-300:]
                yield Failure(number, what, " ".join(line), one, words, outcome.place)
            for extra in set(self.sentinel.iterdir()) - self._at_first:
                extra.unlink()

    @property
    def _at_first(self) -> set[Path]:
        return {self.sentinel / name for name in ("novel.txt", "space.toml", "run")}


def faults(outcome: confined.Outcome, patience: float, command: str) -> list[str]:
    """What is wrong with an answer; nothing, if all is well."""
    checks: dict[str, Callable[[], bool]] = {
        "hangs": lambda: outcome.code is None,
        "takes too long": lambda: outcome.seconds > patience and outcome.code not in (None, 130),
        "traceback": lambda: "Traceback" in outcome.err or outcome.code == confined.ESCAPED,
        "a warning of Python": lambda: "Warning: " in outcome.err,
        "calls itself a fault": lambda: bool(re.search("unexpectedly|fault in R", outcome.err)),
        "ends by a signal": lambda: (outcome.code or 0) < 0,
        "odd exit code": lambda: (outcome.code or 0) not in (0, 1, 2, 130),
        "no sentence": lambda: outcome.code == 1 and "Error: " not in outcome.err,
        "two sentences": lambda: len(re.findall("^Error: ", outcome.err, re.MULTILINE)) > 1,
        "control characters": lambda: bool(re.search("[\0-\x08\x0e-\x1f\x7f-\x9f]", outcome.err)),
        "more than 500 MB": lambda: outcome.megabytes > MEMORY,
        "leaves a process behind": lambda: outcome.outlived and outcome.code is not None,
        "asks the network": lambda: bool(outcome.requests),
        "touches a file": lambda: bool(outcome.touched),
        "nan as a result": lambda: (
            command == "eval" and not outcome.code and bool(re.search(r"\bnan\b", outcome.out))
        ),
    }
    return [name for name, wrong in checks.items() if wrong()]


def sweep(ward: Ward, numbers: Iterable[int], seed: int, count: int) -> list[Failure]:
    """Examine these mutations, so many commands each; print what fails unlike any before."""
    found: list[Failure] = []
    seen: Counter[tuple[str, ...]] = Counter()
    for number in numbers:
        for failure in ward.examine(number, seed, count):
            found.append(failure)
            seen[failure.signature] += 1
            if seen[failure.signature] == 1:
                print(f"{failure.number}: {failure.wrong}\n    {failure.what}")
                print(f"    recurra {failure.command}\n    {failure.words!a}", flush=True)
    return found


def table(ward: Ward) -> None:
    """Files by verdicts."""
    verdicts = sorted({verdict for _, verdict in ward.counts})
    files = sorted({file for file, _ in ward.counts})
    for file in files:
        counts = [f"{verdict} {ward.counts[file, verdict]:,}" for verdict in verdicts
                  if ward.counts[file, verdict]]  # fmt: skip
        print(f"{file:45} {', '.join(counts)}")


def main() -> int:
    """Mutate and examine; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=float, default=5.0)
    parser.add_argument("--commands", type=int, default=3, help="run on each, drawn at random")
    parser.add_argument("--kinds", help="of mutations, such as edit_json,truncate")
    parser.add_argument("--of", help="commands that are run, as ask,report; ask is the studio")
    parser.add_argument("--only", type=int, help="repeat this mutation with all commands")
    parser.add_argument("--keep", type=Path, help="work here, and leave it")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(descendants.none_left_behind())
        only = frozenset(given.of.split(",") if given.of else ())
        ward = Ward(folder.resolve(), given.patience, only)
        if given.only is not None:
            failures = list(ward.examine(given.only, given.seed, None))
            print(ward.mutate(given.only, given.seed)[1])
            print(*failures, sep="\n")
        else:
            kinds = given.kinds and set(given.kinds.split(","))
            numbers = range(given.first, given.first + given.count)
            chosen = (n for n in numbers if not kinds or draw(n, given.seed)[0].__name__ in kinds)
            failures = sweep(ward, chosen, given.seed, given.commands)
            table(ward)
        calls = sum(ward.counts.values())
    alike = len({failure.signature for failure in failures})
    print(f"{calls:,} commands, {len(failures):,} failures, {alike:,} of them unlike the others")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
