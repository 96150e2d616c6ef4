"""Formulas as LaTeX, with what amsmath, KaTeX and MathJax all know.

Time is a subscript, as in ``h_{t-1}``; the argument of a function has a bar (as in Greff
et al. 2017); the derivative of the loss by a quantity is a delta in front of it.
"""

import re
from collections.abc import Iterable, Sequence

from recurra.explain.derivation import Path, Step
from recurra.explain.formulas import (
    Apply,
    BlockNumbers,
    BlockTotals,
    Broadcast,
    Constant,
    Delta,
    Derivative,
    Dyad,
    Error,
    Extreme,
    Formula,
    Frozen,
    Hadamard,
    Join,
    Larger,
    Mask,
    MatrixVector,
    MemoryVector,
    Negative,
    Outer,
    Parameter,
    Part,
    Power,
    Quotient,
    RowDerivative,
    Sum,
    Total,
    Value,
    is_number,
    total,
)
from recurra.explain.names import GREEK, free, symbols
from recurra.lang.expansion import expand
from recurra.lang.network import Network
from recurra.lang.syntax import Notation

COMMANDS = {letter: rf"\{name}" for name, letter in GREEK.items()}
FUNCTION_NAMES = {"sigmoid": r"\sigma", "log": r"\ln"} | {
    name: rf"\{name}" for name in ("tanh", "exp", "sin", "cos", "max", "min")
}

PAGE = 66  # letters on a line, beside what stands before its equals sign

# How tightly a formula binds: a sum, a matrix product, an element-wise product, a single thing.
_SUM, _PRODUCT, _HADAMARD, _ATOM = range(4)


def tex(name: str) -> str:
    """A name as LaTeX: letters, Greek ones, words; words of any other script as text."""
    return "".join(map(_word, re.findall(r"[_,]|[^_,]+", name)))


def _word(text: str) -> str:
    if text == "_":
        return r"\_"
    if text in COMMANDS:
        return COMMANDS[text]
    if re.fullmatch(r"[A-Za-z]?\d*|,", text):
        return text
    return rf"\mathit{{{text}}}" if text.isascii() else rf"\text{{{text}}}"


