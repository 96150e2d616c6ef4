"""Where a comparison was made: processor, cores and versions; no name of a person or a machine."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from recurra._version import __version__
from recurra.compute.registry import available_threads


def machine() -> dict[str, str]:
    """Processor, cores and versions of the machine that this runs on."""
    return {
        "processor": _processor(),
        "cores": str(available_threads()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "Recurra": __version__,
        **{package: version(package) for package in ("numpy", "numba")},
    }


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(": ")[1] for line in described if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine() or os.name
