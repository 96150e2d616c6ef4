"""A program in a library that differentiates by itself: what PyTorch and JAX have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from recurra._version import __version__
from recurra.compute.hidden_matrices import hidden_matrices
from recurra.compute.plan import make_plan
from recurra.explain import formulas
from recurra.explain.formulas import Formula, is_number
from recurra.export.base import Export
from recurra.export.names import Names
from recurra.export.optimizer import (
    learning_rate_line,
    slot_names,
    update_functions,
    update_lines,
)
from recurra.export.python_formulas import ATOM, SIGN, PythonText
from recurra.export.self_test import TEXT, VOCABULARY, expected_numbers
from recurra.export.sizes import Sides, indented
from recurra.export.starts import Starts, Templates
from recurra.export.steps import Steps, program_steps, safe_line
from recurra.export.words import all_words, word
from recurra.lang.functions import FUNCTIONS
from recurra.lang.syntax import NORM
from recurra.models.initialisation import default_rate
from recurra.storage.checkpoints import encode_checkpoint
from recurra.storage.outputs import open_output, write_output


class LibraryText(PythonText):
    """Formulas of one time step, whose past values have names of their own: ``h_1`` is h[t-1].

    Args:
        steps: the network's.
        names: gives identifiers.
        dropout: the rate of dropouts without one of their own.
    """

    def __init__(self, steps: Steps, names: Names, dropout: float) -> None:
        super().__init__(steps, names)
        self.dropout = dropout
        self.past = {
            (quantity, lag): names.take(f"{self.quantities[quantity]}_{lag}")
            for quantity, most in steps.lags.items()
            for lag in range(1, most + 1)
        }

    def at(self, quantity: str, lag: int) -> str:
        """A quantity at a time."""
        return self.past[quantity, lag] if lag else self.quantities[quantity]

    def rate(self, number: int) -> str:
        """The rate of a dropout, by the number of its mask."""
        own = self.steps.rates[number - 1]
        return f"{self.dropout if own is None else own:g}"

    def bound(self, formula: Formula) -> tuple[str, int]:
        """A formula, and how tightly its text binds: a function of a number is a number."""
        match formula:
            case formulas.Apply(function) if function != NORM and is_number(formula):
                value = number_of(formula, self.steps)
                return repr(value), ATOM if value >= 0 else SIGN
            case formulas.MemoryVector(matrix, transposed, operand, blocks) if blocks:
                return self.of_blocks(self.text(matrix, ATOM), transposed, operand)
        return super().bound(formula)


class LibraryProgram(ABC):
    """The text of one program: a template, and what fills its places.

    Attributes:
        code: writes formulas.
        steps, sides, starts: of the network.
        x, state: identifiers of the character and the state in the time step.

    Args:
        export: what is exported.
        stem: the name of its file.
    """

    reserved: tuple[str, ...]  # identifiers of the fixed lines around a time step
    template: str
    templates: Templates  # how parameters start
    module: str  # what has ``sqrt`` and ``clip``

    def __init__(self, export: Export, stem: str) -> None:
        self.export, self.network, self.recipe = export, export.network, export.recipe
        self.stem, self.steps = stem, program_steps(export.network)
        self.names = Names(self.reserved)
        self.sides = Sides(self.network, self.recipe)
        self.starts = Starts(self.network, self.sides, self.recipe)
        self.code = self.formulas()
        self.x, self.state = self.names.take("x"), self.names.take("state")

    @property
    @abstractmethod
    def words(self) -> dict[str, str]:
        """Names of the library, for the parts that all share."""

    @abstractmethod
    def formulas(self) -> LibraryText:
        """Make what writes formulas."""

    @abstractmethod
    def zeros(self, sides: list[str]) -> str:
        """Zeros in the time step, as many as a quantity with these sides has."""

    @abstractmethod
    def slots(self) -> dict[str, str]:
        """Texts for the places of the template that are not the same for all libraries."""

    def write(self, path: Path) -> list[Path]:
        """Write the program and, of a run, its weights beside it, as ``.safetensors``."""
        write_output(path, self._text())
        model = self.export.model
        if model is None:
            return [path]
        arrays = {f"parameter/{name}": value for name, value in model.parameters.items()}
        points = np.array([ord(c) for c in model.vocabulary.characters], np.int32)
        weights = path.with_suffix(".safetensors")
        with open_output(weights) as file:
            file.writelines(encode_checkpoint({**arrays, "characters": points}, {}))
        return [path, weights]

    def word(self, key: str, **values: object) -> str:
        """A comment in the language of the program."""
        return word(key, self.export.language, **values)

    def equations(self) -> list[str]:
        """The lines of a time step; the last gives the log-probabilities, under no name."""
        lines = []
        for step in self.steps.forward:
            text = self.code.text(step.formula)
            if self.steps.is_narrow(step, self.sides.shapes):  # a quantity like all others
                text += f" + {self.zeros(self._sides(step.quantity))}"
            lines.append(f"{self.code.at(step.quantity, 0)} = {text}")
        *others, last = lines
        _, _, logits = last.partition(" = ")
        return [*others, self.words["softmax"].format(logits)]

    def unpack(self, stored: Callable[[str], str]) -> list[str]:
        """The parameters and the past, under their names, given where a parameter is stored."""
        lines = [
            f"{own} = {self.sides.unpacked(name, stored(name), self.word('blocks'))}"
            for name, own in self.code.parameters.items()
        ]
        for quantity, lag in self.steps.lags.items():
            past = [self.code.past[quantity, k] for k in range(1, lag + 1)]
            lines.append(f'{tupled(past)} = {self.state}["{quantity}"]')
        return lines

    def _sides(self, quantity: str) -> list[str]:
        return [
            *map(self.sides.side, self.steps.sides(formulas.Value(quantity, 0), self.sides.shapes))
        ]

    def start_lines(self, zeros: str) -> list[str]:
        """The state before the first character, given zeros of ``{sides}``."""
        lines = ["return {"]
        for quantity, lag in self.steps.lags.items():
            past = tupled([zeros.format(sides=", ".join(self._sides(quantity)))] * lag)
            lines.append(f'    "{quantity}": {past},')
        return [*lines, "}"] if self.steps.lags else ["return {}"]

    def _text(self) -> str:
        recipe = self.recipe
        plan, shapes = make_plan(self.network), self.sides.shapes
        rate = recipe.lr or default_rate(plan, shapes)
        loss, lengths = expected_numbers(self.network, recipe)
        stored = [f'"{n}"' for n in self.network.parameters if n in self.sides.shapes.transposed]
        slots = self.slots()  # only then it is known which functions are called
        common = {
            **all_words(
                self.export.language,
                library=self.words["library"],
                optimizer=recipe.optimizer,
                listed="LISTED",
            ),
            **self.words,
            "transposed": f"{{{', '.join(stored)}}}",
        }
        functions = [*self.code.definitions]
        if self.network.shortlist:
            functions.append(fill("classes.txt", common))
        matrices = hidden_matrices(plan, shapes)
        functions += update_functions(recipe, self.module, matrices, self.word("nearest"))
        slots |= {
            "docstring": "\n".join(self._docstring()),
            "constants": "\n".join(
                [
                    *self.sides.lines(),
                    *self.code.constant_lines(),
                    'WEIGHTS = Path(__file__).with_suffix(".safetensors")',
                ]
            ),
            "functions": "".join(f"\n\n{block}" for block in functions),
            "update": block(update_lines(recipe, self.module)),
            "rate": learning_rate_line(recipe, rate, "math"),
            "slots": tupled([f'"{slot}"' for slot in slot_names(recipe)]),
            "steps": str(recipe.steps or 10_000),
            "batch": str(recipe.batch),
            "length": str(recipe.seq_len),
            "seed": str(recipe.seed),
            "dtype": recipe.dtype,
            "weight": f"{1 - recipe.smoothing:.12g}",
            "record": str(recipe.record_every),
            "text": str([list(row) for row in TEXT]),
            "vocabulary": str(VOCABULARY),
            "loss": repr(loss),
            "lengths": block(f'"{self.shown(n)}": {value!r},' for n, value in lengths.items()),
            "read": fill("read.txt", common),
            "files": fill("files.txt", common),
            "main": fill("main.txt", common).rstrip(),
        }
        return fill(self.template, {**common, **slots})

    def shown(self, parameter: str) -> str:
        """The name under which a program knows a parameter."""
        return parameter

    def _docstring(self) -> list[str]:
        run = f"    python {self.stem}.py"
        return [
            '"""' + self.word("program", version=__version__, library=self.words["library"]),
            "",
            *(f"    {safe_line(line)}" for line in self.network.source.splitlines()),
            "",
            f"{run} train novel.txt    {self.word('train', weights=f'{self.stem}.safetensors')}",
            f'{run} write "It was"     {self.word("write")}',
            f"{run} eval novel.txt     {self.word('eval')}",
            f"{run} test               {self.word('test')}",
            '"""',
            "",
        ]


def fill(template: str, slots: Mapping[str, str]) -> str:
    """A template with its places filled."""
    text = (files("recurra.export") / "templates" / template).read_text("utf-8")
    return Template(text).substitute(slots)


def block(lines: Iterable[str], by: int = 4) -> str:
    """Lines, indented."""
    return "\n".join(indented(lines, by))


def tupled(texts: list[str]) -> str:
    """``(a, b)``, or ``(a,)``."""
    return f"({', '.join(texts)}{',' * (len(texts) == 1)})"


def number_of(formula: Formula, steps: Steps) -> float:
    """The value of a formula of numbers alone."""
    match formula:
        case formulas.Constant(value):
            return value
        case formulas.Sum(terms):
            return sum(number_of(term, steps) for term in terms)
        case formulas.Negative(argument):
            return -number_of(argument, steps)
        case formulas.Hadamard(left, right):
            return number_of(left, steps) * number_of(right, steps)
        case formulas.Quotient(left, right):
            return number_of(left, steps) / number_of(right, steps)
        case formulas.Apply(function, argument):
            row = FUNCTIONS[steps.network.function(function)]
            return float(row.forward(np.array(number_of(argument, steps))))
    raise AssertionError(formula)
