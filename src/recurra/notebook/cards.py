"""Frame of a card: a heading and its parts, with a style of their own."""

from collections.abc import Sequence
from html import escape

from recurra.view import palette


def card(heading: str, parts: Sequence[str]) -> str:
    """A framed block.

    Args:
        heading: text.
        parts: HTML, one below the other.
    """
    body = "".join(f'<div style="margin:.5em 0">{part}</div>' for part in parts if part)
    style = (
        f"border:1px solid {palette.RULE};border-top:4px solid {palette.series(0)};"
        "border-radius:6px;padding:.6em 1em;max-width:60em"
    )
    return f'<div style="{style}"><b>{escape(heading)}</b>{body}</div>'


def paragraph(text: str, *, strong: bool = False) -> str:
    """A line of text."""
    return f"<b>{escape(text)}</b>" if strong else f"<span>{escape(text)}</span>"
