"""Equations as on paper: the tree of `recurra.lang.syntax` in HTML, and in letters for diagrams."""

from html import escape

from recurra.explain.names import symbols
from recurra.lang.network import Network
from recurra.lang.syntax import Notation, show

FUNCTION_LETTERS = {"sigmoid": "σ"}


class Html(Notation):
    """Letters in italics, vectors bold, functions upright."""

    minus, product, transposed = "−", " ", "<sup>⊤</sup>"
    times, scaled = " ⊙ ", " · "

    def __init__(self, network: Network) -> None:
        self.symbols = symbols(network)

    def number(self, value: float) -> str:
        """A constant, with a true minus and a power of ten."""
        mantissa, _, exponent = super().number(value).partition("e")
        if exponent:
            mantissa += f"{self.scaled}10<sup>{int(exponent)}</sup>"
        return mantissa.removeprefix(f"1{self.scaled}").replace("-", self.minus)

    def name(self, name: str) -> str:
        """A letter and its subscript."""
        letter, below = map(escape, self.symbols[name])
        return f"<i>{letter}</i><sub>{below}</sub>" if below else f"<i>{letter}</i>"

    def vector(self, name: str, lag: int) -> str:
        """A bold letter, with the time as a subscript."""
        return self._bold(name, f"<i>t</i>{self.minus}{lag}" if lag else "<i>t</i>")

    def first(self, name: str) -> str:
        """A vector before the text."""
        return self._bold(name, "0")

    def _bold(self, name: str, time: str) -> str:
        letter, below = map(escape, self.symbols[name])
        return f"<b><i>{letter}</i></b><sub>{below}{',' if below else ''}{time}</sub>"

    def function(self, name: str) -> str:
        """A word, or the letter of a choice."""
        return self.name(name) if name in self.symbols else escape(name)

    def power(self, base: str, exponent: str) -> str:
        """The exponent above."""
        return f"{base}<sup>{exponent}</sup>"


class Letters(Notation):
    """Plain text with true signs and Greek letters."""

    minus, product, transposed = "−", "", "ᵀ"
    plus, divide, times, scaled = "+", "/", "⊙", "·"

    def __init__(self, network: Network) -> None:
        self.symbols = symbols(network)

    def name(self, name: str) -> str:
        """A letter with what follows it."""
        return "".join(self.symbols[name])

    def number(self, value: float) -> str:
        """A constant, with a true minus."""
        return super().number(value).replace("-", self.minus)

    def function(self, name: str) -> str:
        """A word, the letter of a choice, or a Greek one."""
        return self.name(name) if name in self.symbols else FUNCTION_LETTERS.get(name, name)

    def power(self, base: str, exponent: str) -> str:
        """A power in one line."""
        return f"{base}^{exponent}"


def typeset(network: Network) -> str:
    """A network's equations, choices and initialisers as lines of HTML."""
    signs = Html(network)
    lines = [f"{signs.name(name)} = {escape(said)}" for name, said in network.functions.items()]
    lines += [f"{signs.name(n)} = {signs.number(value)}" for n, value in network.constants.items()]
    for equation in network.equations:
        right = show(equation.expression, signs=signs)
        lines.append(f"{signs.vector(equation.name, 0)} = {right}")
    choice = f", {show(network.shortlist, signs=signs)}" if network.shortlist else ""
    logits = show(network.output.expression, signs=signs)
    lines.append(f"{signs.vector(network.output.name, 0)} = softmax({logits}{choice})")
    for name, value in network.first.items():
        lines.append(f"{signs.first(name)} = {show(value, signs=signs)}")
    lines += [f"{signs.name(name)}: {escape(said)}" for name, said in network.starts.items()]
    return f'<div class="equations">{"".join(f"<div>{line}</div>" for line in lines)}</div>'
