"""Network -> the graph of one time step: circles, operators and the arrows between them.

An arrow carries what a vector goes through on its way: matrices, numbers, inner functions. Arrows
that meet in a circle add up, then the circle's function applies. Where vectors are multiplied, or
a sum goes through something further, an operator of its own stands between. Biases and
dropout are not drawn.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from recurra.explain.names import Symbol
from recurra.explain.notation import FUNCTION_LETTERS, Letters
from recurra.lang import syntax
from recurra.lang.network import Network
from recurra.lang.syntax import CHARACTER, Expression, Vector, show, walk

TIMES, PLUS, DIVIDE, JOIN, DYAD, READ = "⊙", "+", "÷", "‖", "⊗", "@"
LETTER, WORD, SMALL = 12.0, 8.0, 6.5  # widths of a label's characters


@dataclass(frozen=True)
class Mark:
    """One sign of an arrow's label: a letter, below it a subscript, above it a ``T`` or nothing."""

    letter: str
    below: str = ""
    above: str = ""


def label_width(marks: Iterable[Mark]) -> float:
    """How wide a label is."""
    letters = sum(LETTER if len(m.letter) == 1 else WORD * len(m.letter) for m in marks)
    return letters + SMALL * sum(max(len(m.below), len(m.above)) for m in marks)


@dataclass(frozen=True)
class Arrow:
    """From a node ``lag`` time steps ago to a node of this time step.

    Attributes:
        source: a vector's name, or an operator's.
        target: the same.
        lag: how many steps earlier the source is.
        label: what the vector goes through, the last first, as on paper.
    """

    source: str
    target: str
    lag: int
    label: tuple[Mark, ...]


@dataclass(frozen=True)
class Graph:
    """The nodes and arrows of one time step.

    Attributes:
        vectors: names of the circles, from the character to the output.
        operators: name of a small node -> its sign.
        arrows: all arrows that end in this time step.
        symbols: name -> letter and subscript.
    """

    vectors: tuple[str, ...]
    operators: dict[str, str]
    arrows: tuple[Arrow, ...]
    symbols: dict[str, Symbol]

    @property
    def nodes(self) -> tuple[str, ...]:
        """All names: vectors, then operators."""
        return (*self.vectors, *self.operators)


def make_graph(network: Network) -> Graph:
    """The graph of a network's time step."""
    drawing = _Drawing(network)
    equations = (*network.equations, network.output)
    for equation in equations:
        expression = equation.expression
        if isinstance(expression, syntax.Call):  # the circle stands for its outer function
            expression = expression.argument
        drawing.draw(expression, equation.name, ())
    vectors = (CHARACTER, *(equation.name for equation in equations))
    # two equal arrows are one
    arrows = tuple(dict.fromkeys(drawing.arrows))
    return Graph(vectors, drawing.operators, arrows, drawing.symbols)


