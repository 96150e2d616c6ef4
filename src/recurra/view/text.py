"""Text that is shown where some characters would command: a terminal, a page's source."""

import re

# Control characters but line breaks and tabs; what turns the direction of text; lone surrogates.
_HIDDEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text with escapes such as ``\x1b`` for characters that would command a terminal."""
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