class Latex(Notation):
    """Writes the formulas of one network, and its equations as typed."""

    product, transposed = r"\,", r"^\top"
    times, scaled = r" \odot ", r"\,"

    def __init__(self, network: Network) -> None:
        self.network = network = expand(network)
        taken = symbols(network)
        self.symbols = {name: (tex(letter), tex(below)) for name, (letter, below) in taken.items()}
        self.steps = tex(free(taken, "T", "N", "τ", "n"))
        self.target = tex(free(taken, "y", "k", "next"))
        self.probabilities = tex(free(taken, "p", "q", "π"))
        self.head = tex(free(taken, "H", "L", "S", "head"))
        self.mask = tex(free(taken, "m", "μ", "mask"))
        self.delta = tex(free(taken, "δ", "d", "grad"))

    def name(self, name: str) -> str:
        """A parameter, function or number of the equations."""
        if name in self.symbols:
            letter, below = self.symbols[name]
            return _below(letter, below)
        return FUNCTION_NAMES.get(name, rf"\operatorname{{{name}}}")

    def number(self, value: float) -> str:
        """A constant."""
        mantissa, _, exponent = super().number(value).partition("e")
        power = rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
        return power.removeprefix(r"1 \cdot ")

    def vector(self, name: str, lag: int) -> str:
        """A vector of the equations."""
        return self.quantity(name, lag)

    def function(self, name: str) -> str:
        """A function of the equations."""
        return self.name(name)

    def power(self, base: str, exponent: str) -> str:
        """A power; braces, since the base may have something above itself."""
        return f"{{{base}}}^{{{exponent}}}"

    def quantity(self, quantity: str, lag: int, above: str = "") -> str:
        """A quantity at a time; ``above`` goes to its upper right."""
        vector, _, number = quantity.partition(".")
        letter, below = self.symbols[vector]
        if number:
            letter = rf"\bar {letter}" if len(letter) == 1 else rf"\overline{{{letter}}}"
        if number not in ("", "1"):
            above = f"[{number}]{above}"
        time = _time(lag)
        text = _below(letter, f"{below},{time}" if below else time)
        return rf"{text}^{{{above}}}" if above else text

    def first(self, quantity: str) -> str:
        """A quantity before the text."""
        return self.quantity(quantity, 0).replace("t}", "0}")

    def entry(self, quantity: str, index: str) -> str:
        """One entry of a quantity at time t."""
        before, _, behind = self.quantity(quantity, 0).rpartition("t}")
        return f"{before}t,{index}}}{behind}"

    def of_loss(self, quantity: str, lag: int = 0) -> str:
        """The derivative of the loss by a quantity."""
        return f"{self.delta} {self.quantity(quantity, lag)}"

    def formula(self, formula: Formula, level: int = _SUM) -> str:
        """A formula, in parentheses if it binds less tightly than ``level``."""
        text, own = self._bound(formula)
        return _in_parentheses(text) if own < level else text

    def _bound(self, formula: Formula) -> tuple[str, int]:
        match formula:
            case Constant(value, name):
                text = self.name(name) if name else self.number(value)
                return text, _ATOM if name or value >= 0 else _SUM
            case Value(quantity, lag):
                return self.quantity(quantity, lag), _ATOM
            case Frozen(quantity):
                return self.quantity(quantity, 0).replace("t}", "k}"), _ATOM
            case Delta(quantity, lag):
                return self.of_loss(quantity, lag), _ATOM
            case Error():
                output = self.quantity(self.network.output.name, 0)
                probabilities = f"{self.probabilities}_t" if self.network.shortlist else output
                return f"{probabilities} - {self.target}_t", _SUM
            case Mask(number, lag):
                return f"{self.mask}^{{[{number}]}}_{{{_time(lag)}}}", _ATOM
            case Parameter(name):
                return self.name(name), _ATOM
            case Sum(terms):
                return self._sum(terms), _SUM
            case Negative(argument):
                return f"-{self.formula(argument, _PRODUCT)}", _SUM
            case Hadamard(left, right):
                return self._hadamard(left, right)
            case Quotient(left, right):
                return rf"\frac{{{self.formula(left)}}}{{{self.formula(right)}}}", _ATOM
            case MatrixVector(matrix, transposed, operand):
                above = r"^\top" if transposed else ""
                chain = _PRODUCT if isinstance(operand, MatrixVector) else _ATOM
                return rf"{self.name(matrix)}{above}\,{self.formula(operand, chain)}", _PRODUCT
            case Apply(function, argument, heads):
                called = _below(self.name(function), f"{heads}" if heads else "")
                return f"{called}{_in_parentheses(self.formula(argument))}", _ATOM
            case Extreme(function, left, right):
                pair = f"{self.formula(left)},\\, {self.formula(right)}"
                return f"{self.name(function)}{_in_parentheses(pair)}", _ATOM
            case Larger(left, right):
                return f"[{self.formula(left)} > {self.formula(right)}]", _ATOM
            case Power(base, exponent):
                return self.power(self.formula(base, _ATOM), self.formula(exponent)), _ATOM
            case Derivative(function, argument):
                return f"{self.name(function)}'{_in_parentheses(self.formula(argument))}", _ATOM
            case RowDerivative(function, argument, vector, heads):
                called = _below(self.name(function), f"{heads}" if heads else "")
                derivative = rf"{called}'{_in_parentheses(self.formula(argument))}"
                chain = (
                    _PRODUCT
                    if isinstance(vector, MatrixVector | MemoryVector | RowDerivative)
                    else _ATOM
                )
                return rf"{derivative}\,{self.formula(vector, chain)}", _PRODUCT
            case Total(argument, mean):
                inner = _in_parentheses(self.formula(argument))
                return f"{self.name('mean' if mean else 'sum')}{inner}", _ATOM
            case BlockTotals(argument):
                inner = _in_parentheses(self.formula(argument))
                return rf"{self.name('sum')}_{{\text{{block}}}}{inner}", _ATOM
            case BlockNumbers(vector):
                return self._bound(vector)
            case Broadcast(number, _, mean):
                ones = r"\tfrac{1}{n} \mathbf{1}" if mean else r"\mathbf{1}"
                return rf"{ones}\,{self.formula(number, _ATOM)}", _PRODUCT
            case Dyad(left, right):
                column = r"\mathbf{1}" if is_number(left) else self.formula(left, _ATOM)
                row = r"\mathbf{1}^\top" if is_number(right) else self._row(right)
                return rf"{column}\,{row}", _PRODUCT
            case MemoryVector(matrix, transposed, operand):
                column = r"\mathbf{1}" if is_number(operand) else self.formula(operand, _ATOM)
                if transposed:
                    row = rf"({self.formula(matrix)})^\top"
                    row = self._row(matrix) if isinstance(matrix, Value) else row
                    return rf"{row}\,{column}", _PRODUCT
                return rf"{self.formula(matrix, _ATOM)}\,{column}", _PRODUCT
            case Join(vectors):
                listed = r",\, ".join(self.formula(one) for one in vectors)
                return f"{self.name('concat')}({listed})", _ATOM
            case Part(vector, _, own):
                return rf"[{self.formula(vector)}]_{{{self.formula(own)}}}", _ATOM
            case Outer(left, right):
                return rf"{self.formula(left, _ATOM)}\,{self._row(right)}", _PRODUCT

    def _sum(self, terms: Iterable[Formula]) -> str:
        return _unsigned("".join(self._terms(terms)))

    def _terms(self, terms: Iterable[Formula]) -> list[str]:
        """Terms of a sum, each with its sign in front; those of a sum inside of it are its own."""
        found: list[str] = []
        for term in terms:
            if isinstance(term, Negative):
                found.append(f" - {self.formula(term.argument, _PRODUCT)}")
            elif isinstance(term, Sum):
                found += self._terms(term.terms)
            else:
                # only a minus that begins the whole needs no parentheses
                inner = self.formula(term, _PRODUCT if found else _SUM)
                found.append(f" + {inner}".replace(" + -", " - ", 1))
        return found

    def _hadamard(self, left: Formula, right: Formula) -> tuple[str, int]:
        if is_number(right) and not is_number(left):
            left, right = right, left
        if is_number(left):
            text, own = self._bound(right)
            if own == _SUM:
                text, own = _in_parentheses(text), _ATOM
            sign = r" \cdot " if is_number(right) else r"\,"
            return f"{self.formula(left, _ATOM)}{sign}{text}", own
        factors = self.formula(left, _HADAMARD), self.formula(right, _HADAMARD)
        return r" \odot ".join(factors), _HADAMARD

    def _row(self, formula: Formula) -> str:
        if isinstance(formula, Value):
            return self.quantity(formula.quantity, formula.lag, r"\top")
        text = self.formula(formula, _ATOM)
        if "^" in text and not text.endswith(")"):  # nothing has two superscripts
            text = _in_parentheses(text)
        return rf"{text}^\top"

    def step(self, step: Step) -> str:
        """``quantity = formula``, aligned at the sign."""
        return f"{self.quantity(step.quantity, 0)} {_lines(self._terms([step.formula]))}"

    def chain(self, quantity: str, paths: Iterable[Path]) -> str:
        """The chain rule for a quantity, then what its paths add."""
        read, rules = self.quantity(quantity, 0), list[str]()
        paths = list(paths)
        for path in paths:
            reader = self.quantity(path.reader, -path.lag)
            jacobian = rf"\Bigl(\frac{{\partial {reader}}}{{\partial {read}}}\Bigr)^{{\!\top}}"
            rules.append(rf" + {jacobian} {self.of_loss(path.reader, -path.lag)}")
        results = self._terms(path.formula for path in paths)
        return f"{self.of_loss(quantity)} {_lines(rules)} \\\\\n{_lines(results)}"

    def delta_line(self, quantity: str, paths: Iterable[Path]) -> str:
        """A delta and what it comes to."""
        return f"{self.of_loss(quantity)} {_lines(self._terms(path.formula for path in paths))}"

    def gradient(self, parameter: str, paths: Iterable[Path]) -> str:
        """The gradient of a parameter: the sum over time of its paths."""
        formula = total([path.formula for path in paths])
        of = rf"\frac{{\partial \mathcal{{L}}}}{{\partial {self.name(parameter)}}}"
        sign = rf"&= \sum_{{t=1}}^{{{self.steps}}} "
        if self._bound(formula)[1] != _SUM:
            return f"{of} {sign}{self.formula(formula)}"
        lines = _lines(self._terms([formula]), rf"{sign}\Bigl(")
        return rf"{of} {lines}\Bigr)"


