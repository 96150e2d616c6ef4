"""Equations as on paper: ``a[t] = f1(W @ a[t-1] + s1)`` with italics, subscripts and no ``@``."""

import re

from recurra.view import escape

_TOKEN = re.compile(
    r"(?P<vector>[^\W\d_]\w*)\[t(?:-(?P<lag>\d+))?\]"
    r"|(?P<name>[^\W\d_]\w*?)(?P<index>\d*)(?P<transposed>\.T)?(?!\w)"
    r"|(?P<sign>[-*@])"
    r"|(?P<other>\s+|.)",
    re.DOTALL,
)
_SIGNS = {"-": "−", "*": "⊙", "@": ""}


def typeset(source: str) -> str:
    """The canonical text of a network as lines of HTML; its comments are left out."""
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
    return f'<div class="equations">{"".join(f"<div>{_line(line)}</div>" for line in lines)}</div>'


def _line(line: str) -> str:
    return "".join(_typeset(token) for token in _TOKEN.finditer(line)).replace("  ", " ")


def _typeset(token: re.Match[str]) -> str:
    if vector := token["vector"]:
        lag = f"−{token['lag']}" if token["lag"] else ""
        return f"<b><i>{escape(vector)}</i></b><sub><i>t</i>{lag}</sub>"
    if name := token["name"]:
        index = f"<sub>{token['index']}</sub>" if token["index"] else ""
        transposed = "<sup>⊤</sup>" if token["transposed"] else ""
        # a word is a function; a letter, perhaps with a second, is a matrix, a bias or a choice
        if len(name) > 2:
            return f"{escape(name)}{index}{transposed}"
        second = f"<sub><i>{name[1]}</i></sub>" if len(name) == 2 else ""
        return f"<i>{name[0]}</i>{second}{index}{transposed}"
    if sign := token["sign"]:
        return _SIGNS[sign]
    return escape(token["other"])
