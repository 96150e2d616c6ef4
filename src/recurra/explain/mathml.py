"""The LaTeX of `recurra.explain.latex` as MathML, which browsers show by themselves.

Formulas are printed once, as LaTeX; this reads that text back, with the commands that our pages
use. A command that it does not know stands there as typed.
"""

import re
from html import escape

from recurra.explain.names import GREEK

_SIGNS = {
    **GREEK,
    "top": "⊤", "odot": "⊙", "cdot": "⋅", "otimes": "⊗", "times": "×", "circ": "∘", "pm": "±",
    "le": "≤", "ge": "≥", "ne": "≠", "sim": "∼", "in": "∈", "mid": "∣", "to": "→", "dots": "…",
    "partial": "∂", "infty": "∞", "lvert": "|", "rvert": "|", "lVert": "‖", "rVert": "‖",
    "{": "{", "}": "}", "_": "_", "%": "%",
}  # fmt: skip
_NAMES = {*GREEK, "infty", "_"}  # of these signs, those that are no operators
_FUNCTIONS = {"ln", "log", "exp", "max", "min", "sin", "cos", "tan", "sinh", "cosh", "tanh"}
_SPACES = {
    ",": "0.1667em", ":": "0.2222em", ";": "0.2778em", "!": "-0.1667em", " ": "0.25em",
    "quad": "1em", "qquad": "2em",
}  # fmt: skip
_SIZES = {"big": "1.2em", "Big": "1.8em", "bigg": "2.4em", "Bigg": "3em"}
_ACCENTS = {"bar": "¯", "overline": "¯", "hat": "^", "tilde": "~", "dot": "˙"}
_BOLD = str.maketrans("01", "𝟎𝟏")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
_SCRIPTS = ("^", "_", "'")
_ROW_ENDS = (r"\\", r"\end")


def mathml(latex: str, *, block: bool = False) -> str:
    """A formula as a ``math`` element.

    Args:
        latex: without dollar signs.
        block: displayed on lines of its own.
    """
    shown = ' display="block"' if block else ""
    return f"<math{shown}>{_Reader(latex).row()}</math>"


class _Reader:
    """Reads one formula, token by token."""

    def __init__(self, latex: str) -> None:
        self.tokens: list[str] = _TOKEN.findall(latex)
        self.at = 0

    def _peek(self) -> str:
        """The next token that is no white space; empty at the end."""
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self.at += 1
        return token

    def row(self, *ends: str) -> str:
        """Everything up to one of some tokens, which is not taken."""
        parts = []
        while (token := self._peek()) and token not in ends:
            parts.append(self._scripted())
        return "".join(parts)

    def _scripted(self) -> str:
        """An atom with what stands below and above it."""
        name = self._peek().removeprefix("\\")
        base = self._atom()
        below, above, primes = "", "", ""
        while (token := self._peek()) in _SCRIPTS:
            self.at += 1
            match token:
                case "_":
                    below = self._argument()
                case "^":
                    above = self._argument()
                case _:  # its sign stands high by itself
                    primes += '<mo lspace="0" rspace="0">′</mo>'
        limits = ("under", "underover") if name == "sum" else ("sub", "subsup")
        if below:
            tag = limits[bool(above)]
            base = f"<m{tag}>{base}{below}{above}</m{tag}>"
        elif above:
            base = f"<msup>{base}{above}</msup>"
        base += primes
        if name in _FUNCTIONS or name == "operatorname":
            base += "" if self._peek() in ("(", "", "}", ")", ",", r"\left") else _space(",")
        return base

    def _argument(self) -> str:
        """A group in braces, or one atom."""
        token = self._peek()
        if token.isdigit():  # of \\tfrac12 one digit each
            self.tokens[self.at : self.at + 1] = token
        if token != "{":
            return self._atom()
        self.at += 1
        inner = self.row("}")
        self.at += 1
        return f"<mrow>{inner}</mrow>"

    def _word(self) -> str:
        """The text of a group in braces, as typed."""
        if self._next() != "{":
            return self.tokens[self.at - 1]
        end = self.tokens.index("}", self.at)
        text = "".join(self.tokens[self.at : end]).replace(r"\_", "_")
        self.at = end + 1
        return text

    def _atom(self) -> str:
        token = self._next()
        if token == "{":
            self.at -= 1
            return self._argument()
        if token.startswith("\\"):
            return self._command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        if token in "()[]|":
            return f'<mo stretchy="false">{token}</mo>'
        return f"<mo>{escape(token.replace('-', '−'))}</mo>"

    def _command(self, name: str) -> str:
        match name:
            case "frac":
                return f"<mfrac>{self._argument()}{self._argument()}</mfrac>"
            case "tfrac":
                fraction = f"<mfrac>{self._argument()}{self._argument()}</mfrac>"
                return f'<mstyle displaystyle="false">{fraction}</mstyle>'
            case "sqrt":
                return f"<msqrt>{self._argument()}</msqrt>"
            case "sum":
                return "<mo>∑</mo>"
            case "operatorname":
                return _word(self._word())
            case "mathit":
                return f'<mi class="word">{escape(self._word())}</mi>'
            case "text" | "mathrm":
                return f"<mtext>{escape(self._word())}</mtext>"
            case "mathcal":
                return f"<mi>{escape(self._word().replace('L', 'ℒ'))}</mi>"
            case "mathbf":
                return f"<mn>{escape(self._word().translate(_BOLD))}</mn>"
            case "left" | "right":
                return f"<mo>{escape(self._delimiter())}</mo>"
            case "begin":
                return self._table(self._word())
        if name in _ACCENTS:
            return f'<mover accent="true">{self._argument()}<mo>{_ACCENTS[name]}</mo></mover>'
        if name in _SPACES:
            return _space(name)
        if name in _FUNCTIONS:
            return _word(name)
        if name.rstrip("lr") in _SIZES and name not in _SIGNS:
            size = _SIZES[name.rstrip("lr")]
            return f'<mo minsize="{size}" maxsize="{size}">{escape(self._delimiter())}</mo>'
        tag = "mi" if name in _NAMES else "mo"
        return f"<{tag}>{escape(_SIGNS.get(name, chr(92) + name))}</{tag}>"

    def _delimiter(self) -> str:
        token = self._next()
        return _SIGNS.get(token[1:], "") if token.startswith("\\") else token.replace(".", "")

    def _table(self, kind: str) -> str:
        """The rows of ``aligned`` or ``cases``, up to its end."""
        rows, cells = [], list[str]()
        while True:
            cells.append(f"<mtd>{self.row('&', *_ROW_ENDS)}</mtd>")
            end = self._next()
            if end == "&":
                continue
            rows.append(f"<mtr>{''.join(cells)}</mtr>")
            cells = []
            if end != _ROW_ENDS[0]:
                self._word()
                break
        table = f'<mtable class="{escape(kind)}" displaystyle="true">{"".join(rows)}</mtable>'
        return f"<mo>{{</mo>{table}" if kind == "cases" else table


def _word(text: str) -> str:
    return f"<mi>{escape(text)}</mi>" if len(text) > 1 else f'<mi mathvariant="normal">{text}</mi>'


def _space(name: str) -> str:
    return f'<mspace width="{_SPACES[name]}"/>'