def _unsigned(text: str) -> str:
    """A sum without the plus in front of it."""
    return text.removeprefix(" + ").strip()


def _lines(terms: Iterable[str], sign: str = "&= ") -> str:
    """Terms of a sum with their signs on as few lines as fit a page, behind a sign."""
    first, *rest = terms
    lines = [sign + _unsigned(first)]
    for term in rest:
        if width(lines[-1] + term) > PAGE:
            lines.append(rf"&\quad {term.strip()}")
        else:
            lines[-1] += term
    return " \\\\\n".join(lines)


def width(latex: str) -> int:
    """About how wide a formula is, in letters of average width."""
    bare = re.sub(r"\\(operatorname|mathit|text|frac|[Bb]igg?[lr]|[,!])|[{}^_&]", "", latex)
    letters = re.sub(r"\\\w+", "x", bare)
    return len(letters) - letters.count(" ") // 2


def aligned(lines: Iterable[str]) -> str:
    """Lines with one ``&`` each as a displayed equation."""
    body = " \\\\\n".join(lines)
    return f"$$\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n$$"


def beside(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Pairs of formulas in two columns, or below one another where these are wider than a page.

    The first of a pair may be empty.
    """
    if sum(max(map(width, column)) for column in zip(*pairs, strict=True)) <= PAGE:
        return [f"{first or '&'} & {second}" for first, second in pairs]
    return [formula for pair in pairs for formula in pair if formula]


def _time(lag: int) -> str:
    return f"t-{lag}" if lag > 0 else f"t+{-lag}" if lag < 0 else "t"


def _below(letter: str, below: str) -> str:
    return rf"{letter}_{{{below}}}" if below else letter


def _in_parentheses(text: str) -> str:
    # tall formulas need tall parentheses
    return rf"\left({text}\right)" if r"\frac" in text else f"({text})"
