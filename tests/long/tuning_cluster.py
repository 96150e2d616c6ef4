"""A search on a cluster: a real PostgreSQL, a real Dask of several processes, and what they suffer.

Not collected by pytest: it takes minutes. It needs PostgreSQL's server programs (Debian and Ubuntu:
``sudo apt install postgresql``) and ``pip install -e ".[cluster]"``. Run it as

    python tests/long/tuning_cluster.py

It starts a private server on loopback, as an unprivileged user if root runs it, and searches:
by `recurra worker`-like processes of which one is killed; with the database cut off for a while,
and for longer than anybody waits; and by a Dask cluster with a worker killed and the scheduler
started anew. Every table has to be that of a search in one process. Exit code 0: all are.
"""
# ruff: noqa: T201

import contextlib
import dataclasses
import os

os.environ["RECURRA_HEARTBEAT"] = "1"  # before Recurra reads it, here and in all workers

import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from recurra.errors import RunError
from recurra.training.recipe import CLASSIC
from recurra.tuning import cluster
from recurra.tuning.request import TuneRequest
from recurra.tuning.study import Study, rows
from recurra.tuning.workers import Worker, spawn_worker

CLOCK = {"seconds", "chars_per_second", "run"}


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


def make_spec(root: Path, length: int, **options):
    """Sums, and networks that learn them."""
    text = root / "sums.txt"
    chance = random.Random(1)
    pairs = [(chance.randrange(100), chance.randrange(100)) for _ in range(4000)]
    text.write_text("\n".join(f"{a} + {b} = {a + b}" for a, b in pairs), "utf-8")
    space = {"hidden": [16, 32], "lr": [0.1, 0.03, 0.01, 0.003]}
    recipe = CLASSIC.with_(evaluate_every=1000, evaluate_characters=1000)
    return TuneRequest(
        texts=[text],
        network="rnn",
        space=space,
        recipe=recipe,
        length=length,
        max_in_flight=4,
        **options,
    ).spec()


def table(study: Study) -> list[dict[str, object]]:
    """What has to be the same."""
    return [{k: v for k, v in row.items() if k not in CLOCK} for row in rows(study, study.trials())]


def wait_until(condition, seconds: float = 120.0) -> None:
    """Look again and again."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.1)


def started(study: Study) -> bool:
    return any(trial.state == "running" for trial in study.trials())


def workers_killed(study: Study) -> None:
    """Three processes, of which one is killed, and one told to end, while they train."""
    children = [spawn_worker(study, None, None) for _ in range(3)]
    wait_until(lambda: sum(t.state == "running" for t in study.trials()) >= 2)
    children[0].process.kill()
    children[1].ask_to_stop()
    codes = [child.process.wait() for child in children]
    for child in children:
        child.close()
    assert codes == [-signal.SIGKILL, 0, 0], codes


def database_away(study: Study, server: Server) -> None:
    """The database stops in the middle, for longer than a grace period, and comes back."""
    children = [spawn_worker(study, None, None) for _ in range(2)]
    wait_until(lambda: started(study))
    server.stop()
    time.sleep(8)
    assert all(child.process.poll() is None for child in children), "a worker did not wait"
    server.start()
    for child in children:
        child.process.wait()
    ends = [child.close() for child in children]
    assert [code for code, _ in ends] == [0, 0], ends


def database_gone(study: Study, server: Server) -> None:
    """Nobody waits for ever: a sentence, and the study goes on when the database is back."""
    impatient = dataclasses.replace(study, patience=3.0)
    impatient.trials()
    threading.Timer(0.5, server.stop).start()
    try:
        Worker(impatient).work()
        said = "nothing"
    except RunError as error:
        said = str(error)
    print(f"  said: {said}")
    assert "has not answered for 3 seconds" in said
    server.start()
    wait_until(lambda: Worker(Study.open(study.folder, study.storage)).work())


def dask_suffers(study: Study, root: Path) -> None:
    """A Dask cluster of several processes: a worker is killed, the scheduler started anew."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    log = (root / "dask.log").open("ab")

    def start(*command: object) -> subprocess.Popen:
        program = f"from distributed.cli.dask_{command[0]} import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", program, *map(str, command[1:])],
            stdout=log,
            stderr=log,
            cwd=root,
        )

    quiet = ("--no-dashboard",)
    one = ("worker", address, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", port, *quiet)
    helpers = [start(*one) for _ in range(2)]
    done = []
    try:
        for trials in cluster.search_with_dask(study, address, workers=2, pause=0.3):
            over = sum(trial.finished for trial in trials)
            if started(study) and not done:
                helpers[0].kill()
                helpers.append(start(*one))
                done.append("worker")
            elif over >= 3 and done == ["worker"]:
                scheduler.kill()
                scheduler.wait()
                scheduler = start("scheduler", "--host", "127.0.0.1", "--port", port, *quiet)
                helpers += [start(*one) for _ in range(2)]
                done.append("scheduler")
        assert done == ["worker", "scheduler"], done
    finally:
        for process in [*helpers, scheduler]:
            process.terminate()
        for process in [*helpers, scheduler]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        log.close()


def main() -> int:
    """See the module's docstring."""
    binaries = programs()
    if binaries is None:
        print("skipped: PostgreSQL's server programs are not installed (apt install postgresql)")
        return 0
    failed = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        server = Server(root / "postgres", binaries)
        cases = {
            "workers killed": (
                workers_killed, (), {"pruner": "halving", "sampler": "tpe", "trials": 12},
            ),
            "database away": (database_away, (server,), {"pruner": "rounds"}),
            "database gone": (database_gone, (server,), {"pruner": "none"}),
            "Dask": (dask_suffers, (root,), {"pruner": "none"}),
        }  # fmt: skip
        wanted = sys.argv[1:] or list(cases)
        try:
            for case in wanted:
                suffer, arguments, options = cases[case]
                asked = make_spec(root, 600_000, **options)
                print(f"{case}: alone ...", flush=True)
                alone = Study.create(asked, root / f"{case} alone")
                assert Worker(alone).work()
                study = Study.create(asked, root / case, server.url)
                begun = time.monotonic()
                suffer(study, *arguments)
                again = Study.open(study.folder, server.url)
                same = table(again) == table(alone)
                for one, other in zip(table(alone), table(again), strict=True):
                    if one != other:
                        print({k: (one[k], other[k]) for k in one if one[k] != other[k]})
                failed += [] if same else [case]
                seconds = time.monotonic() - begun
                print(f"{case}: {'the same table' if same else 'DIFFERENT'}, {seconds:.0f} s")
        finally:
            server.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
