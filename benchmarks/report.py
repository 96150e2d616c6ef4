"""What a benchmark prints, kept as its section of a page such as docs/benchmarks.md, if asked."""

import shlex
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from machine import machine


class Report:
    """Lines on standard output, and the same lines under a title of a Markdown page.

    Args:
        title: the section of the page that this report replaces.
        page: the page; None: print only.
    """

    def __init__(self, title: str, page: str | None) -> None:
        self.title, self.page = title, Path(page) if page else None
        self.lines: list[str] = []
        when = f"{datetime.now(UTC):%Y-%m-%d}"
        where = ", ".join(f"{what} {value}" for what, value in machine().items())
        command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
        self.say(f"`{command}` on {when}; {where}.", "")

    def say(self, *lines: str) -> None:
        """More lines; the page is written anew each time, so that a run cut short is not lost."""
        print(*lines, sep="\n", flush=True)
        self.lines += lines
        if self.page:
            head, *sections = self.page.read_text("utf-8").split("\n## ")
            titles = [section.split("\n")[0] for section in sections]
            body = "\n".join([self.title, "", *self.lines])
            sections[titles.index(self.title)] = f"{body.rstrip()}\n"
            self.page.write_text("\n## ".join([head, *sections]), "utf-8")

    def table(self, header: Iterable[str], widths: list[int]) -> None:
        """The first two lines of a table; `row` adds the others."""
        self.widths = widths
        self.row(header)
        self.row("-" * (width - 1) + ":" for width in widths)

    def row(self, cells: Iterable[str]) -> None:
        """A line of a Markdown table, aligned so that it reads well as it is."""
        self.say("| " + " | ".join(map(str.rjust, cells, self.widths)) + " |")


def tell(text: str) -> None:
    """Progress, on a terminal only; an empty text wipes it out."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
