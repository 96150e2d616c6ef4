"""Threads that stand by: results in order, errors passed on, nobody left behind."""

import gc
import signal
import sys
import threading
import time

import pytest

from recurra.compute.numba.loading import load
from recurra.compute.numba.threads import ThreadPool


def names(_: object) -> str:
    return threading.current_thread().name


def test_each_item_has_its_thread_and_results_keep_their_order() -> None:
    pool = ThreadPool(3)
    meeting = threading.Barrier(3, timeout=10)

    def task(item: int) -> tuple[int, int]:
        meeting.wait()  # only if all three run at once
        time.sleep(0.01 * (3 - item))
        return item, threading.get_ident()

    for _ in range(20):
        results = pool.run(task, [0, 1, 2])
        assert [item for item, _ in results] == [0, 1, 2]
        assert len({ident for _, ident in results}) == 3
        assert results[0][1] == threading.get_ident()


def test_one_item_wakes_nobody() -> None:
    before = set(threading.enumerate())
    assert ThreadPool(4).run(names, ["x"]) == [threading.current_thread().name]
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_arrives_after_all_have_finished(failing: int) -> None:
    pool = ThreadPool(3)
    finished = []

    def task(item: int) -> int:
        if item == failing:
            raise ZeroDivisionError(f"item {item}")
        time.sleep(0.02)
        finished.append(item)
        return item

    with pytest.raises(ZeroDivisionError, match=f"item {failing}"):
        pool.run(task, [0, 1, 2])
    assert len(finished) == 2
    assert pool.run(lambda item: item * 10, [1, 2, 3]) == [10, 20, 30]


@pytest.mark.skipif(sys.platform == "win32", reason="there no thread can be interrupted")
def test_interrupted_while_it_waits_the_pool_keeps_in_step() -> None:
    pool, caller = ThreadPool(3), threading.get_ident()
    interrupt = threading.Timer(0.1, signal.pthread_kill, (caller, signal.SIGINT))

    def slow(item: int) -> int:
        if item == 0:
            interrupt.start()
        else:
            time.sleep(0.5)
        return item

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            pool.run(slow, [0, 1, 2])
    finally:
        signal.signal(signal.SIGINT, before)

    def next_task(item: int) -> int:
        time.sleep(0.1 if item == 12 else 0.0)
        return item

    assert pool.run(next_task, [10, 11, 12]) == [10, 11, 12]


def test_the_caller_goes_on_until_it_asks_for_the_results() -> None:
    pool = ThreadPool(3)
    go_on = threading.Event()

    def task(item: int) -> int:
        assert go_on.wait(timeout=10)
        return item * 10

    end = pool.begin(task, [1, 2])
    assert pool.begin(task, [])() == []  # nothing for nobody, whoever is at work
    go_on.set()
    assert end() == [10, 20]


def test_threads_end_with_their_pool() -> None:
    before = set(threading.enumerate())
    pool = ThreadPool(3)
    pool.run(names, [0, 1, 2])
    mine = set(threading.enumerate()) - before
    assert len(mine) == 2
    del pool
    gc.collect()
    for thread in mine:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in mine)


def test_a_module_that_several_threads_load_at_once_is_whole_for_all() -> None:
    source = "import time; time.sleep(0.2)\ndef forward(): pass\n"
    assert ThreadPool(3).run(lambda _: hasattr(load(source), "forward"), [0, 1, 2]) == [True] * 3
