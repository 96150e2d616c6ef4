"""Signals that end a program: Ctrl-C, SIGTERM, and SIGHUP of a terminal that is closed.

For the main thread of a program. A program begins with `end_at_once`; inside, where there is
something to clean up, with `raise_interrupt`; and while it trains, with `stop_on_signals`.
"""

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

# Seconds in which the same wish may arrive twice: a shell and the terminal both send SIGHUP,
# `timeout` sends to a process and to its group.
ECHO = 0.5

_received: list[int] = []


class Interrupt(KeyboardInterrupt):
    """A signal; Python would turn a plain KeyboardInterrupt into SIGINT, whichever it was."""


@contextlib.contextmanager
def end_at_once() -> Iterator[None]:
    """Inside, a signal ends the process with a sentence: there is nothing to clean up."""

    def end(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            os.write(2, b"Interrupted.\n")
        os._exit(128 + number)

    with _handled_by(end):
        yield


@contextlib.contextmanager
def raise_interrupt() -> Iterator[None]:
    """Inside, every signal raises `Interrupt`."""
    raised_at = -math.inf

    def interrupt(number: int, _: FrameType | None) -> None:
        nonlocal raised_at
        now = time.monotonic()
        if now - raised_at > ECHO:
            raised_at = now
            _received.append(number)
            raise Interrupt

    _received.clear()
    with _handled_by(interrupt):
        yield


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Inside, a signal calls `stop`, as of a trainer; a second one does what it did before."""
    requested_at: float | None = None

    def request_stop(number: int, frame: FrameType | None) -> None:
        nonlocal requested_at
        now = time.monotonic()
        if requested_at is None:
            requested_at = now
            _received.append(number)
            stop()
        elif now - requested_at > ECHO:
            before = previous[number]
            if callable(before):
                before(number, frame)
            else:
                signal.signal(number, before)
                signal.raise_signal(number)

    with _handled_by(request_stop) as previous:
        yield


def exit_code() -> int | None:
    """Exit code of a process that a signal ended: 128 and its number; None without a signal."""
    return 128 + _received[-1] if _received else None


def _signals() -> list[signal.Signals]:
    """Those that are not ignored, as SIGHUP is below `nohup`."""
    named = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    present = [number for number in named if number is not None]
    hangup = getattr(signal, "SIGHUP", None)
    return [n for n in present if n != hangup or signal.getsignal(n) != signal.SIG_IGN]


@contextlib.contextmanager
def _handled_by(
    handler: Callable[[int, FrameType | None], None],
) -> Iterator[dict[int, Callable[[int, FrameType | None], Any] | int]]:
    previous: dict[int, Callable[[int, FrameType | None], Any] | int] = {
        number: signal.getsignal(number) or signal.SIG_DFL for number in _signals()
    }
    for number in previous:
        signal.signal(number, handler)
    try:
        yield previous
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
