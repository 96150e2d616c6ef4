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

import dataclasses
import os

os.environ["RECURRA_HEARTBEAT"] = "1"  # before Recurra reads it, here and in all workers

import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from cluster_servers import DaskCluster, Server, programs, wait_until

from recurra.errors import RunError
from recurra.training.recipe import CLASSIC
from recurra.tuning.request import TuneRequest
from recurra.tuning.study import Study, rows
from recurra.tuning.workers import Worker, search_with_dask, worker_command

CLOCK = {"seconds", "chars_per_second", "run"}


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


def started(study: Study) -> bool:
    return any(trial.state == "running" for trial in study.trials())


def workers_killed(study: Study) -> None:
    """Three processes, of which one is killed, and one told to end, while they train."""
    children = [worker_command(study)() for _ in range(3)]
    wait_until(lambda: sum(t.state == "running" for t in study.trials()) >= 2)
    children[0].process.kill()
    children[1].ask_to_stop()
    codes = [child.process.wait() for child in children]
    for child in children:
        child.wait()  # closes its pipes
    assert codes == [-signal.SIGKILL, 0, 0], codes


def database_away(study: Study, server: Server) -> None:
    """The database stops in the middle, for longer than a grace period, and comes back."""
    children = [worker_command(study)() for _ in range(2)]
    wait_until(lambda: started(study))
    server.stop()
    time.sleep(8)
    ended = [child.wait() for child in children if child.process.poll() is not None]
    assert not ended, f"a worker did not wait: {ended}"
    server.start()
    for child in children:
        child.process.wait()
    ends = [child.wait() for child in children]
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
    done = []
    with DaskCluster(root, 2) as dask:
        for trials in search_with_dask(study, dask.address, workers=2, pause=0.3):
            over = sum(trial.finished for trial in trials)
            if started(study) and not done:
                dask.replace_worker()
                done.append("worker")
            elif over >= 3 and done == ["worker"]:
                dask.restart_scheduler(2)
                done.append("scheduler")
    assert done == ["worker", "scheduler"], done


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
