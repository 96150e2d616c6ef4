"""Where compiled kernels are kept: a folder private to the user, keyed on all that shapes them.

Numba stores machine code as pickles, so the folder must be nobody else's to write. Its name holds
a hash of the hand-written kernels, of the constants that they take from elsewhere, and of the
versions involved; that of a function, of its source and the processor (`kernels.jit`).
A cache that is torn, stale or cannot be written costs a compilation, never an error.
"""

import atexit
import hashlib
import importlib.util
import os
import shutil
import stat
import sys
import tempfile
import threading
from functools import cache
from importlib.abc import InspectLoader
from pathlib import Path
from types import ModuleType

import llvmlite
import numba
import numpy as np
import platformdirs

from recurra._version import __version__
from recurra.lang.functions import NORM_EPS

_KERNELS = Path(__file__).parent / "kernels"
_loading = threading.Lock()


@cache
def folder() -> Path:
    """The cache folder of this version of Recurra; a temporary one where none can be private."""
    digest = hashlib.sha256()
    versions = (__version__, numba.__version__, llvmlite.__version__, np.__version__, sys.version)
    digest.update(repr((*versions, NORM_EPS)).encode())
    for path in sorted(_KERNELS.glob("*.py")):
        digest.update(path.read_bytes())
    root = os.environ.get("RECURRA_CACHE") or platformdirs.user_cache_path("recurra")
    wanted = Path(root) / "kernels" / digest.hexdigest()[:24]
    try:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _private(wanted) and _writable(wanted):
            return wanted
    except OSError:
        pass
    temporary = Path(tempfile.mkdtemp(prefix="recurra-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


def _private(path: Path) -> bool:
    if os.name == "nt":  # a user's cache folder is private by its access list
        return True
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _writable(path: Path) -> bool:
    with tempfile.TemporaryFile(dir=path) as file:
        file.write(b"room")
    return True


def load(source: str) -> ModuleType:
    """The module of a kernel source; its functions compile at their first call, or come from disk.

    Args:
        source: text made by :mod:`recurra.compute.numba.codegen` from a checked plan.
    """
    name = _module_name(source)
    with _loading:  # the shares of a step ask at once, and none may see half a module
        if name not in sys.modules:
            spec = importlib.util.spec_from_loader(name, _Generated(source))
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
    return sys.modules[name]


def is_compiled(source: str) -> bool:
    """Whether an earlier process has left this source's kernels on disk."""
    return any(folder().glob(f"{_module_name(source)}.forward-*"))


def _module_name(source: str) -> str:
    return f"recurra_kernels_{hashlib.sha256(source.encode()).hexdigest()[:24]}"


class _Generated(InspectLoader):
    """Imports a module from its text; nothing need be written to be imported."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        return self.source
