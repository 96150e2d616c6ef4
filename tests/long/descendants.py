"""Processes that a check starts: their clock, and none of them left behind."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

ENDINGS = (signal.SIGTERM, signal.SIGHUP)


class Clock:
    """Seconds of a process, without those in which it waited for a core. For Linux.

    Args:
        number: of the process; once it is gone, it waits no more.
    """

    def __init__(self, number: int) -> None:
        self._schedule = Path(f"/proc/{number}/schedstat")
        self._begun = self._waited = 0.0
        self._begun = self.seconds()

    def seconds(self) -> float:
        """Since this clock was made."""
        with contextlib.suppress(OSError):
            self._waited = int(self._schedule.read_text().split()[1]) / 1e9
        return time.monotonic() - self._begun - self._waited


@contextlib.contextmanager
def none_left_behind() -> Iterator[None]:
    """End all children and their sessions on the way out: after Ctrl-C, SIGTERM and SIGHUP, too."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks
            signal.signal(number, leave)
    try:
        yield
    finally:
        own = Path(f"/proc/self/task/{os.getpid()}/children")
        for child in map(int, own.read_text().split()):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            outlived(child, 0.0)


def members(leader: int) -> list[int]:
    """Process numbers of the living members of a session but its leader. For Linux."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, _, _, session, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(session) == leader and state != "Z" and int(entry.name) != leader:
                    found.append(int(entry.name))
    return found


def outlived(leader: int, seconds: float) -> list[int]:
    """Members that are still there after so many seconds; they are killed."""
    end = time.monotonic() + seconds
    while (left := members(leader)) and time.monotonic() < end:
        time.sleep(0.02)
    for number in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    return left
