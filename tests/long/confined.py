"""A command line in a forked process that is watched: time, memory, requests, files touched.

The parent imports all of Recurra once; a child then costs milliseconds. Nothing is compiled in
it: the compiled engine is the reference engine there. For Linux.
"""

import importlib
import os
import pkgutil
import re
import resource
import select
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# the variables are read when NumPy is imported
import asking  # noqa: E402
import descendants  # noqa: E402

import recurra  # noqa: E402
from recurra.cli import main  # noqa: E402

MEGABYTE = 2**20
ROOM = 3000 * MEGABYTE  # of addresses above the parent's; what is used is measured
LARGEST_FILE = 200 * MEGABYTE
ESCAPED = 99  # exit code of a child that an exception left


@dataclass(frozen=True)
class Outcome:
    """What a child did.

    Attributes:
        code: its exit code; minus its signal; None: it had not ended and was killed.
        out, err: what it printed.
        seconds: until it ended.
        megabytes: of memory above the parent's, at most.
        requests: addresses that it asked the network for.
        touched: what changed outside of the folders that are its own.
        outlived: whether processes that it started were still there two seconds after its end.
        place: where in Recurra the fault was that it reported.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    megabytes: float
    requests: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    outlived: bool = False
    place: str = ""


def warm() -> float:
    """Import everything, compile nothing; the megabytes that a child begins with."""
    for module in pkgutil.walk_packages(recurra.__path__, "recurra."):
        importlib.import_module(module.name)
    _compile_nothing()
    child = _fork()
    if child == 0:
        os._exit(0)
    return os.wait4(child, 0)[2].ru_maxrss / 1024


def _fork() -> int:
    """Fork, and hear no signal meanwhile: what its handler raises in a hook of fork is lost."""
    endings = {signal.SIGINT, *descendants.ENDINGS}
    signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    child = os.fork()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, endings)
    return child


def _compile_nothing() -> None:
    modules = [m for name, m in sys.modules.items() if name.startswith("recurra.")]
    reference = next(vars(m)["ReferenceEngine"] for m in modules if "ReferenceEngine" in vars(m))
    compiled = [module for module in modules if "CompiledEngine" in vars(module)]
    assert compiled, "no CompiledEngine any more: tell tests/long/confined.py its new name"

    def instead(plan, shapes, dtype, *_):
        return reference(plan, shapes, dtype)

    for module in compiled:
        vars(module)["CompiledEngine"] = instead


def snapshot(folder: Path) -> dict[str, tuple[int, ...]]:
    """What tells whether a file below a folder was touched."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        found[str(path)] = (status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def call(
    arguments: Sequence[str],
    base: float,
    room: Path,
    watched: Sequence[Path] = (),
    patience: float = 600.0,
    stdin: str = os.devnull,
) -> Outcome:
    """Run ``recurra`` with these arguments in a child.

    Args:
        arguments: of the command line; or "ask" and a folder, for all that a studio is asked.
        base: what `warm` returned.
        room: a folder for what it prints; "home" and "temporary" below it are its own.
        watched: folders in which nothing may change.
        patience: seconds after which it is asked to end, as by Ctrl-C, and then killed; its wait
            for a core is not counted.
        stdin: a file.
    """
    before = [snapshot(folder) for folder in watched]
    names = {name: room / name for name in ("stdout", "stderr", "requests")}
    for path in names.values():
        path.write_bytes(b"")
    child = _fork()
    if child == 0:
        _become(arguments, room, names, stdin)
    clock = descendants.Clock(child)
    ended = _wait(child, clock, patience)
    if not ended:  # a training may last; it ends when it is asked to
        os.kill(child, signal.SIGINT)
        ended = _wait(child, clock, clock.seconds() + 2.0)
    seconds = clock.seconds()
    if not ended:
        os.killpg(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    outlived = bool(descendants.outlived(child, 2.0))
    touched = []
    for folder, old in zip(watched, before, strict=True):
        new = snapshot(folder)
        touched += [p for p in sorted({*old, *new}) if old.get(p) != new.get(p)]
    return Outcome(
        code=os.waitstatus_to_exitcode(status) if ended else None,
        out=names["stdout"].read_text("utf-8", "backslashreplace"),
        err=names["stderr"].read_text("utf-8", "backslashreplace"),
        seconds=seconds,
        megabytes=usage.ru_maxrss / 1024 - base,
        requests=names["requests"].read_text("utf-8").split("\n")[:-1],
        touched=touched,
        outlived=outlived,
        place=_place(room / "temporary"),
    )


def _place(folder: Path) -> str:
    """The innermost line of Recurra's in the traceback that a child kept; it is removed."""
    place = ""
    for log in folder.glob("recurra-*.log"):
        frames = re.findall(r'/recurra/(\S+)", line (\d+), in (\w+)', log.read_text("utf-8"))
        place = "{} line {} {}".format(*frames[-1]) if frames else "?"
        log.unlink()
    return place


def _wait(child: int, clock: descendants.Clock, end: float) -> bool:
    """Whether it ended before its clock shows so many seconds."""
    descriptor = os.pidfd_open(child)
    try:
        while (left := end - clock.seconds()) > 0:
            if select.select([descriptor], [], [], left)[0]:
                return True
        return False
    finally:
        os.close(descriptor)


def _become(arguments: Sequence[str], room: Path, names: dict[str, Path], stdin: str) -> None:
    """The child: a process that was started with these arguments; never returns."""
    code = ESCAPED
    try:
        os.setsid()
        for number in descendants.ENDINGS:
            signal.signal(number, signal.SIG_DFL)
        os.chdir(room)
        for folder, variable in (("home", "HOME"), ("temporary", "TMPDIR")):
            os.environ[variable] = str(room / folder)
        os.environ["XDG_CACHE_HOME"] = str(room / "home")
        tempfile.tempdir = None  # found again, with these variables
        os.dup2(os.open(stdin, os.O_RDONLY), 0)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(names[name], os.O_WRONLY | os.O_APPEND), number)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        _forbid_requests(names["requests"])
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits = {
            resource.RLIMIT_AS: pages * resource.getpagesize() + ROOM,
            resource.RLIMIT_FSIZE: LARGEST_FILE,
            resource.RLIMIT_CORE: 0,
        }
        for limit, size in limits.items():
            resource.setrlimit(limit, (size, resource.getrlimit(limit)[1]))
        sys.argv = ["recurra", *arguments]
        if arguments[0] == "ask":
            asking.main(Path(arguments[1]))
            code = 0
        else:
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _forbid_requests(record: Path) -> None:
    def refuse(*arguments, **_):
        where = [a for a in arguments if not isinstance(a, socket.socket)][:2]
        with record.open("a", encoding="utf-8") as file:
            file.write(ascii(where) + "\n")
        raise OSError("no network here")

    socket.getaddrinfo = refuse
    socket.socket.connect = refuse
