"""Let the n-th write, fsync, rename, open or close of a training fail; check their order.

Not collected by pytest: it takes ten minutes, --once five. Run it as

    python tests/long/io_errors/errors.py [--kinds write,fsync] [--once] [--hide fsync]
    python tests/long/io_errors/errors.py --order

A library loaded before the C library (shim.c, compiled here with cc) makes one call below the run's
folder fail with ENOSPC, EIO or EACCES, once or from then on. Each training has to end with an exit
code that is not 0 and one sentence that names a file; a checkpoint that is there has to load; and a
resume without errors has to come to the same bytes as a training that met none.

The library also records the calls of a training that meets no error, and their order is checked:
a checkpoint's data are fsynced after the last write and before the rename, the metrics before
that, the folder after it. --order checks that alone (a second); --hide leaves calls out of the
record, to see that a missing fsync is noticed.

It prints each failure, a count for each kind and exit code 0 if there was none; 77 without cc.
"""
# ruff: noqa: T201

import argparse
import errno
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import shim

from recurra.errors import RunError
from recurra.storage.checkpoints import load_checkpoint

SKIPPED = 77  # as for automake: cannot be tested here
TEXT = Path(__file__).parents[2] / "fixtures" / "v0_1_0" / "novel.txt"
TRAIN = [
    "train", "--out=run", "--quiet", "--hidden=6", "--batch=2", "--seq-len=8", "--steps=40",
    "--warmup=2", "--record-every=10", "--evaluate-every=10", "--evaluate-characters=200",
    "--sample-every=20", "--sample-characters=20", "--threads=1", "--engine=reference", str(TEXT),
]  # fmt: skip
ERRORS = {
    "write": (errno.ENOSPC, errno.EIO),
    "fsync": (errno.EIO,),
    "rename": (errno.EACCES, errno.ENOSPC),
    "open": (errno.EACCES, errno.EMFILE),
    "close": (errno.EIO,),
    "truncate": (errno.EIO,),
    "mkdir": (errno.ENOSPC,),
}
# Nothing is lost where one of these fails and the command goes on to the right end.
MAY_PASS = {"open", "close"}


def disorder(calls: Sequence[shim.Call]) -> list[str]:
    """What is wrong with the order of the calls of a training."""
    found = []
    renames = [n for n, call in enumerate(calls) if call.name == "rename"]
    for n in renames:
        source, target = calls[n].path, Path(calls[n].target)
        wrote = [
            k for k in range(n) if calls[k].name == "write"
            and (calls[k].path == source or calls[k].path.startswith(source + "/"))
        ]  # fmt: skip
        for path in dict.fromkeys(calls[k].path for k in wrote):
            last = max(k for k in wrote if calls[k].path == path)
            if shim.Call("fsync", path) not in calls[last:n]:
                name = "it" if path == source else Path(path).name
                found.append(f"{name} is renamed to {target.name} without an fsync")
        end = min([m for m in renames if m > n], default=len(calls))
        if shim.Call("fsync", str(target.parent)) not in calls[n:end]:
            found.append(f"no fsync of the folder follows the rename to {target.name}")
        if target.suffix == ".safetensors":
            metrics = str(target.parent / "metrics.jsonl")
            lines = [k for k in range(n) if calls[k] == shim.Call("write", metrics)]
            if lines and shim.Call("fsync", metrics) not in calls[lines[-1] : n]:
                found.append(f"{target.name} is saved before metrics.jsonl is fsynced")
    names = {Path(calls[n].target).name for n in renames}
    wanted = {"run", "last.safetensors", "best.safetensors", "clock.json"}
    return found + [f"{name} was never renamed into its place" for name in sorted(wanted - names)]


def contents(room: Path) -> dict[str, bytes]:
    """What has to be the same in the end."""
    return {name: (room / "run" / f"{name}.safetensors").read_bytes() for name in ("last", "best")}


