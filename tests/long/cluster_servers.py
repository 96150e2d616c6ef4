"""A private PostgreSQL and a private Dask cluster on loopback, for the long checks.

They need PostgreSQL's server programs (Debian and Ubuntu: ``sudo apt install postgresql``) and
``pip install -e ".[cluster]"``.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self


def programs() -> Path | None:
    """Where PostgreSQL's server programs are."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr/pgsql").glob("*/bin")]
    on_path = shutil.which("initdb")
    candidates = [*sorted(found, reverse=True), *([Path(on_path).parent] if on_path else [])]
    return next(
        (f for f in candidates if (f / "initdb").exists() and (f / "postgres").exists()), None
    )


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """A private PostgreSQL on loopback, with a database "recurra"."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries, self.port = folder, binaries, free_port()
        self.process: subprocess.Popen | None = None
        folder.mkdir()
        # PostgreSQL refuses to run as root.
        self.user = "nobody" if os.getuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)
        self._run("initdb", "-D", str(folder / "data"), "-U", "recurra", "-A", "trust", "-N")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "recurra", "recurra")

    @property
    def url(self) -> str:
        """Its address."""
        return f"postgresql://recurra@127.0.0.1:{self.port}/recurra"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-F"]
        command = [self.binaries / "postgres", "-D", self.folder / "data", *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **self._identity())
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                time.sleep(0.5)
                return
            time.sleep(0.1)
        raise SystemExit((self.folder / "log").read_text())

    def stop(self) -> None:
        """Stop it at once, connections and all."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
            self.process = None

    def _identity(self) -> dict[str, object]:
        if self.user is None:
            return {"cwd": self.folder}
        found = pwd.getpwnam(self.user)
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": [], "cwd": self.folder}

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.binaries / program, *arguments], capture_output=True, text=True, check=False,
            **self._identity(),
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{program}: {done.stdout}{done.stderr}")


class DaskCluster:
    """A scheduler and worker processes, which write into one log; to be used in a ``with``."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, port = folder, free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self._scheduling = ("scheduler", "--host", "127.0.0.1", "--port", port)
        self.scheduler = self._start(*self._scheduling)
        self.workers: list[subprocess.Popen] = []
        self.add_workers(workers)

    def add_workers(self, count: int) -> None:
        """Start so many more, of one thread each."""
        one = ("worker", self.address, "--nthreads", "1", "--host", "127.0.0.1")
        self.workers += [self._start(*one) for _ in range(count)]

    def replace_worker(self) -> None:
        """Kill the oldest worker, and start another one."""
        self.workers.pop(0).kill()
        self.add_workers(1)

    def restart_scheduler(self, workers: int) -> None:
        """Kill the scheduler, which no worker may survive, and start all anew."""
        self.scheduler.kill()
        self.scheduler.wait()
        self.scheduler = self._start(*self._scheduling)
        self.add_workers(workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        processes = [*self.workers, self.scheduler]
        for process in processes:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()

    def _start(self, *command: object) -> subprocess.Popen:
        program = f"from distributed.cli.dask_{command[0]} import main; main()"
        words = [sys.executable, "-c", program, *map(str, command[1:]), "--no-dashboard"]
        with (self.folder / "dask.log").open("ab") as log:
            return subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder)


def wait_until(condition, seconds: float = 120.0) -> None:
    """Look again and again."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.1)
