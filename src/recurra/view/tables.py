"""A table is columns as data: where a table is shown, all of them come out, in every form.

`Table.show` gives the cells as texts; `html`, `markdown` and the terminal put them in a frame.
`Table.records` and `Table.csv` give the values themselves, for programs.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Generic, Self, TypeVar

from recurra.view.axes import text_width
from recurra.view.markdown import inline
from recurra.view.numbers import number
from recurra.view.words import Words

Row = TypeVar("Row")
# A spreadsheet computes a cell that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column.

    Attributes:
        key: its name for programs, in JSON and CSV.
        heading: for people: a key of the words, a text, or a text for each language.
        value: row -> value; None where there is none.
        format: value -> text.
        words: what the words' keys of its values begin with: ``"state "`` shows "done" as the
            words for "state done".
        optional: left out where no row has a value.
        hidden: for programs only.
    """

    key: str
    heading: str | Mapping[str, str]
    value: Callable[[Row], Any]
    format: Callable[[Any], str] = number
    words: str = ""
    optional: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class Cells:
    """A table as texts.

    Attributes:
        headings: one for each column.
        rows: one text for each column.
        numeric: whether a column holds no words, and is flush right.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[bool]


class Table(Generic[Row]):
    """The columns of a table, in order; `add` registers another one."""

    def __init__(self, *columns: Column[Row]) -> None:
        self.columns = list(columns)

    def add(self, *columns: Column[Row], after: str | None = None) -> Self:
        """Put in further columns, at the end or after the one with this key."""
        keys = [column.key for column in self.columns]
        place = len(keys) if after is None else keys.index(after) + 1
        self.columns[place:place] = columns
        return self

    def copy(self) -> "Table[Row]":
        """A table of the same columns, which can have more."""
        return Table(*self.columns)

    def show(self, rows: Iterable[Row], words: Words | None = None) -> Cells:
        """The cells for people, in English if no words are given."""
        words, rows = words or Words(), list(rows)
        headings, numeric, texts = [], [], []
        for column in self.columns:
            values = [column.value(row) for row in rows]
            empty = all(value is None for value in values)
            if column.hidden or (column.optional and empty):
                continue
            headings.append(words.heading(column.heading))
            numeric.append(
                not empty and all(isinstance(v, int | float | tuple | None) for v in values)
            )
            if column.words:
                values = [value and words.known(f"{column.words}{value}") for value in values]
            texts.append(
                [value if isinstance(value, str) else column.format(value) for value in values]
            )
        return Cells(headings, list(zip(*texts, strict=True)), numeric)

    def records(self, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """The values of all columns, by key."""
        return [{column.key: column.value(row) for column in self.columns} for row in rows]

    def csv(self, rows: Iterable[Row]) -> str:
        """The values of all columns, comma-separated, below their keys.

        No spreadsheet takes a text for a formula: one that might be has ``'`` in front.
        """
        keys = [column.key for column in self.columns]
        return csv_text(keys, ([column.value(row) for column in self.columns] for row in rows))


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows below a head, comma-separated; texts as `Table.csv` has them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([*map(_defused, row)] for row in (head, *rows))
    return text.getvalue()


def _defused(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def html(cells: Cells) -> str:
    """Cells as HTML; all text is escaped."""
    head = _row("th", cells.headings, cells.numeric)
    body = "".join(_row("td", row, cells.numeric) for row in cells.rows)
    return f'<div class="table"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _row(tag: str, texts: Sequence[str], numeric: Sequence[bool]) -> str:
    marks = (' class="n"' if flush else "" for flush in numeric)
    cells = (
        f"<{tag}{mark}>{escape(text)}</{tag}>" for mark, text in zip(marks, texts, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def markdown(cells: Cells) -> str:
    """Cells as a table of Markdown."""
    rule = ["---:" if flush else "---" for flush in cells.numeric]
    head, *rows = (map(inline, row) for row in (cells.headings, *cells.rows))
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


_LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\N{MINUS SIGN}": "$-$",
    "\N{EN DASH}": "--",
}
# Points in LaTeX's article: a line without the indent of a paragraph, what is between two columns.
_LINE, _BETWEEN, _LETTER = 330, 12, 5


def latex(cells: Cells) -> str:
    """Cells as LaTeX, for which a paper needs the package booktabs.

    What is wider than a line of the class article becomes several tables, one below the other,
    each with the columns that tell its rows apart.
    """
    columns = [*zip(cells.headings, *cells.rows, strict=True)]
    widths = [_BETWEEN + max(text_width(text, _LETTER) for text in texts) for texts in columns]
    rows, keys = [tuple(row) for row in cells.rows], 1
    while keys < len(columns) and len({row[:keys] for row in rows}) < len(rows):
        keys += 1
    parts = [list(range(keys))]
    for place in range(keys, len(columns)):
        if sum(widths[n] for n in [*parts[-1], place]) > _LINE and len(parts[-1]) > keys:
            parts.append(list(range(keys)))
        parts[-1].append(place)
    return "\n\\par\\medskip\n\n".join(_tabular(cells, part) for part in parts)


def _tabular(cells: Cells, columns: Sequence[int]) -> str:
    def line(row: Sequence[str]) -> str:
        texts = (" ".join(row[column].split()) for column in columns)
        return " & ".join("".join(_LATEX.get(c, c) for c in text) for text in texts) + r" \\"

    alignment = "".join("r" if cells.numeric[column] else "l" for column in columns)
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            line(cells.headings),
            r"\midrule",
            *map(line, cells.rows),
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )
