"""Send SIGINT, SIGTERM and SIGHUP to every command in every phase, in a pipe and in a terminal.

Not collected by pytest: all of it takes about fifteen minutes. Run it as

    python tests/long/signals.py [--phases training,saving] [--start-up 50] [--step 2] [--quick]

In a terminal SIGINT is Ctrl-C typed, and "closed" closes the window: the terminal is gone, SIGHUP
comes. Start-up is every --step milliseconds up to --start-up. A command has to end within two
seconds (on a busy machine: times the load of a core; no clock here counts a child's own wait for
a core), by 130, 143 or 129 (or by the signal itself, which a shell shows as the same number), with
one sentence and without a traceback, and leave no process behind; then it is resumed, and has to
come to the same bytes as one that was left alone. Silence is enough in start-up, and for SIGTERM
and SIGHUP where nothing was trained yet. In the first milliseconds, before any file of Recurra's
is read, Python answers for itself: "Python's own start" is counted and no failure.

It prints a line for each phase with the longest time to the end, the failures as they are met,
and a table of them. Exit code 0: none. For Linux.
"""
# ruff: noqa: T201

import argparse
import fcntl
import hashlib
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from descendants import Clock, none_left_behind, outlived

FIXTURES = Path(__file__).parents[1] / "fixtures" / "v0_1_0"
PROGRAM = [sys.executable, "-c", "from recurra.__main__ import main; main()"]
SECONDS = 2.0  # from the signal to the end, on a machine that has nothing else to do
PATIENCE = 60.0  # seconds that a phase may need to begin
SIGNALS = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "HUP": signal.SIGHUP}
OWN = "Python's own start"

TRAIN = [
    "--hidden=12", "--batch=2", "--seq-len=8", "--steps=1500", "--warmup=5", "--record-every=10",
    "--evaluate-every=100", "--evaluate-characters=300", "--sample-every=0", "--threads=1",
    "--engine=reference",
]  # fmt: skip
TUNE = [
    "--network=rnn", "--length=16000", "--rung=4000", "--pruner=rounds", "--trials=4",
    "--search=grid", "--finalists=1", "--workers=1", "--batch=2", "--seq-len=8", "--warmup=2",
    "--record-every=10", "--evaluate-every=100", "--engine=reference",
]  # fmt: skip
COMPARE = ["--seeds=1", "--match=hidden", *TRAIN]
FOREVER = "3000000"


