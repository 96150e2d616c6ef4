"""Text inside Markdown: what stands in a name, a comment or a text stays text."""

import re

from recurra.view.text import visible

_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "$": "&#36;"}


def inline(text: str) -> str:
    """A text within a line: no markup, no HTML, no formula, no line break."""
    text = visible(" ".join(text.split()))
    text = re.sub(r"[\\`*_{|~]|\](?=[(\[:])", r"\\\g<0>", text)
    text = re.sub(r"[<>&$]", lambda found: _ENTITIES[found[0]], text)
    return re.sub(r"^(\d*)([-+=#]|[.)] )", r"\1\\\2", text)


def code(text: str, language: str = "text") -> str:
    """A block of code whose fence is longer than any in the text."""
    runs = re.findall("`{3,}", text)
    fence = "`" * max([3, *(len(run) + 1 for run in runs)])
    return f"{fence}{language}\n{visible(text.rstrip())}\n{fence}"
