"""Workers by Dask, with a small stand-in; the real one is in `tests/long/tuning_cluster.py`."""

import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

from recurra.errors import RunError
from recurra.training.processes import REFUSED, WorkerProcess
from recurra.tuning.cluster import run_worker, supervise_with_dask


class Future:
    """A task in a thread, as Dask shows it."""

    def __init__(self, inner):
        self.inner, self.done, self.exception = inner, inner.done, inner.exception

    @property
    def status(self):
        return "error" if self.inner.exception() else "finished"

    def result(self):
        return self.inner.result()


@pytest.fixture
def lost():
    """Tasks with which the scheduler goes away."""
    return []


@pytest.fixture
def dask(monkeypatch, lost):
    """A module named ``distributed`` whose tasks are threads; the futures that it was asked for."""
    pool, futures, events = ThreadPoolExecutor(8), [], {}

    class Client:
        def __init__(self, address, timeout):
            assert address == "tcp://head:8786"
            self.status = "running"

        def scheduler_info(self):
            return {}

        def submit(self, task, *arguments, pure, retries):
            assert (pure, retries) == (False, 0)
            if task in lost:
                lost.remove(task)
                self.status = "closed"
                raise Exception("Client is closed")
            futures.append(Future(pool.submit(task, *arguments)))
            return futures[-1]

        def close(self, timeout):
            pass

    module = types.ModuleType("distributed")
    module.Client = Client
    module.Event = lambda name, client=None: events.setdefault(name, threading.Event())
    module.comm = types.SimpleNamespace(CommClosedError=ConnectionError)
    module.wait = lambda futures, timeout: [future.inner.result(timeout) for future in futures]
    monkeypatch.setitem(sys.modules, "distributed", module)
    yield futures
    pool.shutdown()


def process(program):
    """What starts a worker that runs this program."""
    command = [sys.executable, "-c", program]

    def spawn():
        pipe = subprocess.PIPE
        return WorkerProcess(subprocess.Popen(command, stdin=pipe, stderr=pipe))

    return spawn


def look(program, state, **options):
    options = {"workers": 2, "finished": lambda _: False, "pause": 0.01, **options}
    return supervise_with_dask("tcp://head:8786", process(program), lambda: state, **options)


def test_where_no_more_is_wanted_those_that_run_come_to_their_end(dask, tmp_path):
    (text := tmp_path / "trained").touch()
    program = f"import time; time.sleep(0.5); open({str(text)!r}, 'a').write('end ')"
    looks = look(program, None, wanted=lambda _: len(dask) < 2)
    assert len(list(looks)) > 2
    assert text.read_text() == "end end "
    assert len(dask) == 2


def test_those_that_run_are_asked_to_stop_when_all_is_finished(dask):
    reading = "import sys; sys.stdin.read()"  # ends when its starter asks it to
    looks = look(reading, None, finished=lambda _: len(dask) == 2)
    assert len(list(looks)) == 2
    assert [future.result() for future in dask] == [True, True]


def test_a_scheduler_that_goes_away_before_a_task_is_given_out(dask, lost):
    lost.append(run_worker)
    assert list(look("", None, workers=1, wanted=lambda _: not dask))
    assert (len(dask), lost) == (1, [])


def test_a_refusal_of_a_worker_is_told(dask):
    program = f"import sys; sys.stderr.write('no such text'); sys.exit({REFUSED})"
    with pytest.raises(RunError, match="no such text"):
        list(look(program, None))


def test_workers_that_only_die_end_it(dask, monkeypatch):
    monkeypatch.setattr("recurra.tuning.cluster.MAX_CRASHES", 2)
    with pytest.raises(RunError, match="end again and again: see Dask's own log"):
        list(look("import os; os.kill(os.getpid(), 9)", None))
