"""Where a command prints: lines and tables for people, or one line of JSON for programs."""

import json
import math
import os
import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from recurra.view.tables import Cells

if TYPE_CHECKING:
    from rich.console import Console


def make_console(stderr: bool = False, quiet: bool = False) -> "Console":
    """A console that prints texts as they are: no markup, no colours of its own, no cut lines."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else 200,
        quiet=quiet,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=True,
    )


def print_table(console: "Console", cells: Cells) -> None:
    """Print a table; columns of numbers are flush right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading, numeric in zip(cells.headings, cells.numeric, strict=True):
        table.add_column(heading, justify="right" if numeric else "left")
    for row in cells.rows:
        table.add_row(*row)
    console.print(table, soft_wrap=False)


def print_json(result: Mapping[str, Any]) -> None:
    """One line of JSON on stdout, in ASCII; what is no finite number is null."""
    typer.echo(json.dumps(_finite(result), allow_nan=False))


def _finite(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float() if not math.isfinite(value):
            return None
    return value


def shown_path(path: str | os.PathLike[str]) -> str:
    """A path as one would type it here: relative if it is below this folder, quoted if needed."""
    try:
        relative = os.path.relpath(path)
    except (ValueError, OSError):  # on another drive (Windows); or this folder was replaced
        relative = ".."
    shown = os.fspath(path) if relative.startswith("..") else relative
    if os.name == "nt":
        return f'"{shown}"' if " " in shown else shown
    return shlex.quote(shown)
