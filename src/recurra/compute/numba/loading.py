"""Generated kernel source as modules: nothing need be written to be imported."""

import hashlib
import importlib.util
import re
import sys
import threading
from importlib.abc import InspectLoader
from types import ModuleType

from recurra.compute.numba.cache import folder

_loading = threading.Lock()
_FUNCTION = re.compile(r"^def (\w+)", re.MULTILINE)


def load(source: str) -> ModuleType:
    """The module of a kernel source; its functions compile at their first call, or come from disk.

    Args:
        source: text made by `recurra.compute.numba.codegen` from a checked plan.
    """
    name = _module_name(source)
    with _loading:  # the shards of a step ask at once, and none may see half a module
        if name not in sys.modules:
            spec = importlib.util.spec_from_loader(name, _Generated(source))
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
    return sys.modules[name]


def is_compiled(source: str) -> bool:
    """Whether this process, or an earlier one, has compiled this source for training."""
    name, place, *_, last = _module_name(source), folder(), *_FUNCTION.findall(source)
    return name in sys.modules or (place is not None and any(place.glob(f"{name}.{last}-*")))


def _module_name(source: str) -> str:
    return f"recurra_kernels_{hashlib.sha256(source.encode()).hexdigest()[:24]}"


class _Generated(InspectLoader):
    """The import of a module from its text."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        return self.source
