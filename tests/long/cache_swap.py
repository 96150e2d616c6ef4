"""Another user swaps the folders of kernels and texts; his pickles are never read. Needs root.

Not collected by pytest: it takes minutes, two users and ``setpriv``. Run it as

    python tests/long/cache_swap.py [--attacks 100] [--seed 0] [--source FOLDER]

A victim, root or a user, keeps kernels and the numbers of a text where a careless umask (000, or
002 in a shared group) let the folders above be written by others, named by RECURRA_CACHE or by
XDG_CACHE_HOME. The attacker puts a folder of his own in their place, before the victim's process
or again and again while it runs, or links, pipes and endless devices. His files hold pickles that
touch a marker, behind whatever a file of this version or of an older one begins with. Exit code 0:
no marker, no hang, and the victim's results are right each time. ``--source`` attacks another
checkout's ``src``.
"""
# ruff: noqa: T201

import argparse
import hashlib
import hmac
import os
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ATTACKER, USER, GROUP = 4001, 4002, 4003
KINDS = "before", "while", "while", "link", "pipe", "device"
ATTACKS = 10  # on one place
PATIENCE = 600.0
VICTIM = """
import importlib, pathlib, sys, time, numpy as np
for name in ("recurra.compute.numba.kernels.gradients", "recurra.engines.kernels.update"):
    try:
        kernels = importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    for dtype, step in ((np.float32, 1), (np.float64, 1), (np.float32, 2)):
        assert kernels.squares(np.full(3 * step, 2.0, dtype)[::step], np.inf) == 12.0
        time.sleep(0.1)  # a training meets its kernels one by one
    try:
        cache = importlib.import_module("recurra.text.cache")
    except ModuleNotFoundError:
        cache = None
    if cache:
        cache.LEAST, cache._SETTLED = 100, 0.0
        corpus = importlib.import_module("recurra.text.corpus")
        text = pathlib.Path(sys.argv[1])
        for _ in range(3):
            read = corpus.load_corpus([text])
            assert read.vocabulary.decode(read.numbers) == text.read_text()
            time.sleep(0.1)
    print("right", sum(kernels.squares.stats.cache_hits.values()))
    break
"""
# A folder of bombs takes the place of the victim's for a moment.
SWAPPER = """
import os, sys, time
place, bombs, aside, once = sys.argv[1:]
if once:
    os.rename(place, aside)
    os.symlink(bombs, place)
print("ready", flush=True)
while True:
    try:
        if once:
            time.sleep(60)
        os.rename(place, aside)
        os.symlink(bombs, place)
        time.sleep(0.05)
        os.unlink(place)
        os.rename(aside, place)
        time.sleep(0.05)
    except OSError:
        time.sleep(0.01)
"""


def copy(source: Path, target: Path) -> None:
    """Copy a folder, with owners and modes."""
    subprocess.run(["cp", "--archive", source, target], check=True)


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (str(self.marker), os.O_CREAT | os.O_WRONLY)


def as_user(number: int, *command: str) -> list[str]:
    """A command as another user, a member of the shared group."""
    groups = f"--groups={GROUP}"
    return ["setpriv", f"--reuid={number}", f"--regid={number}", groups, *command]


