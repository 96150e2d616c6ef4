"""The run folder: created at once, held by one process, resumable whenever it was killed."""

import contextlib
import os
import resource
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from children import finished, outcome, python
from recurra.errors import RunError
from recurra.storage.checkpoints import FORMAT
from recurra.storage.runs import Run

CONFIG = {"lr": 0.1 + 0.2, "hidden": {"a": 3}, "texts": ["三国.txt", "caf\udce9.txt"], "stop": None}
EQUATIONS = "a[t] = tanh(U @ x[t])  # ≥ 1 line\no[t] = softmax(Q @ a[t])\n"
VOCABULARY = '\t\n\r !"\\aé\u2028三\U0001f600'


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", CONFIG, EQUATIONS, VOCABULARY)


# ----------------------------------------------------------------------------------- creation


def test_created_run_opens_as_it_was(run: Run) -> None:
    assert Run.open(run.folder) == run
    assert (run.config, run.equations, run.vocabulary) == (CONFIG, EQUATIONS, VOCABULARY)
    names = ["config.json", "equations.eq", "vocabulary.json"]
    assert sorted(path.name for path in run.folder.iterdir()) == names
    assert "三国" in (run.folder / "config.json").read_text(encoding="utf-8")


def test_relative_folder_outlives_a_change_of_directory(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = Run.create("runs/a", CONFIG, EQUATIONS, VOCABULARY)
    monkeypatch.chdir("/")
    run.append_metrics({"step": 1})
    assert (tmp_path / "runs" / "a" / "metrics.jsonl").exists()


def test_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for taken in (run.folder, tmp_path / "file", tmp_path, "/"):
        with pytest.raises(RunError, match="exists and is not an empty, free folder"):
            Run.create(taken, {}, "other", "x")
    with pytest.raises(RunError, match="cannot write"):
        Run.create(tmp_path / "file" / "run", {}, "other", "x")
    assert Run.open(run.folder) == run
    Run.create(tmp_path / "empty", CONFIG, EQUATIONS, VOCABULARY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "run"]


def test_failed_creation_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import sys; from recurra.storage.runs import Run; from recurra.errors import RunError\n"
        "try: Run.create(sys.argv[1], {}, 'a' * 9000, 'x')\n"
        "except RunError as error: print(error)\n"
    )

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    assert "cannot write" in finished(python(script, tmp_path / "run", preexec_fn=limited))
    assert not list(tmp_path.iterdir())


def test_numbered_folders_never_clash(tmp_path: Path) -> None:
    script = (
        "import sys; from recurra.storage.runs import Run\n"
        "for _ in range(8):\n"
        "    run = Run.create_numbered(sys.argv[1], 'wrnn-三国/../x', {}, sys.argv[2], 'x')\n"
        "    assert Run.open(run.folder).equations == sys.argv[2]\n"
    )
    children = [python(script, tmp_path, f"process {n}") for n in range(4)]
    assert [finished(child) for child in children] == [""] * 4
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"wrnn-三国-..-x-{n:03}" for n in range(1, 33)]


# ------------------------------------------------------------------------------------ opening


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("config.json", None, "No such file"),
        ("config.json", b"", "is empty"),
        ("config.json", b'{"format": 1,\n "lr" 2}', r"line 2, column 7: invalid JSON"),
        ("config.json", b"[1]", "not a JSON object"),
        ("config.json", b"[" * 100_000, "not JSON that Recurra wrote"),
        ("config.json", b"\xff\xfe{}", "not UTF-8"),
        ("config.json", b'{"lr": 1}', "no format number"),
        ("config.json", b'{"format": "1"}', "no format number"),
        ("config.json", b'{"format": %d}' % (FORMAT + 1), r"newer Recurra.*Upgrade"),
        ("equations.eq", None, "No such file"),
        ("equations.eq", b"", "is empty"),
        ("equations.eq", b"\x80\x04\x95", "not UTF-8"),
        ("vocabulary.json", None, "No such file"),
        ("vocabulary.json", b"\n", "is empty"),
        ("vocabulary.json", b'{"characters": "ab', "invalid JSON"),
        ("vocabulary.json", b'{"characters": ["a"]}', "characters"),
    ],
)
def test_damaged_definition(run: Run, name: str, content: bytes | None, reason: str) -> None:
    path = run.folder / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(RunError, match=reason) as caught:
        Run.open(run.folder)
    assert str(run.folder) in str(caught.value)