class _Drawing:
    """Draws expressions towards their targets."""

    def __init__(self, network: Network) -> None:
        self.letters = Letters(network)
        self.symbols = self.letters.symbols
        self.arrows: list[Arrow] = []
        self.operators: dict[str, str] = {}
        self.numbers = count(1)

    def draw(self, expression: Expression, target: str, label: tuple[Mark, ...]) -> None:
        """Every arrow of an expression to a target, through what the label says."""
        match expression:
            case Vector(name, lag):
                self.arrows.append(Arrow(name, target, lag, label))
            case syntax.Product(matrix, transposed, operand):
                self.draw(operand, target, (*label, self._mark(matrix, "T" * transposed)))
            case syntax.Call(function, argument):
                self.draw(argument, target, (*label, self._mark(function)))
            case syntax.Dropout(argument):
                self.draw(argument, target, label)
            case syntax.MemoryProduct(memory, transposed, operand):
                target = self._operator(READ, target, label)
                self.draw(memory, target, (Mark("(·)", above="T"),) if transposed else ())
                self.draw(operand, target, ())
            case syntax.Outer(left, right) if _moves(left) and _moves(right):
                target = self._operator(DYAD, target, label)
                self.draw(left, target, ())
                self.draw(right, target, (Mark("(·)", above="T"),))
            case syntax.Outer(left, right):
                self.draw(left if _moves(left) else right, target, label)
            case syntax.Concat(vectors):
                target = self._operator(JOIN, target, label)
                for one in vectors:
                    self.draw(one, target, ())
            case syntax.Negative(argument):
                self.draw(argument, target, (*label, Mark("−")))
            case syntax.Binary(operator, left, right):
                if _moves(left) and _moves(right):
                    self._join(operator, left, right, target, label)
                    return
                if label and operator in "+-" and syntax.Number in (type(left), type(right)):
                    # 1 / (1 + h[t]): the sum is a node, or the label would read 1 / 1 + h
                    target, label = self._operator(PLUS, target, label), ()
                if _moves(left):
                    self.draw(left, target, (*label, *self._behind(operator, right)))
                elif _moves(right):
                    self.draw(right, target, (*label, *self._before(operator, left)))

    def _join(
        self,
        operator: str,
        left: Expression,
        right: Expression,
        target: str,
        label: tuple[Mark, ...],
    ) -> None:
        """Two branches meet: in the target itself if it does just that, else in an operator."""
        sign = {"*": TIMES, "/": DIVIDE, "max": "max", "min": "min"}.get(operator, PLUS)
        if label or self.operators.get(target, PLUS) != sign or sign not in (PLUS, TIMES):
            target = self._operator(sign, target, label)
        self.draw(left, target, ())
        self.draw(right, target, {"-": (Mark("−"),), "/": (Mark("1/"),)}.get(operator, ()))

    def _operator(self, sign: str, target: str, label: tuple[Mark, ...]) -> str:
        name = f"{sign}{next(self.numbers)}"
        self.operators[name] = sign
        self.arrows.append(Arrow(name, target, 0, label))
        return name

    def _before(self, operator: str, left: Expression) -> tuple[Mark, ...]:
        """A factor, or a number that something is taken from or added to, before a vector."""
        match operator, left:
            case "*", syntax.Bias(name):
                return (self._mark(name), Mark(TIMES))
            case "*", _:
                return (self._factor(left),)
            case "/", _:
                return (self._factor(left), Mark("/"))
            case (("max" | "min" as name), _):
                return (Mark(f"{name}("), self._factor(left), Mark(",·)"))
            case _, syntax.Bias():
                return (Mark("−"),) if operator == "-" else ()
        return (self._factor(left), Mark("−" if operator == "-" else "+"))

    def _behind(self, operator: str, right: Expression) -> tuple[Mark, ...]:
        """The same behind a vector; the label still stands before it: h - 1 is -1 + h."""
        match operator, right:
            case (("*" | "max" | "min"), _):
                return self._before(operator, right)
            case "**", _:
                return (Mark("(·)", above=self._factor(right).letter),)
            case "/", _:
                return (Mark("1/"), self._factor(right))
            case _, syntax.Bias():
                return ()
        sign = (Mark("−"),) if operator == "-" else ()
        return (*sign, self._factor(right), Mark("+"))

    def _factor(self, expression: Expression) -> Mark:
        if isinstance(expression, syntax.Number | syntax.Bias) and expression.name:
            return self._mark(expression.name)
        letter = show(expression, 4, self.letters).replace(" ", "")
        mantissa, scaled, exponent = letter.partition("e")
        if isinstance(expression, syntax.Number) and scaled:
            power = exponent.removeprefix("+").replace("−0", "−")
            return Mark(f"{mantissa}·10".removeprefix("1·"), above=power)
        return Mark(letter)

    def _mark(self, name: str, above: str = "") -> Mark:
        letter, below = self.symbols.get(name, (FUNCTION_LETTERS.get(name, name), ""))
        return Mark(letter, below, above)


def _moves(expression: Expression) -> bool:
    """Whether an expression changes over time: it holds a vector."""
    return any(isinstance(node, Vector) for node in walk(expression))
