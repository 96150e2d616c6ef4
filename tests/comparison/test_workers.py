"""Comparisons by several processes: the same bytes, kills of workers and of their parent."""

import errno
import hashlib
import os
import signal
import subprocess
import sys

import pytest

import recurra
from comparing import RECIPE, finish, plan, write_text
from recurra.comparison.budgets import fair_workers
from recurra.comparison.workers import Worker, train_with_workers
from recurra.storage import locks
from recurra.training.processes import WorkerProcess

PROGRAM = """
import sys
from recurra.comparison.comparison import Comparison
from recurra.comparison.workers import train_with_workers

for finished in train_with_workers(Comparison.open(sys.argv[1]), 2, pause=0.05):
    print(len(finished), flush=True)
"""


def digests(comparison):
    files = sorted(comparison.folder.glob("runs/**/*.safetensors"))
    assert len(files) == 2 * 8
    return {str(f.relative_to(comparison.folder)): hashlib.sha256(f.read_bytes()) for f in files}


def same(one, other):
    assert {k: v.hexdigest() for k, v in digests(one).items()} == {
        k: v.hexdigest() for k, v in digests(other).items()
    }
    results = [recurra.evaluate_test(each) for each in (one, other)]
    assert results[0].differences == results[1].differences
    assert [row.test for row in results[0].rows] == [row.test for row in results[1].rows]


def test_who_trains_which_run_changes_nothing(text, monkeypatch):
    """Searches first; workers are killed, and so is their parent."""
    options = {"rates": [0.01, 0.001], "recipe": RECIPE.with_(steps=200), "threads": 1}
    whole, shared = (plan(text, out=out, **options) for out in ("whole", "shared"))
    finish(whole)
    children, spawn = [], WorkerProcess.spawn.__func__

    def remember(cls, *arguments):
        children.append(spawn(cls, *arguments))
        return children[-1]

    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, shared.folder], stdout=subprocess.PIPE
    ) as parent:
        while int(parent.stdout.readline()) < 1:
            pass
        parent.kill()
    monkeypatch.setattr(WorkerProcess, "spawn", classmethod(remember))
    killed, count = 0, 0
    for finished in train_with_workers(recurra.Comparison.open(shared.folder), 2, pause=0.05):
        count += len(finished)
        if count >= 2 and not killed:
            os.kill(children[0].process.pid, signal.SIGKILL)
            killed += 1
    assert len(children) == 2 + killed == 3
    same(whole, shared)
    assert list(train_with_workers(shared, 2)) == [[]]


def test_a_worker_that_is_asked_to_stop_saves_and_leaves_the_rest(text):
    planned = plan(text, out="stopped")
    worker = Worker(planned)
    worker.stop()
    assert not worker.work()
    assert Worker(planned).work()


def test_a_worker_s_refusal_is_told(tmp_path):
    text = write_text(tmp_path / "gone.txt")
    planned = plan(text, out="moved")
    text.unlink()
    with pytest.raises(recurra.RecurraError, match="cannot be read"):
        list(train_with_workers(planned, 2, pause=0.05))


def test_a_disk_that_cannot_lock_is_told(text, monkeypatch):
    def refuse(file):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks, "try_lock", refuse)
    with pytest.raises(recurra.RunError, match=r"cannot write .*00000\.lock: No locks available"):
        Worker(plan(text, out="locked")).work()


@pytest.mark.parametrize(
    ("workers", "limit", "networks", "seeds", "rates", "fair"),
    [
        (4, {"steps": 9}, 2, 5, 0, 4),
        (2, {"minutes": 9.0}, 2, 5, 0, 2),
        (3, {"minutes": 9.0}, 2, 5, 0, 2),
        (4, {"minutes": 9.0}, 3, 5, 2, 3),
        (2, {"minutes": 9.0}, 3, 5, 0, 1),
    ],
)
def test_equal_minutes_are_spent_beside_as_many(workers, limit, networks, seeds, rates, fair):
    recipes = [RECIPE, RECIPE.with_(**limit)]
    assert fair_workers(workers, recipes, networks, seeds, rates) == fair


def test_no_workers_train_nothing(text):
    with pytest.raises(recurra.RequestError, match="1 or more"):
        recurra.CompareRequest(networks=["rnn", "wrnn"], texts=[text], workers=0)


def test_the_request_trains_with_a_thread_each(text):
    request = recurra.CompareRequest(
        networks=["rnn", "wrnn"], texts=[text], hidden=[40], seeds=1, engine="reference",
        recipe=RECIPE, workers=2, out="asked",
    )  # fmt: skip
    heard = []
    results = recurra.compare(request, lambda planned, record: heard.append((planned.key, record)))
    comparison = recurra.Comparison.open("asked")
    assert comparison.threads == 1
    assert comparison.environment["workers"] == "2"
    assert {key for key, _ in heard} == {"40/rnn/seed-0", "40/wrnn/seed-0"}
    assert len(results.rows) == 2