def test_not_a_run(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("x")
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "novel.txt"):
        with pytest.raises(RunError, match="A run is a folder"):
            Run.open(place)


# -------------------------------------------------------------------------------- checkpoints


def test_checkpoints(run: Run) -> None:
    with pytest.raises(RunError, match="ended before its first save"):
        run.load("last")
    assert not run.has("last")
    run.save("last", {"parameter/U": np.eye(3)}, {"step": 4})
    assert run.has("last")
    assert not run.has("best")
    arrays, meta = Run.open(run.folder).load("last", {"parameter/U": (3, 3)})
    assert arrays["parameter/U"].tolist() == np.eye(3).tolist()
    assert meta == {"step": 4}
    with pytest.raises(RunError, match="does not fit its network"):
        run.load("last", {"parameter/U": (3, 4)})


@pytest.mark.parametrize("name", ["config.json", "equations.eq", "vocabulary.json"])
def test_checkpoint_belongs_to_its_definition(run: Run, name: str) -> None:
    run.save("best", {"parameter/U": np.eye(3)}, None)
    path = run.folder / name
    content = path.read_text(encoding="utf-8")
    old, new = {"c": ("3", "5"), "e": ("tanh", "relu"), "v": ("é", "è")}[name[0]]
    path.write_text(content.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RunError, match="does not belong to the config"):
        Run.open(run.folder).load("best")
    path.write_text(content, encoding="utf-8")
    Run.open(run.folder).load("best")


# ------------------------------------------------------------------------------------ metrics


def test_metrics(run: Run) -> None:
    assert run.metrics() == []
    run.truncate_metrics(0)
    records = [{"step": n, "loss": 1 / n, "text": "三\n\u2028\udce9"} for n in (1, 2, 2, 5)]
    for record in records:
        run.append_metrics(record)
    run.append_metrics({"step": 6, "loss": float("nan")})
    assert run.metrics() == [*records, {"step": 6, "loss": None}]
    assert len((run.folder / "metrics.jsonl").read_text(encoding="utf-8").split("\n")) == 6
    run.truncate_metrics(4)
    assert run.metrics() == records[:3]
    run.truncate_metrics(-1)
    assert run.metrics() == []


def test_torn_last_line_of_metrics(run: Run) -> None:
    path = run.folder / "metrics.jsonl"
    whole = b'{"step": 1}\n{"step": 2, "sample": "\xe4\xb8\x89"}\n'
    last = len(b'{"step": 1}\n')
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        assert [record["step"] for record in run.metrics()] == [1]
        assert path.read_bytes() == whole[:end]  # a reader must not touch what another writes
        with run.lock():
            run.append_metrics({"step": 3})
        assert [record["step"] for record in run.metrics()] == [1, 3]
        path.write_bytes(whole[:end])
        run.truncate_metrics(1)
        assert path.read_bytes() == whole[:last]


@pytest.mark.parametrize("line", [b"{torn", b"[1]", b'{"loss": 1}', b"", b"\0\0", b'{"step": "1"}'])
def test_broken_line_within_metrics(run: Run, line: bytes) -> None:
    (run.folder / "metrics.jsonl").write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 3}\n')
    with pytest.raises(RunError, match=r"metrics.jsonl, line 2: not a JSON record"):
        run.metrics()


def test_metrics_on_a_full_disk(run: Run) -> None:
    script = (
        "import sys; from recurra.storage.runs import Run; from recurra.errors import RunError\n"
        "run = Run.open(sys.argv[1])\n"
        "try:\n"
        "    for n in range(100): run.append_metrics({'step': n})\n"
        "except RunError as error: print(error)\n"
    )

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))

    assert "cannot write" in finished(python(script, run.folder, preexec_fn=limited))
    assert (run.folder / "metrics.jsonl").stat().st_size == 50
    assert [record["step"] for record in run.metrics()] == [0, 1, 2, 3]  # 12 bytes each
    with run.lock():
        run.append_metrics({"step": 4})
    assert [record["step"] for record in run.metrics()] == [0, 1, 2, 3, 4]


