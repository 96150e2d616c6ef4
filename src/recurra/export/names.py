"""Identifiers of a program: those of the equations first, then its own, none twice."""

import builtins
import keyword
from collections.abc import Iterable


class Names:
    """Gives every thing of a program an identifier of its own.

    Args:
        reserved: identifiers that the program's fixed lines use (``np``, ``forward``, ...).
    """

    def __init__(self, reserved: Iterable[str]) -> None:
        self._taken = {*reserved, *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}

    def take(self, wanted: str) -> str:
        """An identifier, the wanted one if it is free; else with underscores behind it."""
        while wanted in self._taken or wanted.startswith("__"):
            wanted = f"{wanted.lstrip('_') or 'v'}_"
        self._taken.add(wanted)
        return wanted