class Tester:
    """Trains with failing calls.

    Args:
        library: the shim.
        folder: for all of it.
    """

    def __init__(self, library: Path, folder: Path) -> None:
        self.library, self.folder, self.number = library, folder, 0
        self.failures: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        room = self.room()
        done = shim.run(library, TRAIN, room)
        if done.code != 0:
            sys.exit(done.err)
        self.calls, self.whole = done.calls, contents(room)

    def room(self) -> Path:
        """A new folder."""
        self.number += 1
        room = self.folder / str(self.number)
        room.mkdir()
        return room

    def fail(self, kind: str, number: int, later: bool, error: int) -> None:
        """One training with failing calls, and the one that goes on from it."""
        room = self.room()
        done = shim.run(self.library, TRAIN, room, (kind, number, later, error))
        met = [call for call in done.calls if call.name == f"failed {kind}"]
        wrong = faults(done, kind, room)
        checkpoints = list((room / "run").glob("*.safetensors"))
        for path in checkpoints:
            try:
                load_checkpoint(path)
            except RunError as problem:
                wrong.append(f"a checkpoint is lost: {problem}")
        there = (room / "run" / "config.json").exists()
        again = shim.run(self.library, ["train", "-q", "--resume", "run"] if there else TRAIN, room)
        if again.code != 0:
            wrong.append(f"it cannot go on: {again.err.strip()}")
        elif contents(room) != self.whole:
            wrong.append("resumed, it ends in other bytes")
        if list((room / "run").glob(".*.tmp")):
            wrong.append("a temporary file is left after the resume")
        self.counts[kind] += 1
        where = Path(met[0].path).name if met else "nothing"
        for one in wrong:
            what = (
                f"{shim.name_of(error)} at {kind} {number}{'+' if later else ''} ({where}): {one}"
            )
            self.failures[one.partition(":")[0]] += 1
            print(f"  {what}\n    {done.err.strip()[-300:]!r} (exit code {done.code})", flush=True)
        shutil.rmtree(room)


def faults(done: shim.Done, kind: str, room: Path) -> list[str]:
    """What is wrong with the answer to an error."""
    met = [call for call in done.calls if call.name == f"failed {kind}"]
    if not met:
        return ["the call never came: trainings differ"]
    if done.code is None:
        return ["does not end"]
    if done.code == 0:
        # the number in a lock only says who holds it
        passed = kind in MAY_PASS or all(Path(call.path).name == ".lock" for call in met)
        return [] if passed else ["exit code 0"]
    wrong = []
    lines = done.err.strip().splitlines()
    if len(lines) != 1 or not lines[0].startswith("Error: "):
        wrong.append(f"{len(lines)} lines")
    if "unexpectedly" in done.err or "Traceback" in done.err:
        wrong.append("calls itself a fault")
    if str(room) not in done.err:
        wrong.append("no file is named")
    return wrong


def main() -> int:
    """Check the order, then let calls fail; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=",".join(ERRORS))
    parser.add_argument("--once", action="store_true", help="a call fails once, never the rest too")
    parser.add_argument("--order", action="store_true", help="check the order only")
    parser.add_argument("--hide", default="", help="calls that are left out of the record")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        library = shim.compile_shim(folder)
        if library is None:
            print("skipped: this needs Linux and a C compiler, cc")
            return SKIPPED
        tester = Tester(library, folder)
        seen = [call for call in tester.calls if call.name not in given.hide.split(",")]
        wrong = disorder(seen)
        for one, count in Counter(wrong).items():
            print(f"order: {one} ({count} times)")
        there = Counter(call.name for call in tester.calls)
        print("calls: " + ", ".join(f"{kind} {count}" for kind, count in sorted(there.items())))
        if given.order:
            return 1 if wrong else 0
        for kind in given.kinds.split(","):
            for error in ERRORS[kind]:
                for later in (False, True)[: 1 if given.once else 2]:
                    for number in range(1, there[kind] + 1):
                        tester.fail(kind, number, later, error)
            print(f"{kind}: {tester.counts[kind]} trainings", flush=True)
    for what, count in tester.failures.items():
        print(f"{count:5} {what}")
    print(f"{sum(tester.failures.values())} failures")
    return 1 if wrong or tester.failures else 0


if __name__ == "__main__":
    sys.exit(main())