def test_clock(run: Run) -> None:
    assert run.read_clock() == {}
    run.write_clock({"seconds": 0.1})
    run.write_clock({"seconds": 0.3})
    assert run.read_clock() == {"seconds": 0.3}


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"[1]", b"[" * 100_000, b"\xff", b'{"seconds": "long"}', b'{"seconds": 1e999}',
     b'{"seconds": NaN}', b'{"seconds": -5}', b'{"seconds": 1e300}', b'{"seconds": true}'],
)  # fmt: skip
def test_a_damaged_clock_decides_nothing(run: Run, damaged: bytes) -> None:
    (run.folder / "clock.json").write_bytes(damaged)
    assert run.read_clock() == {}
    run.write_clock({"seconds": 0.3})
    assert run.read_clock() == {"seconds": 0.3}


# --------------------------------------------------------------------- folders of strangers

FILES = ["config.json", "equations.eq", "vocabulary.json", "metrics.jsonl", "last.safetensors"]


def read_all(folder: Path) -> None:
    run = Run.open(folder)
    run.metrics()
    run.load("last")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_read(run: Run, name: str, kind: str) -> None:
    run.append_metrics({"step": 1})
    run.save("last", {"parameter/U": np.eye(3)}, None)
    read_all(run.folder)
    (run.folder / name).unlink()
    make = {"pipe": os.mkfifo, "device": lambda path: path.symlink_to("/dev/zero")}
    make.get(kind, Path.mkdir)(run.folder / name)
    with pytest.raises(RunError, match=f"{name}: it is no regular file"):
        read_all(run.folder)


@pytest.mark.parametrize("name", ["config.json", "equations.eq", "vocabulary.json"])
def test_what_a_run_was_asked_for_is_small(run: Run, name: str) -> None:
    os.truncate(run.folder / name, 2**36)  # a hole: it takes no room on the disk
    with pytest.raises(RunError, match=f"{name}: it has more than"):
        Run.open(run.folder)


