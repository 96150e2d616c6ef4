"""Contenders of one case side by side: a process each, taking turns, so that drift hits all."""

import json
import math
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from cases import Case
from contenders import CONTENDERS, OURS

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Protocol:
    """How long to measure.

    Attributes:
        turns: how often every contender has its turn.
        steps: at least so many steps in all.
        seconds: quick contenders go on for so long in a turn.
        cap: seconds that a contender may take to be ready (torch.compile), and for a turn.
    """

    turns: int = 5
    steps: int = 30
    seconds: float = 0.2
    cap: float = 600.0


QUICK = Protocol(turns=1, steps=5, seconds=0.05, cap=60.0)


@dataclass
class Measurement:
    """One contender in one case.

    Attributes:
        seconds: of every measured step.
        ready: seconds from the start of its process to the end of a third step; compiling is here.
        peak: MB, the most that the process held while stepping, libraries included.
        libraries: MB held before the first step.
        failure: why there is nothing else.
    """

    case: Case
    contender: str
    seconds: list[float]
    ready: float = math.nan
    peak: float = math.nan
    libraries: float = math.nan
    failure: str = ""

    @property
    def median(self) -> float:
        return median(self.seconds) if self.seconds else math.nan


class WorkerError(Exception):
    """A contender that did not answer."""


class Worker:
    """A contender's process, as seen from here."""

    def __init__(self, contender: str, case: Case, cap: float) -> None:
        asked = {
            "contender": contender,
            "network": case.network,
            "shape": case.shape,
            "optimizer": case.optimizer,
            "threads": case.threads,
        }
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long as the worker)
        # empty, so that torch.compile has to compile
        self.cache = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [CONTENDERS[contender].python, WORKER, json.dumps(asked)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment(case.threads) | {"TORCHINDUCTOR_CACHE_DIR": self.cache.name},
        )
        self.cap = cap

    def answer(self, order: str = "") -> Any:
        """What the worker says next, within the cap."""
        assert self.process.stdin
        assert self.process.stdout
        late = threading.Timer(self.cap, self.process.kill)
        late.start()
        try:
            self.process.stdin.write(order)
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            ended = not late.is_alive()
            late.cancel()
        if line:
            return json.loads(line)
        if ended:
            raise WorkerError(f"> {self.cap:.0f} s")
        self.process.wait()
        self.errors.seek(0)
        said = [f"ended with {self.process.returncode}", *self.errors.read().splitlines()]
        # the last line that names an exception, or else the last
        named = [line for line in said if re.match(r"[\w.]+: ", line)]
        raise WorkerError((named or said)[-1])

    def end(self) -> Any:
        """Its last words: memory."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        line = self.process.stdout.read()
        self.process.wait()
        return json.loads(line) if line else {}

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.errors.close()
        self.cache.cleanup()


def environment(threads: int) -> dict[str, str]:
    """So many threads for every library there is."""
    pools = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR", "VECLIB_MAXIMUM")
    several = str(threads > 1).lower()
    flags = f"--xla_cpu_multi_thread_eigen={several} intra_op_parallelism_threads={threads}"
    return {
        **os.environ,
        **{f"{pool}_NUM_THREADS": str(threads) for pool in pools},
        "XLA_FLAGS": flags,
        "JAX_PLATFORMS": "cpu",
        "PYTHONWARNINGS": "ignore",
    }


def measure(
    case: Case,
    contenders: list[str],
    protocol: Protocol,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Measurement]:
    """All contenders of a case. Only one works at a time; the others wait, asleep."""
    results = {name: Measurement(case, name, []) for name in contenders}
    workers: dict[str, Worker] = {}

    def ask(name: str, question: Callable[[Worker], Any]) -> Any:
        try:
            return question(workers[name])
        except WorkerError as failure:
            results[name].failure = str(failure)
            workers.pop(name).kill()

    counts = {}
    try:
        for name in contenders:
            tell(f"{name} gets ready")
            if name == OURS:  # once to fill its kernel cache, which cold_start.py is about
                workers[name] = Worker(name, case, protocol.cap)
                if ask(name, Worker.answer):
                    workers[name].kill()
            workers[name] = Worker(name, case, protocol.cap)
            if ready := ask(name, Worker.answer):
                results[name].ready = ready["ready"]
                first = ask(name, lambda worker: worker.answer("2\n")) or [math.inf]
                enough = max(protocol.steps / protocol.turns, protocol.seconds / min(first))
                counts[name] = min(math.ceil(enough), 1000)
        for turn in range(protocol.turns):
            for name in list(workers)[:: -1 if turn % 2 else 1]:
                tell(f"turn {turn + 1} of {protocol.turns}: {name}")
                time.sleep(0.1)  # until the pools of the one before have gone to sleep
                # a first step wakes this one's caches and threads
                count = counts[name]
                if seconds := ask(name, lambda worker, n=count: worker.answer(f"{n + 1}\n")):
                    results[name].seconds += seconds[1:]
        for name, worker in workers.items():
            memory = worker.end()
            results[name].peak = memory.get("peak", math.nan)
            results[name].libraries = memory.get("libraries", math.nan)
    finally:
        for worker in workers.values():
            worker.kill()
    return results
