"""Frame of a card: a heading and its parts, with a style of their own."""

from collections.abc import Sequence

from recurra.view import escape

_STYLE = (
    "border:1px solid #e1e4e9;border-top:4px solid #0072b2;border-radius:6px;"
    "padding:.6em 1em;max-width:60em"
)


def card(heading: str, parts: Sequence[str]) -> str:
    """A framed block.

    Args:
        heading: text.
        parts: HTML, one below the other.
    """
    body = "".join(f'<div style="margin:.5em 0">{part}</div>' for part in parts if part)
    return f'<div style="{_STYLE}"><b>{escape(heading)}</b>{body}</div>'


def paragraph(text: str, *, strong: bool = False) -> str:
    """A line of text."""
    return f"<b>{escape(text)}</b>" if strong else f"<span>{escape(text)}</span>"
