"""Identifiers of a program: those of the equations first, then its own, none twice."""

import builtins
import keyword
from collections.abc import Iterable

# What the fixed lines of programs define, which a constant of the same name would replace.
GLOBALS = (
    "sys", "json", "math", "Path", "Counter", "cache", "partial", "lax", "WEIGHTS", "H", "LISTED",
    "TEXT", "LOSS", "LENGTHS", "TRANSPOSED", "KINDS", "State", "Parameters", "Network",
    "log_softmax", "log_probabilities", "error", "classes", "vocabulary", "columns", "rows",
    "dropout", "orthogonal", "initial", "start", "step", "forward", "loss", "gradients",
    "backward", "update", "improve", "read", "encode", "write_arrays", "read_arrays", "train",
    "save", "load", "mean_loss", "write", "check", "compare", "test", "main",
)  # fmt: skip


class Names:
    """Gives every thing of a program an identifier of its own.

    Args:
        reserved: identifiers that the program's fixed lines use (``np``, ``forward``, ...).
    """

    def __init__(self, reserved: Iterable[str]) -> None:
        self._taken = {*reserved, *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}

    def take(self, wanted: str, besides: Iterable[str] = ()) -> str:
        """An identifier, the wanted one if it is free; else with underscores behind it.

        Args:
            wanted: how it is called in the equations.
            besides: identifiers that this one may not be.
        """
        taken = {*self._taken, *besides}
        while wanted in taken or wanted.startswith("__"):
            letters = wanted.lstrip("_")
            wanted = f"{letters}_" if letters.isidentifier() else f"v{letters}_"
        self._taken.add(wanted)
        return wanted
