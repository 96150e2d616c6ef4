"""The licence that Project Gutenberg puts around a text, in English whatever the text is."""

import re

_START, _END = (
    re.compile(rf"^\*\*\* ?{word} OF TH(E|IS) PROJECT GUTENBERG EBOOK.*$", re.MULTILINE)
    for word in ("START", "END")
)


def has_frame(text: str) -> bool:
    """Whether the licence begins or ends in a text."""
    return "***" in text and bool(_START.search(text) or _END.search(text))


def without_frame(text: str) -> str:
    """The text between the two marks; from its beginning, or to its end, where one is missing."""
    if not has_frame(text):
        return text
    start, end = _START.search(text), _END.search(text)
    return text[start.end() if start else 0 : end.start() if end else len(text)].strip() + "\n"
