"""Comparisons on several machines: leases in a database, refusals.

SQLite stands in for PostgreSQL, whose real self is in `tests/long/comparison_cluster.py`.
"""

import json
import sys

import pytest

import recurra
from comparing import RECIPE, finish, plan
from databases import URL, in_sqlite
from recurra.comparison.runner import all_runs
from recurra.comparison.workers import Worker, train_with_workers
from recurra.tuning import optuna_storage


@pytest.fixture
def database(tmp_path, monkeypatch):
    """A database with heartbeats, whose address the environment has."""
    opened = in_sqlite(monkeypatch, tmp_path / "leases.db")
    monkeypatch.setenv("RECURRA_STORAGE", URL)
    return opened


def shared(text, out, **options):
    return plan(text, out=out, storage=URL, threads=1, **options)


def test_the_folder_names_the_database_without_its_password(text, tmp_path):
    made = shared(text, "shared")
    assert made.storage == "postgresql+psycopg://me@host/name"
    kept = (tmp_path / "shared" / "comparison.json").read_text("utf-8")
    assert json.loads(kept)["storage"] == made.storage
    assert "secret" not in kept
    assert "storage" not in json.loads((plan(text).folder / "comparison.json").read_text("utf-8"))


def test_workers_with_leases_train_the_same(text, database):
    rates = [0.01, 0.001]
    alone, made = (
        plan(text, out="alone", threads=1, rates=rates),
        shared(text, "shared", rates=rates),
    )
    finish(alone)
    assert Worker(made).work()
    assert database == [URL]
    for one, other in zip(all_runs(alone), all_runs(made), strict=True):
        for name in ("last", "best"):
            path = f"{name}.safetensors"
            assert (one.folder / path).read_bytes() == (other.folder / path).read_bytes()
    assert list(train_with_workers(made, 2)) == [[]]
    assert recurra.evaluate_test(alone).differences == recurra.evaluate_test(made).differences


def test_a_lease_of_another_machine_counts_where_its_locks_do_not(text, database, monkeypatch):
    made = shared(text, "shared")
    here, there = Worker(made), Worker(recurra.Comparison.open(made.folder))
    with there.leases.hold(0) as mine:
        assert mine
        # a disk that keeps locks to each machine
        (made.folder / "claims" / "00000.lock").unlink()
        with here.leases.hold(0) as theirs, here.leases.hold(1) as next_one:
            assert theirs is None
            assert next_one
        monkeypatch.setattr(type(there.leases.store.storage), "is_stale", lambda *_: True)
        with here.leases.hold(0) as theirs:  # its heartbeats have stopped
            assert theirs


def test_a_run_is_never_given_up(text, database, monkeypatch):
    """A trial is, after so many crashes; without one of its runs a comparison is none."""
    made = shared(text, "shared")
    leases = Worker(made).leases
    monkeypatch.setattr(type(leases.store.storage), "is_stale", lambda *_: True)
    for _ in range(30):
        leases.store.trial(0)
        leases.store.start(0)  # by a process that is dead
        with leases.hold(0) as trial:
            assert trial


def test_the_database_has_to_be_named(text, database, monkeypatch):
    monkeypatch.delenv("RECURRA_STORAGE")
    made = shared(text, "shared")
    with pytest.raises(recurra.SettingError, match="//me@host/name: name it with --storage"):
        recurra.compare(made)
    local = plan(text, out="local")
    with pytest.raises(recurra.SettingError, match="local uses no database: leave --storage out"):
        recurra.CompareRequest(resume=local.folder, storage=URL).open()
    with pytest.raises(recurra.SettingError, match="begin with --storage"):
        list(train_with_workers(local, 1, dask="tcp://127.0.0.1:1"))


def test_minutes_are_refused_on_several_machines(text):
    for options in ({"limits": [{"minutes": 1.0}]}, {"recipe": RECIPE.with_(minutes=1.0)}):
        with pytest.raises(recurra.SettingError, match="a faster machine"):
            shared(text, "timed", **options)


def test_nobody_joins_where_minutes_end_the_runs(text):
    made = plan(text, out="timed", limits=[{"steps": 9}, {"minutes": 1.0}])
    with pytest.raises(recurra.RunError, match="as many beside it: recurra compare --resume"):
        recurra.CompareRequest(resume=made.folder, workers=1).join()
    made = plan(text, out="counted", limits=[{"steps": 9}])
    assert recurra.CompareRequest(resume=made.folder, workers=1).join() == made


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"dask": "tcp://h:1"}, "many machines share a database"),
        ({"sbatch": True}, "many machines share a database"),
        ({"sbatch": True, "dask": "tcp://h:1", "storage": URL}, "give one of the two"),
    ],
)
def test_fields_that_do_not_go_together(text, fields, sentence):
    for kind in ({"resume": "there"}, {"networks": ["rnn", "wrnn"], "texts": [text]}):
        with pytest.raises(recurra.RequestError, match=sentence):
            recurra.CompareRequest(**kind, **fields)


@pytest.mark.parametrize("package", ["psycopg", "distributed"])
def test_a_missing_package_is_told_before_a_text_is_read(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    if package == "distributed":
        monkeypatch.setattr(optuna_storage, "_open_database", lambda url: None)
    fields = {"networks": ["rnn", "wrnn"], "texts": ["none.txt"], "dask": "tcp://h:1"}
    with pytest.raises(recurra.SettingError, match=r"recurra\[cluster\]"):
        recurra.CompareRequest(**fields, storage=URL).open()


def test_a_request_has_a_process_for_each_core(text, database, monkeypatch):
    monkeypatch.setattr("recurra.comparison.request.available_threads", lambda: 3)
    request = recurra.CompareRequest(
        networks=["rnn", "wrnn"], texts=[text], hidden=[40], recipe=RECIPE, storage=URL, out="three"
    )
    made = request.open()
    assert (made.threads, made.environment["workers"]) == (1, "3")
    resumed = recurra.CompareRequest(resume="three")
    assert request.processes(made) == resumed.processes(made) == 3
    assert recurra.CompareRequest(resume="three", workers=2).processes(made) == 2
