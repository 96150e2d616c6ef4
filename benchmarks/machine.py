"""Where a measurement was made: processor, cores, versions."""

import os
import platform
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

PACKAGES = ("recurra", "numpy", "scipy", "numba", "torch", "jax")
# in environments of their own
RIVALS = ("tensorflow_cpu", "mlx", "dyNET38")


def machine() -> dict[str, str]:
    found = {"processor": _processor(), "cores": str(usable_cores()), "system": platform.platform()}
    found["python"] = platform.python_version()
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    places = Path(os.environ.get("RECURRA_RIVALS", "rivals")).glob("*/lib/python3*/site-packages")
    for package in distributions(path=list(map(str, places))):
        if package.name in RIVALS:
            found[package.name] = package.version
    return found


def usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in described if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
