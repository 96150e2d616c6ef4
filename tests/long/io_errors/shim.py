"""The shim of shim.c: compiled at need, and a process that runs with it loaded."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAM = [sys.executable, "-c", "from recurra.cli import main; main()"]
SOURCE = Path(__file__).with_name("shim.c")
LIMIT = 900.0  # seconds; it needs one, and on a busy machine many


@dataclass(frozen=True)
class Call:
    """A call that was recorded: "write", "rename" ..., its path, a rename's target."""

    name: str
    path: str
    target: str = ""


@dataclass(frozen=True)
class Done:
    """A command that ran with the shim: its exit code (None: it hung), stderr and calls."""

    code: int | None
    err: str
    calls: list[Call]


def compile_shim(folder: Path) -> Path | None:
    """The library; None where there is no C compiler, or not Linux."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    library = folder / "shim.so"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wno-nonnull", "-o", library]
    subprocess.run([compiler, *flags, SOURCE, "-ldl"], check=True)
    return library


def run(
    library: Path,
    arguments: Sequence[str],
    room: Path,
    fail: tuple[str, int, bool, int] | None = None,
) -> Done:
    """Run ``recurra`` with these arguments in a folder, in which all calls are recorded.

    Args:
        library: the shim.
        arguments: of the command line.
        room: working folder of the command.
        fail: name and number of the call that fails, whether later ones do too, and the errno.
    """
    log = room.parent / f"{room.name}.log"
    log.unlink(missing_ok=True)
    environment = {
        **os.environ, "LD_PRELOAD": str(library), "SHIM_FOLDER": str(room), "SHIM_LOG": str(log),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    if fail:
        name, number, later, error = fail
        environment["SHIM_FAIL"] = f"{name}:{number}{'+' if later else ''}:{error}"
    command = [*PROGRAM, *map(str, arguments)]
    options = {"cwd": room, "env": environment, "capture_output": True, "timeout": LIMIT}
    try:
        done = subprocess.run(command, **options)
        code, err = done.returncode, done.stderr
    except subprocess.TimeoutExpired as hung:
        code, err = None, hung.stderr or b""
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    calls = [Call(*line.split("\t")) for line in lines]
    return Done(code, err.decode(errors="replace"), calls)


def name_of(error: int) -> str:
    """ENOSPC and the like."""
    return errno.errorcode[error]
