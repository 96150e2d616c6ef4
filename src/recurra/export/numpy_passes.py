"""Forward and backward pass of one network as lines of a NumPy program."""

import re
from collections.abc import Iterable

from recurra.explain.derivation import Step
from recurra.explain.formulas import (
    Delta,
    Formula,
    Hadamard,
    Mask,
    Outer,
    Sum,
    Value,
    walk,
)
from recurra.export.base import Export
from recurra.export.names import Names
from recurra.export.numpy_formulas import RESERVED, NumpyText
from recurra.export.sizes import Sides, indented
from recurra.export.steps import program_steps, reads_character
from recurra.export.typed_formulas import TypedText
from recurra.export.words import word

# Names of a program that stand beside those of the equations in its two passes.
FIXED = (
    "np", "log_softmax", "log_probabilities", "error", "columns", "rows", "dropout", "H", "LISTED",
    "_",
)  # fmt: skip


class Passes:
    """Writes the passes of one network."""

    def __init__(self, export: Export) -> None:
        self.export, self.network, self.recipe = export, export.network, export.recipe
        self.steps = program_steps(self.network)
        names = Names([*FIXED, *RESERVED])
        self.numpy = NumpyText(self.steps, names)
        self.sides = Sides(self.network, self.recipe)
        self.shapes = self.sides.shapes
        self.p, self.state, self.y = names.take("p"), names.take("state"), names.take("y")
        self.logp, self.series = names.take("logp"), names.take("series")
        self.streams, self.end = names.take("streams"), names.take("end")
        self.rng, self.after = names.take("rng"), names.take("after")
        self.lags = self.steps.lags
        self.kept = [step.quantity for step in self.steps.forward[:-1]]
        self.logits = self.steps.forward[-1].quantity

    def word(self, key: str, **values: object) -> str:
        """A comment in the language of the program."""
        return word(key, self.export.language, **values)

    def function(
        self, name: str, arguments: str, what: str, body: Iterable[str], **values: object
    ) -> str:
        """A function with its docstring."""
        docstring = f'"""{self.word(what, **values)}"""'.splitlines()
        return "\n".join([f"def {name}({arguments}):", *indented([*docstring, *body])])

    def forward(self) -> str:
        """Write ``forward(p, x, state)``."""
        n, t = self.numpy, self.numpy.time
        lines = [f"{self.logp} = {{}}"]
        lines += [
            f"{n.quantities[q]} = " + (f'dict({self.state}["{q}"])' if q in self.lags else "{}")
            for q in self.kept
        ]
        lines += [f"{mask} = {{}}" for mask in n.masks]
        if self.network.shortlist:
            lines.append(f"{n.quantities[self.logits]} = {{}}")
        loop = [line for step in self.steps.forward for line in self._line(step)]
        if any(self.streams in line for line in loop):
            lines.append(f"{self.streams} = len({n.character}[0])")
        lines += [f"for {t} in range(len({n.character})):", *indented(loop)]
        lines += [f"{self.end} = len({n.character})"] * bool(self.lags) + [f"{self.after} = {{"]
        for quantity, lag in self.lags.items():
            name = n.quantities[quantity]
            past = ", ".join(f"{-k}: {name}[{self.end} - {k}]" for k in range(1, lag + 1))
            lines.append(f'    "{quantity}": {{{past}}},')
        lines += ["}", f"return {self.logp}, {_tuple(self._series())}, {self.after}"]
        arguments = f"{self.p}, {n.character}, {self.state}" + f", {self.rng}=None" * bool(n.masks)
        return self.function("forward", arguments, "forward", [*self._unpack(lines), *lines])

    def _line(self, step: Step) -> list[str]:
        """The line that computes a quantity, and before it those that draw its masks."""
        n, quantity, formula = self.numpy, step.quantity, step.formula
        lines = []
        for mask in (node for node in walk(formula) if isinstance(node, Mask)):
            rate = self.steps.rates[mask.number - 1]
            rate = self.recipe.dropout if rate is None else rate
            shape = self.shape(_dropped(formula, mask))
            name = n.moment(n.masks[mask.number - 1], 0)
            lines.append(f"{name} = dropout({rate:g}, {shape}, {self.rng})")
        text = n.text(formula)
        if quantity == self.logits:
            if not self.network.shortlist:
                return [*lines, f"{n.moment(self.logp, 0)} = log_softmax({text})"]
            scores = n.at(quantity, 0)
            return [
                *lines,
                f"{scores} = {text}",
                f"{n.moment(self.logp, 0)} = log_probabilities({scores})",
            ]
        if self.steps.is_narrow(step, self.shapes):  # each stream has its own column
            text = f"{text} + np.zeros({self.shape(Value(quantity, 0))})"
        return [*lines, f"{n.at(quantity, 0)} = {text}"]

    def shape(self, formula: Formula) -> str:
        """The shape of what a formula gives, a column for each stream."""
        sides = map(self.sides.side, self.steps.sides(formula, self.shapes))
        return f"({', '.join([*sides, self.streams])})"

    def _series(self) -> list[str]:
        names = [self.numpy.quantities[q] for q in self.kept] + self.numpy.masks
        return names + [self.numpy.quantities[self.logits]] * bool(self.network.shortlist)

    def _unpack(self, lines: list[str]) -> list[str]:
        """The parameters that some lines read, under their names."""
        read = _identifiers(lines)
        return [
            f"{own} = " + self.sides.unpacked(name, f'{self.p}["{name}"]', self.word("blocks"))
            for name, own in self.numpy.parameters.items()
            if own in read
        ]

    def loss(self) -> str:
        """Write ``loss(logp, y)``."""
        y, t = self.y, self.numpy.time
        body = [
            f"{self.streams} = np.arange(len({y}[0]))",
            f"chosen = ({self.logp}[{t}][{y}[{t}], {self.streams}] for {t} in range(len({y})))",
            "return -sum(each.sum() for each in chosen)",
        ]
        return self.function("loss", f"{self.logp}, {y}", "loss", body)

    def backward(self) -> str:
        """Write ``backward(p, x, y, logp, series)``."""
        n, t = self.numpy, self.numpy.time
        deltas, gradients = self.steps.deltas, self.steps.gradients
        lines = [f"{self.end} = len({n.character})"]
        lines += [f"{n.deltas[q]} = {{}}" for q in deltas]
        after = [self._after(node) for node in self.steps.later_reads]
        if after:
            lines += [f"# {line}" for line in self.word("after").splitlines()] + after
        loop = [f"# {self.word('probabilities')}", *self._error()]
        typed = TypedText(self.steps)
        for quantity, formula in deltas.items():
            if quantity != self.logits:
                delta = Delta(quantity, 0)
                loop.append(f"# {typed.text(delta)} = {typed.text(formula)}")
                loop.append(f"{n.text(delta)} = {n.text(formula)}")
        lines += [f"for {t} in reversed(range({self.end})):", *indented(loop)]
        lines += ["return {"]
        for name, formula in gradients.items():
            lines.append(f"    # sum({typed.text(formula)})")
            lines.append(f'    "{name}": {self._gradient(name, formula)},')
        arguments = f"{self.p}, {n.character}, {self.y}, {self.logp}, {self.series}"
        read = _identifiers(lines)
        series = _tuple([name if name in read else "_" for name in self._series()])
        body = [*self._unpack(lines), f"{series} = {self.series}", *lines, "}"]
        return self.function("backward", arguments, "backward", body)

    def _after(self, node: Value | Delta | Mask) -> str:
        """The line that gives a quantity of a later step its value behind the end."""
        n = self.numpy
        if reads_character(node):
            return f"{n.character} = [*{n.character}, {n.character}[0]]"
        index = self.end if node.lag == -1 else f"{self.end} + {-node.lag - 1}"
        match node:
            case Delta(quantity):
                name = self.steps.inlined.get(quantity, quantity)
                like = (
                    self.logp
                    if name == self.logits and not self.network.shortlist
                    else n.quantities[name]
                )
                return f"{n.deltas[quantity]}[{index}] = 0 * {like}[0]"
            case Value(quantity):
                name = n.quantities[quantity]
            case Mask(number):
                name = n.masks[number - 1]
        return f"{name}[{index}] = {name}[0]"

    def _error(self) -> list[str]:
        n = self.numpy
        d, logp, y = n.moment(n.deltas[self.logits], 0), n.moment(self.logp, 0), n.moment(self.y, 0)
        if self.network.shortlist:
            scores = n.at(self.logits, 0)
            return [f"{d} = error({scores}, {y})"]
        return [f"{d} = np.exp({logp})", f"{d}[{y}, np.arange(len({y}))] -= 1"]

    def _gradient(self, name: str, formula: Formula) -> str:
        n = self.numpy
        loop = f"for {n.time} in range({self.end})"
        found, texts, others = [], list[str](), list[Formula]()
        for term in _terms(formula):
            match term:
                case Outer(left, right) if reads_character(right) or reads_character(left):
                    function = "columns" if reads_character(right) else "rows"
                    delta = n.text(left if reads_character(right) else right)
                    read = f'{self.p}["{name}"], {self._characters}'
                    found.append(f"{function}({read}, {self._series_of(delta)})")
                case Outer(left, right) if name in self.shapes.blocks:
                    texts.append(n.block_outer(left, right, self.shapes.blocks[name]))
                case _:
                    others.append(term)
        if others:
            texts.append(n.text(others[0] if len(others) == 1 else Sum(tuple(others))))
        if texts:
            total = f"sum({' + '.join(texts)} {loop})"
            if len(self.sides.parameters[name]) == 1:
                total += ".sum(1, keepdims=True)"
            found.insert(0, total)
        return " + ".join(found)

    @property
    def _characters(self) -> str:
        """The characters of all steps."""
        lengthened = any(map(reads_character, self.steps.later_reads))
        return f"{self.numpy.character}[: {self.end}]" if lengthened else self.numpy.character

    def _series_of(self, text: str) -> str:
        """A text of time t, for all t."""
        name = text.removesuffix(f"[{self.numpy.time}]")
        if name.isidentifier():
            return name
        return f"[{text} for {self.numpy.time} in range({self.end})]"


def _identifiers(lines: list[str]) -> set[str]:
    """All that the code of some lines names."""
    code = [line for line in lines if not line.lstrip().startswith("#")]
    return {*re.findall(r'(?<!")\b\w+\b', "\n".join(code))}


def _tuple(names: list[str]) -> str:
    return f"({', '.join(names)}{',' * (len(names) == 1)})"


def _terms(formula: Formula) -> list[Formula]:
    if isinstance(formula, Sum):
        return [inner for term in formula.terms for inner in _terms(term)]
    return [formula]


def _dropped(formula: Formula, mask: Mask) -> Formula:
    """The vector that a mask is multiplied with."""
    return next(
        node.right for node in walk(formula) if isinstance(node, Hadamard) and node.left == mask
    )
