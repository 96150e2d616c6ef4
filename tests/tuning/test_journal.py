"""The journal under kills: torn lines, locks that end with their process, damage in the middle."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import optuna
import pytest

from recurra.errors import RunError
from recurra.storage.locks import try_lock
from recurra.tuning.journal import JournalFile, cut_torn_line
from recurra.tuning.optuna_storage import public_url
from recurra.tuning.space import parse_space
from recurra.tuning.study import Study
from recurra.tuning.trial_store import TrialStore
from recurra.tuning.trials import DONE, PRUNED, RUNNING, WAITING, Figures
from recurra.tuning.workers import Worker
from studies import finished, study, table

SPACE = parse_space({"lr": [0.1, 0.2], "hidden": {"from": 2, "to": 4}})


@pytest.fixture
def store(tmp_path):
    return TrialStore(tmp_path, "name", SPACE)


def test_a_store_reads_back_what_was_written(tmp_path, store):
    assert store.trial(2).state == WAITING
    store.set_setting(1, {"lr": 0.2, "hidden": 3})
    assert store.start(1)
    store.report(1, 100, 1.5)
    store.set_result(1, {"steps": 7})
    store.finalise(1, DONE, 1.25, "the end")
    store.start(0)
    again = TrialStore(tmp_path, "name", SPACE).trials()
    assert [trial.state for trial in again] == [RUNNING, DONE, WAITING]
    assert again[1].setting == {"lr": 0.2, "hidden": 3}
    assert (again[1].rungs, again[1].loss, again[1].reason) == ({100: 1.5}, 1.25, "the end")
    assert again[1].result == Figures(steps=7)
    assert again[0].setting is None


def test_a_finished_trial_stays_as_it_is(store):
    store.trial(0)
    store.set_setting(0, {"lr": 0.2, "hidden": 3})
    store.start(0)
    store.finalise(0, DONE, 1.0)
    store.finalise(0, PRUNED)
    store.pause(0)
    assert not store.start(0)
    assert (store.trial(0).state, store.trial(0).loss) == (DONE, 1.0)


def test_a_loss_without_a_setting_is_refused(tmp_path, store):
    store.trial(0)
    store.set_setting(0, {"lr": 0.2, "hidden": 3})
    store.start(0)
    store.report(0, 100, 1.5)
    store.finalise(0, DONE, 1.25)
    path = tmp_path / "journal.log"
    # Optuna leaves out what comes to a trial after its end
    lines = path.read_bytes().splitlines(keepends=True)
    found = next(n for n, line in enumerate(lines) if json.loads(line)["op_code"] == 5)
    path.write_bytes(b"".join([*lines[:found], *lines[found + 1 :], lines[found]]))
    with pytest.raises(RunError, match="trial 0: it has a loss but no setting"):
        TrialStore(tmp_path, "name", SPACE).trials()


def test_a_last_line_longer_than_any_record_is_refused(tmp_path, store):
    path = tmp_path / "journal.log"
    size = path.stat().st_size
    os.truncate(path, 20 * 2**30)  # a sparse file, with no end of a line
    with pytest.raises(RunError, match="has more than"):
        TrialStore(tmp_path, "name", SPACE)
    os.truncate(path, size)
    assert TrialStore(tmp_path, "name", SPACE).trials() == []


def test_a_torn_line_behind_a_link_is_not_cut(tmp_path, store):
    path, other = tmp_path / "journal.log", tmp_path / "other"
    path.rename(other)
    with other.open("ab") as file:
        file.write(b"half a line")
    content = other.read_bytes()
    path.symlink_to(other)
    with pytest.raises(RunError):
        TrialStore(tmp_path, "name", SPACE)
    assert other.read_bytes() == content


def test_a_verdict_without_its_end_is_not_believed_but_for_pruned(store):
    store.trial(1)
    store.start(0)
    store.set_status(0, DONE)
    store.start(1)
    store.set_status(1, PRUNED, "why")
    assert [trial.state for trial in store.trials()] == [RUNNING, PRUNED]
    assert not store.trials()[1].final


def test_a_late_trial_costs_no_more_than_an_early_one(store, monkeypatch):
    calls = Counter()
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the same calls, sooner

    def write(number):
        def count(_, event, __):
            calls[number] += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            store.trial(number)
            store.set_setting(number, {"lr": 0.2, "hidden": 3})
            store.start(number)
            store.report(number, 100, 1.5)
            store.finalise(number, DONE, 1.25)
        finally:
            sys.setprofile(None)

    for number in range(150):
        write(number)
    assert calls[149] == pytest.approx(calls[20], rel=0.1)


def test_optunas_own_tools_read_it(tmp_path):
    made = finished(tmp_path)
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(made.folder / "journal.log"))
    )
    (name,) = optuna.get_all_study_names(storage)
    loaded = optuna.load_study(study_name=name, storage=storage)
    assert loaded.best_value == made.winner().loss
    assert loaded.best_params == made.winner().setting
    assert len(loaded.trials) == 12


@pytest.mark.parametrize("torn", [b'{"op_code":6,"worker', b"x" * 9000, b"\xff\x00"])
def test_a_torn_last_line_is_cut_off_and_nothing_is_glued_to_it(tmp_path, store, torn):
    store.trial(0)
    path = tmp_path / "journal.log"
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(torn)
    # by a store that is opened now, and by one that was open when it happened
    for one in (TrialStore(tmp_path, "name", SPACE), store):
        with path.open("ab") as file:
            file.write(torn)
        one.set_notes(0, {"mark": 1.0})
        assert [json.loads(line)["op_code"] for line in path.read_bytes().splitlines()]
    assert path.read_bytes().startswith(whole)
    assert len(TrialStore(tmp_path, "name", SPACE).trials()) == 1


def test_cutting_leaves_whole_lines_alone(tmp_path):
    path = tmp_path / "journal"
    cut_torn_line(path)  # there is none
    for content, kept in [(b"", b""), (b"a\n", b"a\n"), (b"a\nb", b"a\n"), (b"b", b"")]:
        path.write_bytes(content)
        cut_torn_line(path)
        assert path.read_bytes() == kept


def test_damage_in_the_middle_is_told_with_its_line(tmp_path, store):
    store.trial(1)
    path = tmp_path / "journal.log"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"garbage\n", *lines[1:]]))
    with pytest.raises(RunError, match="line 2: not a record of Optuna's journal"):
        TrialStore(tmp_path, "name", SPACE)


@pytest.mark.parametrize(
    ("place", "change", "said"),
    [
        (0, {"op_code": 99}, "not a record of Optuna's journal"),
        (0, {"op_code": None}, "not a record of Optuna's journal"),
        (0, {"study_name": 7}, "study_name cannot be 7"),
        (1, {"study_id": True}, "study_id cannot be true"),
        (1, {"datetime_start": 5}, "datetime_start cannot be 5"),
        (1, {"params": "x"}, "not a record of Optuna's journal"),
        (2, {"param_value_internal": math.nan}, "param_value_internal cannot be NaN"),
        (2, {"distribution": "{}"}, "not a record of Optuna's journal"),
        (4, {"state": 77}, "not a record of Optuna's journal"),
        (4, {"datetime_start": "2026-99-99"}, "not a record of Optuna's journal"),
        (5, {"intermediate_value": [1.5]}, r"intermediate_value cannot be \[1.5\]"),
        (6, {"user_attr": [1]}, r"user_attr cannot be \[1\]"),
        (8, {"values": [math.inf]}, "values cannot hold Infinity"),
    ],
)
def test_a_record_of_another_type_is_told_with_line_and_field(tmp_path, store, place, change, said):
    store.trial(0)
    store.set_setting(0, {"lr": 0.2, "hidden": 3})
    store.start(0)
    store.report(0, 100, math.inf)  # a loss that grew out of bounds
    store.set_result(0, {"steps": 7})
    store.finalise(0, DONE, 1.25)
    path = tmp_path / "journal.log"
    lines = path.read_bytes().splitlines()
    assert len(lines) == 9
    lines[place] = json.dumps({**json.loads(lines[place]), **change}).encode()
    path.write_bytes(b"\n".join([*lines, b""]))
    with pytest.raises(RunError, match=rf"journal\.log, line {place + 1}: {said}; remove the line"):
        TrialStore(tmp_path, "name", SPACE).trials()


@pytest.mark.parametrize(
    ("attribute", "value", "said"),
    [
        ("verdict", ["done", 1, 2], "verdict.1 has to be text"),
        ("verdict", ["done", ""], "verdict has to be a state, a reason and a time"),
        ("verdict", ["done", "", "2026-99-99"], "verdict has to be a state, a reason and a time"),
        ("verdict", ["won", "", "2026-01-01"], "verdict: won is no state of a trial"),
        ("result", {"steps": "many"}, "result.steps has to be a whole number or null, not 'many'"),
        ("notes", {"a": "b"}, "notes has to hold numbers"),
        ("deaths", [1], "deaths has to be two numbers"),
    ],
)
def test_an_attribute_of_another_type_is_told_with_its_trial(store, attribute, value, said):
    store.trial(0)
    store.storage.update(0, lambda s, trial: s.set_trial_user_attr(trial, attribute, value))
    with pytest.raises(RunError, match=rf"journal\.log, trial 0: {said}"):
        store.trials()


def test_a_setting_of_another_space_is_told(tmp_path, store):
    store.trial(0)
    store.set_setting(0, {"lr": 0.2, "hidden": 3})
    with pytest.raises(RunError, match="trial 0: its setting does not lie in the space"):
        TrialStore(tmp_path, "name", parse_space({"lr": [0.3, 0.4], "hidden": [3]})).trials()


@pytest.mark.parametrize("name", ["journal.log", "journal.lock", "study.json"])
@pytest.mark.parametrize("what", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_pipes_and_devices_are_no_studies(tmp_path, name, what):
    made = study(tmp_path)
    made.trials()
    (made.folder / name).unlink()
    what(made.folder / name)
    with pytest.raises(RunError, match=r"no regular file|Too many levels of symbolic links"):
        Study.open(made.folder).trials()


def test_a_full_disk_is_a_sentence(store, monkeypatch):
    store.trial(0)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="No space left on device"):
        store.set_notes(0, {"mark": 1.0})


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "journal.log"
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from recurra.tuning.journal import JournalFile\n"
        "with JournalFile(Path(sys.argv[1])).lock():\n"
        "    print('held', flush=True)\n    time.sleep(20)"
    )
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with path.with_suffix(".lock").open("ab") as file:
            assert not try_lock(file)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    begun = time.monotonic()
    with JournalFile(path).lock():
        assert time.monotonic() - begun < 20  # Optuna's own lock is waited for 30 s


def test_two_processes_write_one_journal(tmp_path):
    TrialStore(tmp_path, "name", SPACE).trial(1)
    program = (
        "import sys\nfrom pathlib import Path\nfrom recurra.tuning.trial_store import TrialStore\n"
        "from recurra.tuning.space import parse_space\n"
        "store = TrialStore(Path(sys.argv[1]), 'name', parse_space({'lr': [1]}))\nstore.trials()\n"
        "for i in range(40): store.set_notes(int(sys.argv[2]), {'n': i})"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path, str(n)]) for n in range(2)
    ]
    assert [child.wait() for child in children] == [0, 0]
    lines = (tmp_path / "journal.log").read_bytes().splitlines()
    noted = [json.loads(line)["trial_id"] for line in lines if b'"user_attr":' in line]
    assert sorted(noted) == [0] * 40 + [1] * 40


def test_a_study_opens_after_its_journal_was_cut_anywhere(tmp_path):
    made = finished(tmp_path, pruner="rounds", rung=100)
    path = made.folder / "journal.log"
    whole, expected = path.read_bytes(), table(made)
    for part in (0.2, 0.5, 0.9):
        path.write_bytes(whole[: int(part * len(whole))])
        again = Study.open(made.folder)
        assert Worker(again).work()
        assert table(again) == expected


def test_studies_of_one_folder_name_do_not_mix(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    one, other = study(tmp_path / "a"), study(tmp_path / "b")
    one.store.trial(0)
    assert not other.store.trials()


def test_a_study_may_be_renamed(tmp_path):
    made = finished(tmp_path)
    expected = table(made)
    renamed = Study.open(made.folder.rename(tmp_path / "another name"))
    assert table(renamed) == expected


def test_a_study_of_somebody_else_can_be_read(tmp_path, monkeypatch):
    made = finished(tmp_path)
    expected = table(made)

    def refused(_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(JournalFile, "lock", refused)
    there = Study.open(made.folder)
    assert table(there) == expected
    assert there.winner() == made.winner()
    with pytest.raises(RunError, match="Permission denied"):
        there.store.trial(99)


@pytest.mark.parametrize(
    "url", ["postgresql://me:secret@host/db", "postgresql://me@host/db?password=secret"]
)
def test_a_password_is_not_kept(url):
    assert public_url(url) == "postgresql+psycopg://me@host/db"
