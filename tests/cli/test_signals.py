"""Signals, readers that go away, terminals that are closed: what there is is saved, and told."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import recurra
from command_line import RECURRA, SMALL, process, wait_for
from recurra.training import signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def begin(runs, out, *options, stdout=subprocess.PIPE):
    command = [*RECURRA, "train", str(runs / "plays.txt"), "--out", str(out), *SMALL, *options]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_sample_without_end_is_left_out_and_the_run_saved(runs, tmp_path, name, code):
    with begin(runs, tmp_path / "run", f"--sample-characters={10**13}", "--json") as child:
        wait_for("step 10 ", child.stderr)
        time.sleep(0.2)  # into the sample of step 20
        child.send_signal(signal.Signals[name])
        out, err = child.communicate(timeout=60)
    assert child.returncode == code
    assert json.loads(out)["stopped_by"] == "interrupted"
    steps = json.loads(out)["steps"]
    assert f"Interrupted at step {steps}, and saved. Go on: recurra train --resume " in err
    run = recurra.Run.open(tmp_path / "run")
    assert run.has("last")
    assert not [record for record in run.metrics() if record["kind"] == "sample"]


def test_an_endless_evaluation_is_left(runs, tmp_path):
    (tmp_path / "long.txt").write_text("to be or not " * 200_000, "utf-8")
    options = [
        *SMALL,
        "--steps=5",
        "--evaluate-every=5",
        "--evaluate-characters=10000000",
        "--split=1/98/1",
    ]
    command = [*RECURRA, "train", tmp_path / "long.txt", "--out", tmp_path / "run", *options]
    with subprocess.Popen(list(map(str, command)), stdout=-1, stderr=-1, text=True) as child:
        metrics = tmp_path / "run" / "metrics.jsonl"
        while not metrics.exists() or not metrics.read_text("utf-8"):
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 143
    assert "Interrupted at step 5, and saved" in err
    assert not recurra.Run.open(tmp_path / "run").has("best")


def test_a_reader_who_leaves_ends_a_training_with_a_save(runs, tmp_path):
    with begin(runs, tmp_path / "run", "--steps=1000000") as child:
        wait_for("step 10 ", child.stdout)
        child.stdout.close()
        err = child.stderr.read()
        assert child.wait(60) == 1
    steps = re.fullmatch(r"Interrupted at step (\d+), and saved\. Go on: .*\n", err)[1]
    assert int(steps) >= 20
    assert recurra.Run.open(tmp_path / "run").has("last")


@pytest.mark.parametrize(("handler", "code"), [(signal.SIG_DFL, 129), (signal.SIG_IGN, 1)])
def test_a_terminal_that_is_closed_ends_a_training_with_a_save(runs, tmp_path, handler, code):
    pty = pytest.importorskip("pty")
    command = ["train", runs / "plays.txt", "--out", tmp_path / "run", *SMALL, "--steps=1000000"]
    pid, descriptor = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, handler)  # ignored, as below nohup
        os.execv(RECURRA[0], [*RECURRA, *map(str, command)])
    while b"held-out" not in os.read(descriptor, 65536):
        pass
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
    assert recurra.Run.open(tmp_path / "run").has("last")


def test_a_terminal_that_is_closed_ends_a_search(runs, tmp_path):
    pty = pytest.importorskip("pty")
    (tmp_path / "space.toml").write_text("hidden = [4, 6]", "utf-8")
    command = [
        *("tune", runs / "plays.txt", "--space", tmp_path / "space.toml"),
        *("--out", tmp_path / "study", "--network=rnn", "--workers=1", "--engine=reference"),
        *("--search=grid", "--trials=2", "--length=1000000", "--batch=2", "--seq-len=8"),
    ]
    pid, descriptor = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.execv(RECURRA[0], [*RECURRA, *map(str, command)])
    seen = b""
    while b"1 running" not in seen:
        seen += os.read(descriptor, 65536)
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 129


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("module", ["typer", "rich.console", "numpy", "dataclasses"])
def test_a_signal_while_modules_are_loaded_is_one_sentence(name, code, module):
    program = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

def send(event, arguments):
    if event == "import" and arguments[0] == {module!r}:
        os.kill(os.getpid(), signal.{name})

from recurra.__main__ import main
sys.addaudithook(send)
sys.argv[1:] = ["networks"]
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "Interrupted.\n")


@pytest.mark.parametrize("module", ["recurra.training", "recurra.training.signals", "contextlib"])
def test_ctrl_c_before_signals_are_handled_is_one_sentence(module):
    program = f"""
import os, signal, sys

def send(event, arguments):
    if event == "import" and arguments[0] == {module!r}:
        os.kill(os.getpid(), signal.SIGINT)

sys.modules.pop({module!r}, None)
sys.addaudithook(send)
import recurra.__main__
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


def test_the_package_itself_loads_nothing():
    """While it is loaded, Ctrl-C prints a traceback."""
    program = "import sys; known = {*sys.modules}; import recurra; print(*{*sys.modules} - known)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert {*done.stdout.split()} == {"recurra", "recurra._version"}


def test_a_script_of_the_shell_may_ask_twice(monkeypatch):
    """A shell and its terminal both send SIGHUP; a second wish is one that comes later."""
    now = [100.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: now[0])
    asked = []
    with signals.raise_interrupt(), signals.stop_on_signals(lambda: asked.append(now[0])):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
        assert asked == [100.0]
        now[0] += 1.0
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert asked == [100.0]
    assert signals.exit_code() == 143


def test_the_second_signal_ends_at_once(runs, tmp_path):
    """Even where the first is not heard, because nobody reads what is printed."""
    fcntl = pytest.importorskip("fcntl")
    reader, writer = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    metrics = tmp_path / "run" / "metrics.jsonl"
    with begin(runs, tmp_path / "run", "--steps=1000000", stdout=writer) as child:
        size = -1
        while not metrics.exists() or size != (size := metrics.stat().st_size):
            time.sleep(1.0)
        child.send_signal(signal.SIGTERM)
        time.sleep(2 * signals.ECHO)
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        err = child.stderr.read()
        assert child.wait(60) == 143
    os.close(reader)
    os.close(writer)
    assert re.fullmatch(r"Ended at once\. From its last save: recurra train --resume .*\n", err)


def test_a_signal_as_a_run_ends_begins_no_other_run(runs, tmp_path):
    program = """
import os, signal
from recurra.training.checkpointer import Checkpointer

def finish_late(self, end, step):
    os.kill(os.getpid(), signal.SIGTERM)
    return finish(self, end, step)

finish, Checkpointer.finish = Checkpointer.finish, finish_late
from recurra.__main__ import main
main()
"""
    options = [f"--text={runs / 'plays.txt'}", f"--out={tmp_path / 'c'}", "--seeds=1", *SMALL]
    command = [sys.executable, "-c", program, "compare", "rnn", "wrnn", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 143
    assert "Interrupted after 1 of 2 runs. Go on: recurra compare --resume " in done.stderr
    assert list((tmp_path / "c" / "runs" / "6-steps40").iterdir()) == [
        tmp_path / "c" / "runs" / "6-steps40" / "rnn"
    ]


def test_the_module_is_a_command():
    done = process("--version", text=True)
    assert (done.returncode, done.stdout) == (0, f"recurra {recurra.__version__}\n")
