"""Kill a search with SIGKILL at random, its workers and their parent; the table has to be the same.

Not collected by pytest: it takes minutes. Run it as

    python tests/long/tuning_kills.py [--kills 20] [--seed 0] [--search grid] [--pruner rounds]

It searches once without a break, then again with the kills, and compares the tables but for the
clock's figures, and every checkpoint. In the journal no trial may have ended twice, or lost its
end. Exit code 0: all as it should be.
"""
# ruff: noqa: T201

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from optuna.trial import TrialState

from recurra.training.recipe import CLASSIC
from recurra.tuning.request import TuneRequest
from recurra.tuning.study import Study, rows
from recurra.tuning.study_spec import StudySpec
from recurra.tuning.workers import search

SPACE = {"hidden": [16, 32, 48], "seq_len": [16, 32], "lr": [0.1, 0.03, 0.01, 0.003]}
LENGTH = 200_000
CLOCK = {"seconds", "chars_per_second", "run"}


def make_spec(folder: Path, sampler: str, pruner: str) -> StudySpec:
    """Sums, and networks that learn them in a second or two."""
    text = folder / "sums.txt"
    if not text.exists():
        chance = random.Random(1)
        pairs = [(chance.randrange(100), chance.randrange(100)) for _ in range(4000)]
        text.write_text("\n".join(f"{a} + {b} = {a + b}" for a, b in pairs), "utf-8")
    recipe = CLASSIC.with_(evaluate_every=1000, evaluate_characters=1000)
    return TuneRequest(
        texts=[text],
        network="rnn",
        space=SPACE,
        recipe=recipe,
        sampler=sampler,
        pruner=pruner,
        trials=24,
        length=LENGTH,
        max_in_flight=4,
    ).spec()


def workers_of(parent: int) -> list[int]:
    """Process numbers of a process's children."""
    path = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(number) for number in path.read_text().split()] if path.exists() else []


def size(study: Study) -> int:
    """Bytes of the journal: how much has happened."""
    return (study.folder / "journal.log").stat().st_size


def outcome(study: Study) -> dict[str, object]:
    """What has to be the same."""
    table = rows(study, study.trials())
    digests = {
        str(path.relative_to(study.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(study.folder.glob("trials/*/*.safetensors"))
    }
    return {
        "table": [{k: v for k, v in row.items() if k not in CLOCK} for row in table],
        "checkpoints": digests,
    }


def ends(study: Study) -> Counter:
    """How often each trial was trained to its end, by the journal."""
    finished = Counter()
    for line in (study.folder / "journal.log").read_bytes().splitlines():
        record = json.loads(line)
        if record["op_code"] == 6 and record["state"] == TrialState.COMPLETE:
            finished[record["trial_id"]] += 1
    return finished


def main() -> int:
    """Search twice, compare; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--search", default="grid")
    parser.add_argument("--pruner", default="rounds")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        for _ in search(Study.open(given.child), workers=2):
            pass
        return 0
    chance, kills, parents = random.Random(given.seed), 0, 0
    with tempfile.TemporaryDirectory() as root:
        asked = make_spec(Path(root), given.search, given.pruner)
        whole = Study.create(asked, Path(root, "whole"))
        for _ in search(whole, workers=2):
            pass
        print(f"uninterrupted: {size(whole):,} bytes of journal", flush=True)
        broken = Study.create(asked, Path(root, "broken"))
        broken.trials()
        command = [sys.executable, __file__, "--child", broken.folder]
        over: set[int] = set()
        while True:
            parent = subprocess.Popen(command)
            while parent.poll() is None:
                if kills == given.kills:
                    parent.wait()
                    break
                # Not by the clock: the kills are spread over what there is to do.
                goal = size(broken) + chance.expovariate(2.5 * given.kills / size(whole))
                while size(broken) < goal and parent.poll() is None:
                    time.sleep(0.02)
                time.sleep(0.3 * chance.random())
                children = workers_of(parent.pid)
                aim = chance.choice([parent.pid, *children])
                if parent.poll() is not None:
                    break
                try:
                    os.kill(aim, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                kills += 1
                parents += aim == parent.pid
                trials = Study.open(broken.folder).trials()  # the study opens every time
                now = {trial.number for trial in trials if trial.final}
                rungs = sum(len(trial.rungs) for trial in trials)
                if not over <= now:
                    print(f"LOST: {over - now}")
                    return 1
                over = now
                print(f"  kill {kills}: {len(now)} trials over, {rungs} rungs", flush=True)
            if parent.wait() >= 0:
                break
            time.sleep(chance.random())
        if parent.returncode:
            return 1
        one, other = outcome(whole), outcome(Study.open(broken.folder))
        differing = [name for name in one if one[name] != other[name]]
        counts = ends(broken)
    done = [row for row in one["table"] if row["state"] == "done"]
    once = sorted(counts.values()) == [1] * len(done)
    print(
        f"{kills} kills, {parents} of them of the parent: "
        + (f"DIFFERENT: {differing}" if differing else "the same table, the same checkpoints")
        + (
            f", each of {len(done)} trials trained to its end once"
            if once
            else f", ENDED: {counts}"
        )
    )
    return 1 if differing or not once or kills < given.kills else 0


if __name__ == "__main__":
    sys.exit(main())
