"""Whoever waits for a compilation hears Ctrl-C; what is compiled is kept all the same."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from numba.core.compiler_lock import global_compiler_lock

from recurra.compute.numba.ahead import PROGRAM
from recurra.compute.numba.compilation import compiling, in_thread


class Compiler:
    """Compiles for as long as a test wants, as LLVM may: without hearing anything."""

    def __init__(self):
        self.begun, self.released, self.kept = threading.Event(), threading.Event(), []

    def compile(self, signature):
        self.begun.set()
        self.released.wait()
        self.kept.append(signature)
        return threading.current_thread()


def test_result_and_errors_come_back():
    assert in_thread("square", lambda n: n * n)(7) == 49
    with pytest.raises(ZeroDivisionError):
        in_thread("divide", lambda n: 1 // n)(0)
    assert compiling() == ""


def test_callees_compile_in_the_thread_of_their_caller():
    callee = in_thread("callee", lambda _: (threading.current_thread(), compiling()))

    @global_compiler_lock
    def compile_caller(signature):
        return threading.current_thread(), compiling(), callee(signature)

    thread, name, (inner, inner_name) = in_thread("caller", compile_caller)(1)
    assert thread is inner is not threading.current_thread()
    assert (name, inner_name) == ("caller", "callee")


def test_ctrl_c_ends_the_wait_of_all_threads():
    slow, ended = Compiler(), []
    compile_ = in_thread("slow", slow.compile)

    def wait():
        try:
            compile_("other")
        except KeyboardInterrupt:
            ended.append(True)

    other = threading.Thread(target=wait)
    other.start()
    slow.begun.wait()
    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        compile_("mine")
    other.join()
    assert ended == [True]
    assert compiling() == "slow"
    slow.released.set()
    assert compile_("again") is not threading.current_thread()
    assert "again" in slow.kept


def test_the_second_process_ends_when_its_input_does(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, "float32"],
        stdin=subprocess.DEVNULL,
        env=os.environ | {"RECURRA_CACHE": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert not list(tmp_path.rglob("*.train-*"))
