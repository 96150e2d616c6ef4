"""Frames of Project Gutenberg: its licence, in English, before and after a text in any language."""

import re

_EBOOK = r"^\*\*\* ?{} OF TH(?:E|IS) PROJECT GUTENBERG EBOOK[^*]*\*\*\*\n*"
_START, _END = (re.compile(_EBOOK.format(word), re.MULTILINE) for word in ("START", "END"))


def without_licence(text: str) -> str:
    """The text between the marks of Project Gutenberg; all of it, if it has none."""
    start, end = _START.search(text), _END.search(text)
    return text[start.end() if start else 0 : end.start() if end else len(text)]
