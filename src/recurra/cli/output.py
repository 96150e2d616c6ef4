"""Where a command prints: lines and tables for people, or one line of JSON for programs."""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from recurra.cli.streams import Stream
from recurra.storage.files import finite
from recurra.view.tables import Cells

if TYPE_CHECKING:
    from rich.console import Console

    from recurra.text.corpus import Corpus


class Interrupted(Exception):  # noqa: N818 (not an error)
    """A command was interrupted and has cleaned up; its text tells the user how to go on."""


def echo(text: str, *, end: str = "\n", err: bool = False) -> None:
    """Print a text at once, as it is."""
    stream = sys.stderr if err else sys.stdout
    stream.write(text + end)
    stream.flush()


def make_console(stderr: bool = False, quiet: bool = False) -> "Console":
    """A console that prints texts as they are."""
    from recurra.cli.console import TextConsole

    stream = sys.stderr if stderr else sys.stdout
    assert isinstance(stream, Stream)
    return TextConsole(stream, quiet)


def print_table(console: "Console", cells: Cells) -> None:
    """Print a table, columns of numbers flush right; row below row where it is too wide."""
    from rich import box
    from rich.table import Table

    from recurra.cli.console import fits

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading, numeric in zip(cells.headings, cells.numeric, strict=True):
        table.add_column(heading, justify="right" if numeric else "left")
    for row in cells.rows:
        table.add_row(*row)
    if fits(console, table):
        console.print(table, soft_wrap=False)
        return
    for row in cells.rows:
        for heading, text in zip(cells.headings, row, strict=True):
            if text:
                console.print(f"{heading}: {text}")
        console.print()


def print_json(result: Mapping[str, Any]) -> None:
    """One line of JSON on stdout, in ASCII; what is no finite number is null."""
    echo(json.dumps(finite(result), allow_nan=False))


def print_remarks(console: "Console", corpus: "Corpus") -> None:
    """Print what of the texts would surprise a user who trusts the held-out loss."""
    from recurra.text.remarks import remarks

    for remark in remarks(corpus):
        console.print(f"Note: {remark}.")


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


def tell_written(path: str | os.PathLike[str]) -> None:
    """Tell of a file that was written; a pipe, or this very output, needs no word."""
    if os.path.isfile(path):
        echo(f"written: {shown_path(path)}, {os.path.getsize(path):,} bytes")
