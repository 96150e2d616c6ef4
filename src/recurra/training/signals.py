"""Signals that ask a training to stop and to save."""

import contextlib
import signal
from collections.abc import Iterator

from recurra.training.trainer import Trainer


@contextlib.contextmanager
def stop_on_signals(trainer: Trainer) -> Iterator[None]:
    """Inside, the first Ctrl-C (or SIGTERM) asks the trainer to stop; the second ends at once.

    For the main thread of a program.
    """
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _: object) -> None:
        trainer.stop()
        signal.signal(number, previous[signal.Signals(number)])

    for number in previous:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
