"""The processes of a session: what its leader has left behind, and none left behind by us."""

import contextlib
import os
import signal
import time
from pathlib import Path

ENDINGS = (signal.SIGTERM, signal.SIGHUP)


def end_in_order() -> None:
    """Let these signals end this process as Ctrl-C does, through every ``finally``.

    What was started in a session of its own would outlive it otherwise.
    """

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks
            signal.signal(number, leave)


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
