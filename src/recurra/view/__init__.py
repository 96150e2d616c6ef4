"""Plain data as HTML: tables, equations, figures. Nothing here knows networks or runs.

All text is escaped; nothing refers to anything outside of the page.
"""

from collections.abc import Iterable, Sequence
from html import escape as escape

DASH = "–"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; columns of numbers are flush right.

    Args:
        columns: headings, text.
        rows: text, or numbers that are shown as `number` does.
    """
    rows = list(rows)
    numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    head = _row("th", columns, numeric)
    body = "".join(_row("td", list(map(number, row)), numeric) for row in rows)
    return f'<div class="table"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _row(tag: str, texts: Sequence[str], numeric: Sequence[bool]) -> str:
    cells = [
        f'<{tag} class="n">{escape(text)}</{tag}>' if flush else f"<{tag}>{escape(text)}</{tag}>"
        for text, flush in zip(texts, numeric, strict=True)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value.replace(",", "").replace(".", "").isdecimal()
    return value is None or isinstance(value, int | float)


def number(value: object) -> str:
    """A cell's text: whole numbers with thousands marked, others with three digits that count."""
    match value:
        case None:
            return DASH
        case bool():
            return str(value).lower()
        case int():
            return f"{value:,}"
        case float() if value != value or abs(value) == float("inf"):
            return DASH
        case float() if abs(value) >= 1000.0:
            return f"{value:,.0f}"
        case float():
            return f"{value:.3f}" if abs(value) >= 0.1 or value == 0.0 else f"{value:.3g}"
    return str(value)