def test_a_line_without_an_end(run: Run) -> None:
    run.append_metrics({"step": 1})
    os.truncate(run.folder / "metrics.jsonl", 2**36)
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 2"):
        run.metrics()


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are those of POSIX")
@pytest.mark.parametrize("name", ["metrics.jsonl", ".lock"])
def test_nothing_is_written_through_a_link(run: Run, tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine"
    mine.write_text("all that I have")
    (run.folder / name).symlink_to(mine)
    with pytest.raises(RunError, match=f"cannot write .*{name}"), run.lock():
        run.append_metrics({"step": 1})
    assert mine.read_text() == "all that I have"


def test_a_folder_among_temporary_files_stays(run: Run) -> None:
    (run.folder / ".x.tmp").mkdir()
    with run.lock():
        run.append_metrics({"step": 1})
    assert (run.folder / ".x.tmp").is_dir()


# -------------------------------------------------------------------------- folders that move


@pytest.mark.skipif(os.name == "nt", reason="Windows does not rename a folder in use")
def test_writes_go_to_the_folder_that_was_opened(run: Run, tmp_path: Path) -> None:
    folder, moved = run.folder, tmp_path / "moved"
    other = Run.create(tmp_path / "other", CONFIG, EQUATIONS, VOCABULARY)
    other.append_metrics({"step": 7})
    other.save("best", {"parameter/U": np.eye(3)}, None)
    other.write_clock({"seconds": 7.0})
    content = outcome(other.folder)
    with run.lock():
        run.append_metrics({"step": 1})
        folder.rename(moved)
        other.folder.rename(folder)
        run.append_metrics({"step": 2})
        run.save("last", {"parameter/U": np.zeros(3)}, {"step": 2})
        run.write_clock({"seconds": 1.0})
        assert [record["step"] for record in run.metrics()] == [1, 2]
        assert run.load("last")[1] == {"step": 2}
        assert not run.has("best")
        run.truncate_metrics(1)
    assert outcome(folder) == content
    there = Run.open(moved)
    assert there.load("last")[1] == {"step": 2}
    assert [record["step"] for record in there.metrics()] == [1]
    assert there.read_clock() == {"seconds": 1.0}


def test_another_folder_of_that_name_is_not_gone_on_with(run: Run, tmp_path: Path) -> None:
    run.folder.rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", run.folder)
    with pytest.raises(RunError, match="is not the folder that was opened"), run.lock():
        pass
    with Run.open(run.folder).lock():
        pass


# --------------------------------------------------------------------------------------- lock


def test_one_process_at_a_time(run: Run) -> None:
    script = (
        "import sys; from recurra.storage.runs import Run\n"
        "with Run.open(sys.argv[1]).lock(): print('held', flush=True); sys.stdin.read()\n"
    )
    child = python(script, run.folder, stdin=subprocess.PIPE)
    assert child.stdout.readline() == "held\n"
    with pytest.raises(RunError, match="in use by another process"), run.lock():
        pass
    Run.open(run.folder).metrics()  # reading is free
    (run.folder / ".last.safetensors.0123abcd.tmp").write_bytes(b"half a file")
    child.kill()
    child.communicate()
    with run.lock():  # a dead process holds nothing, and what it left is swept
        assert not list(run.folder.glob("*.tmp"))
        with pytest.raises(RunError, match="in use"), Run.open(run.folder).lock():
            pass
    with run.lock():
        pass


def test_who_trains_a_run(tmp_path):
    run = Run.create(tmp_path / "run", {}, "a[t] = x[t]\n", "ab")
    assert run.holder is None
    with run.lock():
        assert run.holder == os.getpid()
        assert Run.open(run.folder).holder == os.getpid()
        (tmp_path / "run" / ".lock").write_text("17 another-machine\n")
        assert run.holder == 0
        (tmp_path / "run" / ".lock").write_text("nobody\n")
        assert run.holder == 0
    assert run.holder is None


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_a_folder_that_cannot_be_closed_hides_no_other_error(run: Run) -> None:
    def on_a_full_disk() -> None:
        with run.lock():
            for descriptor in Path("/proc/self/fd").iterdir():
                if os.path.realpath(descriptor) == str(run.folder.resolve()):
                    os.close(int(descriptor.name))
            raise RunError("the disk is full")

    with pytest.raises(RunError, match="the disk is full"):
        on_a_full_disk()


KILLED = """
import os, signal, sys
from recurra.storage.runs import Run

with Run.open(sys.argv[1]).lock():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_who_ends_well_signs_off_and_who_is_killed_does_not(tmp_path):
    run = Run.create(tmp_path / "run", {}, "a[t] = x[t]\n", "ab")
    assert not run.signed
    with run.lock():
        assert run.signed
    assert not run.signed
    with contextlib.suppress(ValueError), run.lock():
        raise ValueError
    assert not run.signed
    with python(KILLED, run.folder) as child:
        assert child.wait(60) == -9
    assert run.signed
    assert run.holder is None


def test_asking_for_the_holder_keeps_nobody_out(tmp_path):
    run = Run.create(tmp_path / "run", {}, "a[t] = x[t]\n", "ab")
    with run.lock():
        pass
    asking = threading.Event()

    def ask():
        while not asking.is_set():
            assert run.holder in (None, 0, os.getpid())
            time.sleep(0.001)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(30):
            with Run.open(run.folder).lock():
                pass
    finally:
        asking.set()
        thread.join()


def test_metrics_from_a_byte_on(tmp_path):
    run = Run.create(tmp_path / "run", {}, "a[t] = x[t]\n", "ab")
    assert list(run.metrics_from(0)) == []
    run.append_metrics({"step": 1})
    ((length, _),) = run.metrics_from(0)
    run.append_metrics({"step": 2})
    assert [record for _, record in run.metrics_from(length)] == [{"step": 2}]