def allowed() -> float:
    """Seconds from a signal to the end; more where other processes want the same cores."""
    return SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def take_terminal() -> None:
    """In a child: standard input becomes the terminal that controls it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@dataclass
class Child:
    """A command that is under way, in a terminal of its own or with two pipes."""

    arguments: Sequence[str]
    folder: Path
    terminal: bool
    environment: dict[str, str]
    out: bytes = b""
    err: bytes = b""
    master: int | None = None

    def __post_init__(self) -> None:
        options = {"cwd": self.folder, "env": self.environment, "start_new_session": True}
        command = [*PROGRAM, *map(str, self.arguments)]
        if self.terminal:
            self.master, slave = os.openpty()
            ends = {"stdin": slave, "stdout": slave, "stderr": slave}
            self.process = subprocess.Popen(command, preexec_fn=take_terminal, **ends, **options)  # noqa: PLW1509
            os.close(slave)
            self.streams = {self.master: "out"}
        else:
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, **options
            )
            self.streams = {
                self.process.stdout.fileno(): "out",
                self.process.stderr.fileno(): "err",
            }
        self.clock = Clock(self.process.pid)

    def read(self, seconds: float) -> None:
        """Take what it prints meanwhile, so that it never has to wait."""
        for stream in select.select(list(self.streams), [], [], seconds)[0]:
            try:
                piece = os.read(stream, 1 << 16)
            except OSError:  # the other end of a terminal is gone
                piece = b""
            if not piece:
                self.streams.pop(stream)
            elif self.streams[stream] == "out":
                self.out = (self.out + piece)[-100_000:]
            else:
                self.err += piece
        if not self.streams:
            time.sleep(min(seconds, 0.002))

    def wait_until(self, ready: Callable[["Child"], bool]) -> bool:
        """Whether it comes so far before it ends."""
        while self.process.poll() is None and self.clock.seconds() < PATIENCE:
            if ready(self):
                return True
            self.read(0.001)
        return False

    def disturb(self, name: str) -> None:
        """Send the signal, as it would come here."""
        if name == "closed":
            self.streams.clear()
            os.close(self.master)
            self.master = None
        elif name == "INT" and self.terminal:
            os.write(self.master, b"\x03")
        else:
            self.process.send_signal(SIGNALS[name])

    def end(self, seconds: float) -> float | None:
        """Seconds until it ended; None: it did not."""
        begun = self.clock.seconds()
        while self.process.poll() is None:
            if self.clock.seconds() > begun + seconds:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                return None
            self.read(0.002)
        took = self.clock.seconds() - begun
        while self.streams and select.select(list(self.streams), [], [], 0)[0]:
            self.read(0)
        return took

    def close(self) -> None:
        """Let go of its terminal or pipes."""
        if self.master is not None:
            os.close(self.master)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@dataclass(frozen=True)
class Phase:
    """A command and the moment in it that is meant.

    Attributes:
        command: with {text}, {big}, {run} and {space} for files and a run.
        ready: whether the moment has come.
        resume: the command that goes on, if there is something to resume; else "".
        ends: the file, of equal bytes in the end.
        cold: with an empty cache of kernels.
    """

    command: str
    ready: Callable[[Child], bool]
    resume: str = ""
    ends: str = ""
    cold: bool = False


def after(seconds: float) -> Callable[[Child], bool]:
    """So long after its start."""
    return lambda child: child.clock.seconds() >= seconds


def has(pattern: str, part: str = "") -> Callable[[Child], bool]:
    """Once a file of its folder holds this."""

    def found(child: Child) -> bool:
        return any(part in path.read_text("utf-8") for path in child.folder.glob(pattern))

    return found


def there(pattern: str) -> Callable[[Child], bool]:
    """While there is such a file."""
    return lambda child: any(True for _ in child.folder.glob(pattern))


def has_read(size: int) -> Callable[[Child], bool]:
    """Once it has read so many bytes of files."""

    def enough(child: Child) -> bool:
        counts = Path(f"/proc/{child.process.pid}/io").read_text()
        return int(counts.split()[1]) > size

    return enough


def prints(part: bytes, size: int = 0) -> Callable[[Child], bool]:
    """Once it has printed this."""
    return lambda child: part in child.out and len(child.out) > size


SPACE = "--space={space}"
PHASES = {
    "train reads": Phase(f"train {{big}} --out=r {shlex.join(TRAIN)}", has_read(40_000_000)),
    "train compiles": Phase(
        f"train {{text}} --out=r {shlex.join(TRAIN)} --network=lstm --engine=compiled",
        prints(b"compil"), cold=True,
    ),
    "train trains": Phase(
        f"train {{text}} --out=r {shlex.join(TRAIN)}", has("r/metrics.jsonl", '"step": 300,'),
        "train --resume r", "r/last.safetensors",
    ),
    "train evaluates": Phase(
        f"train {{big}} --out=r {shlex.join(TRAIN)} --evaluate-every=10 --split=50/50/0 "
        "--evaluate-characters=100000000", has("r/metrics.jsonl", '"progress", "step": 10'),
    ),
    "train samples": Phase(
        f"train {{text}} --out=r {shlex.join(TRAIN)} --sample-every=50 "
        f"--sample-characters={FOREVER}", has("r/metrics.jsonl", '"step": 50,'),
    ),
    "train saves": Phase(
        f"train {{text}} --out=r {shlex.join(TRAIN)} --hidden=300 --steps=30 --evaluate-every=10",
        there("r/.*.tmp"), "train --resume r", "r/last.safetensors",
    ),
    "tune trains": Phase(
        f"tune {{text}} --out=s {SPACE} {shlex.join(TUNE)}",
        has("s/trials/*/metrics.jsonl", '"step": 200,'),
        f"tune {{text}} --out=s {SPACE} {shlex.join(TUNE)}", "s/trials/*/last.safetensors",
    ),
    "tune begins": Phase(
        f"tune {{text}} --out=s {SPACE} {shlex.join(TUNE)}", there("s/study.json"),
        f"tune {{text}} --out=s {SPACE} {shlex.join(TUNE)}", "s/trials/*/last.safetensors",
    ),
    "compare trains": Phase(
        f"compare rnn wrnn --text={{text}} --out=c {shlex.join(COMPARE)}",
        has("c/runs/*/wrnn/*/metrics.jsonl", '"step": 300,'),
        "compare --resume c", "c/test.safetensors",
    ),
    "compare judges": Phase(
        f"compare rnn wrnn --text={{big}} --out=c {shlex.join(COMPARE)} --steps=20 "
        "--evaluate-every=20 --split=50/1/49", has("c/runs/*/wrnn/*/metrics.jsonl", '"finished"'),
    ),
    "write writes": Phase(f"write {{run}} Ada --chars={FOREVER}", prints(b"Ada", 2000)),
    "write reads": Phase("write {run} --chars=10", after(1.0)),
    "eval reads": Phase("eval {run} {big}", has_read(40_000_000)),
    "eval evaluates": Phase("eval {run} {big} --engine=reference", after(4.0)),
    "report writes": Phase(f"report {{run}} --prompt=Ada --chars={FOREVER}", after(1.5)),
    "demo trains": Phase("demo --engine=reference", has("runs/*/metrics.jsonl", '"step": 5,')),
}  # fmt: skip
START_UP = ["train trains", "tune trains", "compare trains", "write writes", "eval reads",
            "report writes", "demo trains"]  # fmt: skip


@dataclass
class Tester:
    """Sends signals and judges what follows.

    Args:
        folder: for all of it.
    """

    folder: Path
    failures: Counter[str] = field(default_factory=Counter)
    wholes: dict[str, dict[str, str]] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        text = (FIXTURES / "novel.txt").read_text("utf-8")
        big = self.folder / "big.txt"
        big.write_text(text * 15_000, "utf-8")
        self.names = {
            "text": self.folder / "novel.txt", "big": big, "run": self.folder / "run",
            "space": self.folder / "space.toml",
        }  # fmt: skip
        shutil.copy(FIXTURES / "novel.txt", self.names["text"])
        self.names["space"].write_text("hidden = [4, 6]\nlr = [0.01, 0.003]\n")
        line = f"train {{text}} --out={{run}} {shlex.join(TRAIN)} --steps=100 --quiet"
        self.finish(line, self.folder)
        self.finish("write {run} Ada --chars=5", self.folder)  # its kernels are there from now on

    def line(self, command: str) -> list[str]:
        """The arguments of a command."""
        return shlex.split(command.format_map(self.names))

    def environment(self, room: Path | None = None) -> dict[str, str]:
        """Of every child; with a cache of kernels that is common, or in this room."""
        cache = (room or self.folder) / "kernels"
        return {**os.environ, "RECURRA_CACHE": str(cache), "COLUMNS": "100", "TERM": "xterm"}

    def finish(self, command: str, room: Path) -> None:
        """Run a command to its end."""
        done = subprocess.run(
            [*PROGRAM, *self.line(command)], cwd=room, env=self.environment(),
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr.decode()}")

    def ends(self, name: str, room: Path) -> dict[str, str]:
        """The bytes that a phase's command ends in."""
        files = sorted(room.glob(PHASES[name].ends))
        return {str(f.relative_to(room)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    def undisturbed(self, name: str) -> dict[str, str]:
        """What it ends in without a signal."""
        phase = PHASES[name]
        if name not in self.wholes:
            room = self.room()
            self.finish(phase.command, room)
            self.wholes[name] = self.ends(name, room)
            shutil.rmtree(room)
        return self.wholes[name]

    def room(self) -> Path:
        """A new folder."""
        self.number += 1
        room = self.folder / f"room-{self.number}"
        room.mkdir()
        return room

    def attack(
        self, name: str, ready: Callable[[Child], bool], kind: str, terminal: bool, resume: bool
    ) -> float | None:
        """One signal; seconds until the end, None if its moment never came."""
        phase, room = PHASES[name], self.room()
        environment = self.environment(room if phase.cold else None)
        child = Child(self.line(phase.command), room, terminal, environment)
        try:
            if not child.wait_until(ready):
                child.end(0.0)
                return None
            child.disturb(kind)
            seconds = child.end(5 * allowed())
        finally:
            child.close()
        # where there is something to save, every signal is answered; after start-up, Ctrl-C is
        saves = any(True for _ in room.rglob("metrics.jsonl"))
        speaks = (tuple(SIGNALS) if saves else ("INT",)) if ready is phase.ready else ()
        wrong = faults(child, kind, seconds, speaks)
        if outlived(child.process.pid, allowed()):
            wrong.append("leaves a process behind")
        if resume and phase.resume and OWN not in wrong:
            try:
                begun = (room / phase.ends.split("/")[0]).exists()
                self.finish(phase.resume if begun else phase.command, room)
                if self.ends(name, room) != self.undisturbed(name):
                    wrong.append("resumed, it ends in other bytes")
            except RuntimeError as error:
                wrong.append(f"cannot be resumed: {error}")
        shutil.rmtree(room, ignore_errors=True)
        for one in wrong:
            where = "terminal" if terminal else "pipe"
            what = f"{name}, {kind} in a {where}: {one.partition(':')[0]}"
            self.failures[what] += 1
            if self.failures[what] == 1:
                printed = child.out[-300:] if terminal else child.err[-300:]
                print(
                    f"  {what} (exit code {child.process.returncode})\n    {one}\n    {printed!r}"
                )
        return seconds if seconds is not None else float("inf")


def faults(child: Child, kind: str, seconds: float | None, speaks: Sequence[str]) -> list[str]:
    """What is wrong with how it ended; the signals in `speaks` may not end it without a word."""
    number = SIGNALS.get(kind, signal.SIGHUP)
    said = (child.out if child.terminal else child.err).decode(errors="replace")
    code = child.process.returncode
    if "Traceback" in said and not re.search(r"/recurra/\w", said):
        return [OWN]
    wrong = []
    if seconds is None:
        return ["does not end"]
    if seconds > allowed():
        wrong.append(f"ends late: after {seconds:.1f} s")
    if code == 0:
        return wrong  # it was through already
    if code not in (128 + number, -number):
        wrong.append(f"exit code {code}")
    if "Traceback" in said or "Exception ignored" in said:
        wrong.append("traceback")
    if "unexpectedly" in said:
        wrong.append("calls itself a fault")
    if kind == "closed":
        return wrong
    lines = [line for line in re.split("[\r\n]+", said) if line.strip()]
    spoken = lines and re.search(r"Interrupted\b|Ended at once|Error: ", lines[-1])
    if not spoken and (code > 0 or (speaks and kind in speaks)):
        wrong.append(f"no sentence: {lines[-1:]}")
    if code > 0 and not child.terminal and len(lines) > 1:
        wrong.append(f"{len(lines)} lines")
    return wrong


def main() -> int:
    """Send them all; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phases", help="parts of their names, as train,eval; none: start-up only")
    parser.add_argument("--start-up", type=int, default=50, help="milliseconds; 0: without")
    parser.add_argument("--step", type=int, default=2, help="milliseconds")
    parser.add_argument("--quick", action="store_true", help="one signal and one place each")
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job may ignore it
    parts = [""] if given.phases is None else given.phases.split(",")
    kinds = [(kind, t) for t in (False, True) for kind in SIGNALS] + [("closed", True)]
    with tempfile.TemporaryDirectory() as folder, none_left_behind():
        tester = Tester(Path(folder))
        for count, name in enumerate(PHASES):
            if not any(part in name for part in parts):
                continue
            times = [
                tester.attack(name, PHASES[name].ready, kind, terminal, resume=True)
                for kind, terminal in (kinds[count % 7 :][:1] if given.quick else kinds)
            ]
            report(name, times)
        moments = [n / 1000 for n in range(0, given.start_up + 1, given.step) if given.start_up]
        for count, name in enumerate(START_UP):
            times = [
                tester.attack(name, after(moment), *kind, resume=False)
                for moment in moments
                for kind in ([kinds[count % 6]] if given.quick else kinds[:6])
            ]
            report(f"{name.split()[0]} starts", times)
    own = sum(n for what, n in tester.failures.items() if OWN in what)
    failures = sum(tester.failures.values()) - own
    for what, number in sorted(tester.failures.items()):
        print(f"{number:5} {what}")
    print(f"{failures} failures; {own} times {OWN}")
    return 1 if failures else 0


def report(name: str, times: Sequence[float | None]) -> None:
    """A line for a phase."""
    met = [seconds for seconds in times if seconds is not None]
    longest = f"at most {max(met):.2f} s to the end" if met else "-"
    missed = len(times) - len(met)
    print(f"{name}: {len(met)} signals, {longest}" + (f", {missed} missed" if missed else ""),
          flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
