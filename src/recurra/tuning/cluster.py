"""A search on many machines: the trials are in PostgreSQL, the folder is on a disk that all share.

Whoever starts the workers knows nothing else: Dask, SLURM (`sbatch_script`), or a person who types
`recurra worker STUDY`. Each is a process of its own with one thread, which ends in order when its
starter does; what it trained, another one goes on with.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recurra.errors import RecurraError, RunError, SettingError
from recurra.training.processes import MAX_CRASHES, ONE_THREAD
from recurra.tuning.optuna_storage import public_url
from recurra.tuning.schedule import next_actions
from recurra.tuning.study import STORAGE, Study
from recurra.tuning.trials import Trial
from recurra.tuning.workers import characters_used, spawn_worker

PATIENCE = 600.0  # seconds to wait for a scheduler that does not answer


def require_dask() -> None:
    """Refuse a search by Dask before it is begun.

    Raises:
        SettingError: Dask is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise SettingError(
            'starting workers by Dask needs Dask: pip install "recurra[cluster]"'
        ) from None


def search_with_dask(
    study: Study,
    address: str,
    *,
    workers: int,
    minutes: float | None = None,
    characters: int | None = None,
    pause: float = 1.0,
) -> Iterator[list[Trial]]:
    """As `recurra.tuning.workers.search`, with processes that a Dask cluster starts.

    A task of Dask's does nothing but start a worker and wait for it. Lost tasks, with a machine or
    with the scheduler, are given out again; so nothing of a study depends on Dask.

    Args:
        study: its trials are in a database.
        address: of the scheduler, such as ``tcp://head:8786``.
        workers: tasks at a time.
        minutes, characters, pause: see `search`.

    Raises:
        SettingError: Dask is not installed, or the study is not in a database.
        RunError: the scheduler does not answer, or a worker was refused something.
    """
    if study.storage is None:
        raise SettingError("many machines share a database: begin the study with --storage")
    require_dask()
    import distributed

    end = time.monotonic() + 60.0 * minutes if minutes is not None else float("inf")
    stop = f"recurra-{study.spec.key}-{time.time_ns()}"
    task = (str(study.folder), study.storage, characters, stop)
    client: Any = None
    futures: list[Any] = []
    known, failures, lost_since = study.trials(), 0, 0.0
    try:
        while True:
            yield known
            if next_actions(study.spec, known).finished or time.monotonic() > end:
                return
            if characters is not None and characters_used(known) >= characters and not futures:
                return
            try:
                client = client or distributed.Client(address, timeout=10)
                client.scheduler_info()
                lost_since = 0.0
                running = [f for f in futures if not f.done()]
                failures += sum(map(_failed, set(futures) - set(running)))
                futures = running
                while len(futures) < workers:
                    futures.append(client.submit(run_worker, *task, pure=False, retries=0))
            except (OSError, TimeoutError, distributed.comm.CommClosedError, ValueError) as error:
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
            trials, known = known, study.trials()
            failures = failures if trials == known else 0
    finally:
        if client is not None and futures:
            _stop_workers(distributed, client, stop, futures)
        _close(client)


def run_worker(folder: str, storage: str, characters: int | None, stop: str) -> bool:
    """A task of Dask's: start a worker, wait until it ends, or until all are asked to.

    Raises:
        RunError: it was refused something.
    """
    from distributed import Event

    event = Event(stop)
    child = spawn_worker(Study.open(folder, storage), characters, None)
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


def sbatch_script(study: Study, workers: int) -> str:
    """A script for SLURM's ``sbatch``: an array of so many workers, one core each.

    Raises:
        SettingError: the study is not in a database.
    """
    if study.storage is None:
        raise SettingError("many machines share a database: begin the study with --storage")
    address, name = public_url(study.storage), study.folder.name
    # a line of a comment has no quotes that SLURM and bash both know
    job = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    exports = "\n".join(f"export {name}={value}" for name, value in ONE_THREAD.items())
    return f"""#!/bin/bash
#SBATCH --job-name={job}
#SBATCH --array=1-{workers}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --requeue
# A minute before its time is over a worker saves its trial; another one goes on with it.
#SBATCH --signal=B:TERM@60
{exports}
# Where the database wants a password, let it come from ~/.pgpass, or write it into the address.
export {STORAGE}={shlex.quote(address)}
exec recurra worker {_shell_word(study.folder)}
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
    except (OSError, TimeoutError, distributed.comm.CommClosedError):
        pass  # a task that cannot be reached ends with its own machine


def _close(client: Any) -> None:
    if client is not None:
        client.close(timeout=5)
