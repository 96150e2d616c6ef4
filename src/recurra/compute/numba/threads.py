"""Threads that stand by: a training step of a millisecond cannot wait for an executor's queue."""

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any


class ThreadPool:
    """Runs a task on several items at once; the caller's thread takes the first.

    Args:
        threads: how many items at most.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._workers: list[_Worker] = []

    def run(self, task: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """The task on every item, each in a thread of its own, results in order."""
        end = self.begin(task, items[1:])
        try:
            first = task(items[0])
        finally:
            # whatever has happened here, nobody is left at work on arrays of ours
            others = end()
        return [first, *others]

    def begin(self, task: Callable[[Any], Any], items: Sequence[Any]) -> Callable[[], list[Any]]:
        """Begin with the task on every item, each in another thread than the caller's.

        Returns:
            A function that waits for the results, and has to be called before the next `begin`.
        """
        if items and not self._workers:
            self._workers = [_Worker() for _ in range(self.threads - 1)]
            weakref.finalize(self, _shutdown, self._workers)
        busy = self._workers[: len(items)]
        for worker, item in zip(busy, items, strict=True):
            worker.submit(task, item)

        def end() -> list[Any]:
            waiting, outcomes = busy[::-1], []
            try:
                while waiting:
                    outcomes.append(waiting[-1].wait())
                    waiting.pop()
            except BaseException:  # interrupted: the others have to come back too
                for worker in waiting[:-1]:
                    worker.wait()
                raise
            for _, error in outcomes:
                if error is not None:
                    raise error
            return [result for result, _ in outcomes]

        return end


class _Worker:
    """One thread; two locks pass the work to and fro."""

    def __init__(self) -> None:
        self._submitted, self._done = threading.Lock(), threading.Lock()
        self._submitted.acquire()
        self._done.acquire()
        self._work: tuple[Callable[[Any], Any], Any] | None = None
        self._outcome: tuple[Any, BaseException | None] = (None, None)
        threading.Thread(target=self._loop, name="recurra", daemon=True).start()

    def submit(self, task: Callable[[Any], Any] | None, item: Any) -> None:
        """Begin work; None ends the thread."""
        self._work = None if task is None else (task, item)
        self._submitted.release()

    def wait(self) -> tuple[Any, BaseException | None]:
        """The result of the work, or its error."""
        try:
            self._done.acquire()
        except BaseException:  # interrupted: the kernel still has to come back
            self._done.acquire()
            raise
        outcome, self._outcome, self._work = self._outcome, (None, None), None
        return outcome

    def _loop(self) -> None:
        while True:
            self._submitted.acquire()
            if self._work is None:
                return
            task, item = self._work
            try:
                self._outcome = (task(item), None)
            except BaseException as error:  # noqa: BLE001 - raised again where the work came from
                self._outcome = (None, error)
            del task, item
            self._done.release()


def _shutdown(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.submit(None, None)
