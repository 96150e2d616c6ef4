"""Exported programs as modules."""

from pathlib import Path
from types import ModuleType


def load_program(path: Path) -> ModuleType:
    """The program of a file, as it stands there.

    An import would keep its bytecode, and take that for the bytecode of the next program at the
    same place, if both are as long and written in the same second.
    """
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text("utf-8"), path, "exec"), vars(module))
    return module