def main() -> int:
    """Attack and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attacks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", default=str(Path(__file__).parents[2] / "src"))
    options = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        print("This needs root and setpriv (util-linux).")
        return 2
    chance = random.Random(options.seed)
    executed = failed = number = 0
    while number < options.attacks:
        with tempfile.TemporaryDirectory(prefix="swap-") as name:
            place = Place(Path(name), chance, options.source)
            for _ in range(min(ATTACKS, options.attacks - number)):
                kind, depth = chance.choice(KINDS), chance.randrange(place.depths)
                number += 1
                done, problem = place.attack(kind, depth)
                executed += done
                failed += problem != ""
                depths = f"depth {depth} of {place.depths}"
                told = f"{place} {kind} {depths} {'EXECUTED' if done else ''} {problem}"
                print(f"{number}: {told}".rstrip(), flush=True)
    print(f"{options.attacks} attacks: {executed} executed, {failed} victims hindered")
    return 1 if executed or failed else 0


class Place:
    """One victim and the folder where that keeps its kernels, made with a careless umask."""

    def __init__(self, folder: Path, chance: random.Random, source: str) -> None:
        self.folder, self.chance = folder, chance
        self.victim = chance.choice([0, USER])
        self.umask = chance.choice([0o000, 0o002])
        self.variable = chance.choice(["RECURRA_CACHE", "XDG_CACHE_HOME"])
        self.shared, self.bombs = folder / "shared", folder / "bombs"
        home, self.marker = folder / "home", folder / "shared" / "marker"
        folder.chmod(0o755)
        for path, mode in ((self.shared, 0o777), (home, 0o700)):
            path.mkdir()
            os.chown(path, self.victim, GROUP)
            path.chmod(mode | 0o2000)  # what is made here belongs to the shared group
        (folder / "text.txt").write_text("\n".join(map(str, range(2000))))
        self.environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": source, "HOME": str(home),
            "PYTHONDONTWRITEBYTECODE": "1", self.variable: str(self.shared / "cache"),
        }  # fmt: skip
        problem = self.run()
        assert not problem, problem
        copy(self.shared, folder / "before")
        self.depths = len(self.folders())

    def __str__(self) -> str:
        return f"{'user' if self.victim else 'root'} {self.variable} umask {self.umask:03o}"

    def folders(self) -> list[Path]:
        """The folders of the cache, one of which is swapped."""
        cache = self.shared / "cache"
        return sorted(path for path in [cache, *cache.rglob("*")] if path.is_dir())

    def attack(self, kind: str, depth: int) -> tuple[bool, str]:
        """Whether the attacker's code has run, and in which way the victim was hindered."""
        shutil.rmtree(self.shared)
        shutil.rmtree(self.bombs, ignore_errors=True)
        copy(self.folder / "before", self.shared)
        swapped = self.folders()[depth]
        self.plant(kind, swapped)
        once = "" if kind == "while" else "once"
        paths = map(str, (swapped, self.bombs, swapped.parent / "aside"))
        command = as_user(ATTACKER, sys.executable, "-c", SWAPPER, *paths, once)
        swapper = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert swapper.stdout is not None
        swapper.stdout.readline()
        try:
            problem = self.run()
        finally:
            swapper.kill()
            swapper.wait()
        return self.marker.exists(), problem

    def run(self) -> str:
        """The victim's process; what was wrong with it, if anything."""
        command = [sys.executable, "-c", VICTIM, str(self.folder / "text.txt")]
        if self.victim:
            command = as_user(self.victim, *command)
        begun = time.monotonic()
        try:
            done = subprocess.run(
                command, env=self.environment, umask=self.umask, capture_output=True, text=True,
                timeout=PATIENCE, cwd="/",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "hung"
        if done.returncode or not done.stdout.startswith("right"):
            return f"failed after {time.monotonic() - begun:.0f} s: {done.stderr[-200:]}"
        return ""

    def plant(self, kind: str, swapped: Path) -> None:
        """The attacker's folder: like the swapped one, but for what the files hold."""
        bombs = self.bombs
        shutil.copytree(swapped, bombs)
        for path in [p for p in bombs.rglob("*") if p.is_file()]:
            payload = pickle.dumps(Bomb(self.marker))
            heads = [
                b"",
                path.read_bytes()[:32],
                hashlib.sha256(path.name.encode() + payload).digest(),
                hmac.new(b"\0" * 32, payload, hashlib.sha256).digest(),
            ]
            path.unlink()
            if kind == "pipe":
                os.mkfifo(path, 0o666)
            elif kind == "device":
                path.symlink_to("/dev/zero")
            elif kind == "link":
                (self.folder / "bomb").write_bytes(heads[2] + payload)
                path.symlink_to(self.folder / "bomb")
            else:
                path.write_bytes(self.chance.choice([heads[1], heads[2], *heads]) + payload)
        for path in [bombs, *bombs.rglob("*")]:
            os.chown(path, ATTACKER, ATTACKER, follow_symlinks=False)
            if path.is_dir():
                path.chmod(0o755)
            elif not path.is_symlink():
                path.chmod(0o666)


if __name__ == "__main__":
    sys.exit(main())
