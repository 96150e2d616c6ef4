"""Kernels, gradients and a training that is killed, on a processor that this machine emulates.

    apt-get install qemu-user-static debootstrap
    PYTHONPATH=tests/support python tests/long/processors.py arm64|haswell|nehalem [--pinned]

For root on Debian, x86-64, with the packages of the tests. haswell has AVX2 and no AVX-512, nehalem
no AVX at all; arm64 is Debian's Python with wheels of the versions that are installed here. An
emulated process sees the emulated processor, and so do those that it starts, since its Python is a
script that calls the emulator. That compiles for minutes where this processor takes seconds; what
was compiled is kept in the folder. --pinned emulates nothing: Numba compiles for that processor of
x86, by NUMBA_CPU_NAME, and this one runs it. Exit code 0: all right.
"""
# ruff: noqa: T201

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from llvmlite.binding import get_host_cpu_name
from numba import config

from assembly import pinned
from equations_list import VALID
from recurra.compute.gradcheck import load_parameters, random_problem
from recurra.compute.numba.kernels import tile
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.lang.library import library, load_network
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import ShapeSolver

ROOT = Path(__file__).parents[2]
# processor -> bytes of its vectors, rows and vectors of a block
PROCESSORS = {"arm64": (16, 6, 4), "haswell": (32, 4, 3), "nehalem": (16, 4, 3)}
# what Recurra and its tests import without PyTorch
PACKAGES = "numpy", "numba", "platformdirs", "charset-normalizer", "pooch", "pytest", "hypothesis"
TESTS = {
    "test_elementwise.py": "test_values or over_all_numbers",
    "test_products.py": "test_products_by_rows",
}
# networks of the library and of the shared list of equations -> largest relative error
GRADIENTS = {
    "wrnn": 1e-12, "lstm": 1e-12, "shortlist": 1e-10, "memory of an mLSTM": 1e-10,
}  # fmt: skip


# --------------------------------------------------------------------------- the emulated processor


def inside(processor: str) -> int:
    """Compare the compiled engine with the reference engine; the exit code."""
    name = config.CPU_NAME or get_host_cpu_name()
    print(platform.machine(), name, f"Python {platform.python_version()}")
    blocks = tile.VECTOR_BYTES, tile.ROWS, tile.VECTORS
    print(f"vectors of {blocks[0]} bytes, blocks of {blocks[1]} x {blocks[2]}", flush=True)
    wrong = blocks != PROCESSORS[processor]
    texts = {case.name: case.text for case in VALID}
    for name, bound in GRADIENTS.items():
        begun = time.monotonic()
        network = load_network(name) if name in library() else parse(texts[name])
        worst = largest_error(network)
        print(f"  {name}: {worst:.1e} ({time.monotonic() - begun:.0f} s)", flush=True)
        wrong |= not worst <= bound
    return int(wrong)


def largest_error(network: Network) -> float:
    """Between two engines, of losses, gradients and states: relative to an array's largest."""
    shapes, plan = ShapeSolver(network).shapes(7, network.fitting_size(6, 3)), make_plan(network)
    results: list[dict[str, np.ndarray]] = []
    for name in ("reference", "compiled"):
        engine = make_engine(name, plan, shapes, np.float64, threads=2)
        problem = random_problem(engine, 5, 3, np.random.default_rng(0))
        load_parameters(engine, problem.parameters)
        text, state = (problem.inputs, problem.targets), engine.load_state(problem.state)
        _, gradients, after = engine.loss_and_gradients(*text, state)
        losses, _ = engine.losses(*text, state)
        found = gradients | {f"{k} carried": v for k, v in engine.dump_state(after).items()}
        results.append({"losses": losses} | {k: v.copy() for k, v in found.items()})
    want, got = results
    return max(float(np.abs(got[k] - w).max() / np.abs(w).max()) for k, w in want.items())


# ---------------------------------------------------------------------------------- the emulator


def main() -> int:
    """Make a Python of another processor, and run all checks with it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("processor", choices=PROCESSORS)
    default = Path(tempfile.gettempdir()) / "recurra-processors"
    parser.add_argument("--folder", type=Path, default=default)
    parser.add_argument("--pinned", action="store_true", help="compile for it, emulate nothing")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        return inside(given.processor)
    folder, pins = given.folder.resolve() / given.processor, {}
    if given.pinned:
        python, pins = Path(sys.executable), pinned(given.processor)
    else:
        python = emulated_python(given.processor, folder)
    environment = (
        os.environ
        | pins
        | {
            "RECURRA_CACHE": str(folder / "cache"),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests/support"))),
        }
    )
    kernels = ROOT / "tests/compute/numba/kernels"
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:warnings"]
    commands: list[list[object]] = [[__file__, given.processor, "--inside"]]
    commands += [[*pytest, kernels / name, "-k", some] for name, some in TESTS.items()]
    commands += [[ROOT / "tests/long/kill_loop.py", "--recipe", "tiny", "--kills", "2"]]
    for command in commands:
        begun = time.monotonic()
        code = subprocess.run([python, *command], env=environment, cwd=ROOT).returncode
        print(f"{given.processor}, {time.monotonic() - begun:.0f} s: exit code {code}", flush=True)
        if code:
            return code
    return 0


def emulated_python(processor: str, folder: Path) -> Path:
    """A virtual environment whose Python runs under the emulator."""
    packages = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    if processor == "arm64":
        system = folder / "system"
        base, packages = system / "usr/bin/python3", folder / "lib/python3.11/site-packages"
        emulator = f"qemu-aarch64-static -L {system}"
        if not packages.exists():
            make_arm64(system, packages)
    else:
        base = Path(sys.executable).resolve()
        emulator = f"qemu-x86_64-static -cpu {processor.title()}"
        if not packages.exists():
            packages.parent.mkdir(parents=True)
            packages.symlink_to(Path(np.__file__).parents[1])
    python = folder / "bin" / "python"
    python.parent.mkdir(exist_ok=True)
    # Python finds this environment, and itself as sys.executable, by the name that it is called
    python.write_text(f'#!/bin/sh\nexec {emulator} -0 "$0" {base} "$@"\n')
    python.chmod(0o755)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    return python


def make_arm64(system: Path, packages: Path) -> None:
    """Unpack Debian's Python, and wheels, for another processor: nothing of it runs yet."""
    shutil.rmtree(system, ignore_errors=True)  # what an interrupted one left is in the way
    options = ["--foreign", "--arch=arm64", "--variant=minbase", "--include=python3"]
    subprocess.run(["debootstrap", *options, "bookworm", system], check=True)
    for package in sorted(system.glob("var/cache/apt/archives/*.deb")):
        tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True).stdout
        command = ["tar", "-x", "--keep-directory-symlink", "-C", system]
        subprocess.run(command, input=tar, check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    pip += ["--python-version=3.11", "--implementation=cp", f"--target={packages}"]
    pip += [f"--platform=manylinux{p}_aarch64" for p in ("2014", "_2_17", "_2_27", "_2_28")]
    subprocess.run([*pip, *(f"{name}=={version(name)}" for name in PACKAGES)], check=True)


if __name__ == "__main__":
    sys.exit(main())
