"""Work on many machines: leases are in PostgreSQL, the folder is on a disk that all share.

Whoever starts the workers knows nothing else: Dask, SLURM (`sbatch_script`), or a person who types
`recurra worker FOLDER`. Each is a process of its own with one thread, which ends in order when its
starter does; what it trained, another one goes on with.
"""

import os
import secrets
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from recurra.errors import RecurraError, RunError, SettingError
from recurra.training.processes import MAX_CRASHES, ONE_THREAD, WorkerProcess
from recurra.tuning.optuna_storage import STORAGE, public_url

PATIENCE = 600.0  # seconds to wait for a scheduler that does not answer

T = TypeVar("T")


def require_dask() -> None:
    """Refuse workers by Dask before anything is begun.

    Raises:
        SettingError: Dask is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise SettingError(
            'starting workers by Dask needs Dask: pip install "recurra[cluster]"'
        ) from None


def require_storage(storage: str | None) -> None:
    """Refuse work on many machines that has no database.

    Raises:
        SettingError: there is none.
    """
    if storage is None:
        raise SettingError("many machines share a database: begin with --storage")


def supervise_with_dask(
    address: str,
    spawn: Callable[[], WorkerProcess],
    status: Callable[[], T],
    *,
    workers: int,
    finished: Callable[[T], bool],
    wanted: Callable[[T], bool] = lambda _: True,
    end: float = float("inf"),
    pause: float = 1.0,
) -> Iterator[T]:
    """As `recurra.training.processes.supervise`, with processes that a Dask cluster starts.

    A task of Dask's does nothing but start a worker and wait for it. Lost tasks, with a machine or
    with the scheduler, are given out again; so nothing that is trained depends on Dask.

    Args:
        address: of the scheduler, such as ``tcp://head:8786``.
        spawn: start a process; it can be pickled.
        status: how things stand; what equals the last one is no progress.
        workers: tasks at a time.
        finished: whether nothing is left to do.
        wanted: whether another worker is to begin; if not, those that run come to their end.
        end: of all, on the monotonic clock.
        pause: seconds between two of them.

    Raises:
        SettingError: Dask is not installed.
        RunError: the scheduler does not answer, or a worker was refused something.
    """
    require_dask()
    import distributed

    lost = OSError, TimeoutError, ValueError, distributed.comm.CommClosedError
    stop = f"recurra-{secrets.token_hex(8)}"
    client: Any = None
    futures: list[Any] = []
    state, failures, lost_since = status(), 0, 0.0
    try:
        while True:
            yield state
            if finished(state) or time.monotonic() > end or not (futures or wanted(state)):
                return
            try:
                client = client or distributed.Client(address, timeout=10)
                client.scheduler_info()
                lost_since = 0.0
                running = [f for f in futures if not f.done()]
                failures += sum(map(_failed, set(futures) - set(running)))
                futures = running
                while wanted(state) and len(futures) < workers:
                    futures.append(client.submit(run_worker, spawn, stop, pure=False, retries=0))
            except Exception as error:
                # a client that was closed meanwhile says so by an exception of any other class
                if not isinstance(error, lost) and (client is None or client.status == "running"):
                    raise
                lost_since = lost_since or time.monotonic()
                if time.monotonic() - lost_since > PATIENCE:
                    raise RunError(
                        f"the Dask scheduler at {address} does not answer ({error}): start it, or "
                        "check --dask; the same command goes on"
                    ) from None
                _close(client)
                client, futures = None, []
            if failures > MAX_CRASHES:
                raise RunError(f"workers on {address} end again and again: see Dask's own log")
            time.sleep(pause)
            before, state = state, status()
            failures = failures if state == before else 0
    finally:
        if client is not None and futures:
            _stop_workers(distributed, client, stop, futures)
        _close(client)


def run_worker(spawn: Callable[[], WorkerProcess], stop: str) -> bool:
    """A task of Dask's: start a worker, wait until it ends, or until all are asked to.

    Raises:
        RunError: it was refused something.
    """
    from distributed import Event

    event = Event(stop)
    child = spawn()
    try:
        while child.process.poll() is None:
            if event.is_set():
                child.ask_to_stop()
            try:
                child.process.wait(1.0)
            except subprocess.TimeoutExpired:
                continue
    finally:
        child.ask_to_stop()
    code, message = child.wait()
    if code > 0:
        raise RunError(message)
    return code == 0


def sbatch_script(folder: Path, storage: str | None, workers: int) -> str:
    """A script for SLURM's ``sbatch``: an array of so many workers, one core each.

    Args:
        folder: of a study or a comparison.
        storage: address of its database.
        workers: how many.

    Raises:
        SettingError: it has no database.
    """
    require_storage(storage)
    assert storage is not None
    # a line of a comment has no quotes that SLURM and bash both know
    job = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in folder.name)
    exports = "\n".join(f"export {name}={value}" for name, value in ONE_THREAD.items())
    return f"""#!/bin/bash
#SBATCH --job-name={job}
#SBATCH --array=1-{workers}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --requeue
# A minute before its time is over a worker saves what it trains; another one goes on with it.
#SBATCH --signal=B:TERM@60
{exports}
# Where the database wants a password, let it come from ~/.pgpass, or write it into the address.
export {STORAGE}={shlex.quote(public_url(storage))}
exec recurra worker {_shell_word(folder)}
"""


def _shell_word(path: Path) -> str:
    """A path as one word of bash; one with line breaks and the like in escapes, on one line."""
    if str(path).isprintable():
        return shlex.quote(str(path))
    return "$'" + "".join(f"\\x{byte:02x}" for byte in os.fsencode(path)) + "'"


def _failed(future: Any) -> bool:
    """Whether a task that is over went wrong; a refusal is ours to pass on."""
    if future.status == "error":
        error = future.exception()
        if isinstance(error, RecurraError):
            raise error
        return True
    return bool(future.status != "finished" or not future.result())


def _stop_workers(distributed: Any, client: Any, stop: str, futures: list[Any]) -> None:
    try:
        distributed.Event(stop, client=client).set()
        distributed.wait(futures, timeout=60)
    except Exception:  # noqa: BLE001 (a closed client, too)
        pass  # a task that cannot be reached ends with its own machine


def _close(client: Any) -> None:
    if client is not None:
        client.close(timeout=5)
