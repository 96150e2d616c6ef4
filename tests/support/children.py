"""Processes that run scripts of the tests, and what they leave in a run folder."""

import subprocess
import sys
from pathlib import Path


def python(script: str, *arguments: object, **options: object) -> "subprocess.Popen[str]":
    """A process of its own, running a script of these tests."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def finished(child: "subprocess.Popen[str]") -> str:
    """What a process prints until it ends well."""
    output, _ = child.communicate(timeout=120)
    assert child.returncode == 0
    return output


def outcome(folder: Path) -> dict[str, bytes]:
    """Everything in a run folder, by name."""
    # the lock says which process held it
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != ".lock"}
