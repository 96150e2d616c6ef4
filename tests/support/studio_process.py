"""A studio as a process of its own, and what it costs. Linux only: it reads /proc."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx

from command_line import RECURRA


@contextlib.contextmanager
def studio_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """`recurra studio FOLDER`, which is killed at the end, and a client with its key."""
    command = [*RECURRA, "studio", "--no-browser", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = re.fullmatch(r"(http://[\d.:]+)/\?token=(.*)\n", server.stdout.readline())
            assert address
            key = {"authorization": f"Bearer {address[2]}"}
            with httpx.Client(base_url=address[1], headers=key, timeout=120) as client:
                yield server, client
        finally:
            server.kill()


def memory(process: int) -> float:
    """MiB that a process holds."""
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def cpu_seconds(process: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
