"""Threads that compute for requests, apart from the loop that serves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from starlette.requests import Request

from recurra.studio.errors import BadRequestError

T = TypeVar("T")

THREADS = 2
MOST = 64  # requests that are computed, or wait, at once
FIRST = 0.005  # seconds of work before the first look at who is waiting; then twice as many
SLICE = 0.05  # up to this: who leaves at once has cost little


class Pool:
    """A few threads that many requests share.

    What yields is computed in slices: after each, others have their turn, what there is goes to its
    reader, and nothing more is computed for one who has gone away or reads slowly.
    """

    def __init__(self, threads: int = THREADS, most: int = MOST) -> None:
        self._threads = ThreadPoolExecutor(threads, "studio")
        self._free = most

    async def run(self, work: Callable[[], T]) -> T:
        """Compute something in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def stream(self, items: Iterable[T], request: Request) -> AsyncIterator[list[T]]:
        """Compute items, and yield those of each slice.

        Raises:
            BadRequestError: too many requests wait.
        """
        if self._free <= 0:
            raise BadRequestError("model", "too many requests at once: ask again", 503, "busy")
        self._free -= 1
        iterator, whole, seconds = iter(items), False, FIRST
        try:
            while not (whole or await request.is_disconnected()):
                found, whole = await self.run(partial(_slice, iterator, seconds))
                yield found
                seconds = min(2 * seconds, SLICE)
        finally:
            self._free += 1


def _slice(items: Iterator[T], seconds: float) -> tuple[list[T], bool]:
    """The items of some time, and whether they are the last."""
    found, end = [], time.monotonic() + seconds
    for item in items:
        found.append(item)
        if time.monotonic() >= end:
            return found, False
    return found, True
