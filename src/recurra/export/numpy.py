"""One NumPy program for exactly one network: forward pass, exact gradient, training, writing."""

import io
from pathlib import Path

import numpy as np

from recurra._version import __version__
from recurra.compute.plan import make_plan
from recurra.explain.formulas import Constant, Formula, Mask, MatrixVector, Outer, Value, walk
from recurra.export.base import Export, Target
from recurra.export.names import Names
from recurra.export.numpy_text import RESERVED, NumpyText
from recurra.export.optimizer import learning_rate_lines, slot_names, update_lines
from recurra.export.steps import has_mask, is_fixed, program_steps, reads_character
from recurra.export.words import word
from recurra.lang.network import Initialiser
from recurra.lang.shapes import ShapeSolver
from recurra.models.initialisation import initialisers
from recurra.storage.files import write_atomic

# What the fixed lines of a program are called, or use.
_FIXED = (
    "sys np Path WEIGHTS initial start forward loss backward log_softmax log_probabilities error "
    "orthogonal columns rows dropout update train evaluate write check read main H V S LISTED "
    "classes"
).split()
_SIZES = (10_007, 20_011)  # two vocabularies: a side that differs between them is as wide as it


class NumpyProgram(Target):
    """See the module."""

    name = "numpy"
    suffix = ".py"
    help = "one NumPy program: forward pass, exact gradient, training, writing"

    def write(self, export: Export, path: Path) -> list[Path]:
        """Write the program and, of a run, its weights beside it, as ``.npz``."""
        text = _Program(export, path.stem).text()
        write_atomic(path, text.encode("utf-8", "backslashreplace"))
        if export.model is None:
            return [path]
        weights = path.with_suffix(".npz")
        characters = np.array([ord(c) for c in export.model.vocabulary.characters], np.int32)
        arrays = {
            name: value if value.ndim > 1 else value[:, None]
            for name, value in export.paper_parameters().items()
        }
        memory = io.BytesIO()
        # names of parameters could be those of savez's own arguments
        np.savez(memory, **{f"parameter/{n}": a for n, a in arrays.items()}, characters=characters)
        write_atomic(weights, memory.getbuffer())
        return [path, weights]


class _Program:
    """The text of one program, part by part."""

    def __init__(self, export: Export, stem: str) -> None:
        self.export, self.stem = export, stem
        self.network, self.recipe = export.network, export.recipe
        self.steps = program_steps(self.network)
        self.names = Names([*_FIXED, *RESERVED])
        self.numpy = NumpyText(self.steps, self.names)
        solver = ShapeSolver(self.network)
        one, other = (solver.shapes(size, self.recipe.hidden) for size in _SIZES)
        self.shapes = one
        self.sides = {
            name: tuple(map(self._side, one.paper(name), other.paper(name)))
            for name in self.network.parameters
        }
        take = self.names.take
        self.p, self.g, self.state = take("p"), take("gradient"), take("state")
        self.y, self.logp, self.series = take("y"), take("logp"), take("series")
        self.streams, self.total, self.end = take("streams"), take("total"), take("end")
        self.rng, self.after = take("rng"), take("after")
        self.lags = self.steps.lags
        self.kept = [step.quantity for step in self.steps.forward[:-1]]
        self.logits = self.steps.forward[-1].quantity

    def word(self, key: str, **values: object) -> str:
        return word(key, self.export.language, **values)

    def text(self) -> str:
        body = [
            *self._forward(),
            *self._loss(),
            *self._backward(),
            *self._initial(),
            *self._start(),
            *self._update(),
            *self._read(),
            *self._train(),
            *self._evaluate(),
            *self._write(),
            *self._check(),
            *self._main(),
        ]
        # only now it is known which functions are called
        return "\n".join([*self._head(), *self._functions(), *body]) + "\n"

    # -- head

    def _head(self) -> list[str]:
        run = f"    python {self.stem}.py"
        lines = [
            '"""' + self.word("what", version=__version__),
            "",
            *(f"    {_safe(line)}" for line in self.network.source.splitlines()),
            "",
            f"{run} train novel.txt    {self.word('train', weights=f'{self.stem}.npz')}",
            f'{run} write "It was"     {self.word("write")}',
            f"{run} eval novel.txt     {self.word('eval')}",
            f"{run} check              {self.word('check')}",
            "",
            self.word("arrays"),
            '"""',
            "",
            "import sys",
            "from pathlib import Path",
            "",
            "import numpy as np",
            "",
        ]
        if isinstance(self.recipe.hidden, int):
            lines.append(f"H = {self.recipe.hidden}")
        if self.network.shortlist:
            lines.append(f"LISTED = {int(self.network.shortlist.value)}")
        lines += [
            f"{self.numpy.constants[name]} = {value!r}"
            for name, value in self.network.constants.items()
            if self._uses_constant(name)
        ]
        return [*lines, 'WEIGHTS = Path(__file__).with_suffix(".npz")', ""]

    def _uses_constant(self, name: str) -> bool:
        formulas = [step.formula for step in self.steps.forward]
        return any(
            isinstance(node, Constant) and node.name == name for f in formulas for node in walk(f)
        )

    def _functions(self) -> list[str]:
        blocks = [text.rstrip("\n") for text in self.numpy.definitions]
        blocks.append(
            "def log_softmax(z):\n    z = z - z.max(0)\n    return z - np.log(np.exp(z).sum(0))"
        )
        if self.network.shortlist:
            blocks += [_shortlist(self.word("shortlist", listed="LISTED"), self.word("error"))]
        formulas = [*self.steps.gradients.values()]
        looked_up = [n for f in formulas for n in walk(f) if isinstance(n, Outer)]
        if any(reads_character(node.right) for node in looked_up):
            blocks.append(_columns("columns", self.word("columns"), "into.T, x[t], d[t].T"))
        if any(reads_character(node.left) for node in looked_up):
            blocks.append(_columns("rows", self.word("columns"), "into, x[t], d[t].T"))
        if self.steps.rates:
            blocks.append(
                "def dropout(rate, shape, rng):\n"
                f'    """{self.word("dropout")}"""\n'
                "    if rng is None or rate == 0:\n"
                "        return np.ones(shape)\n"
                "    return (rng.random(shape) >= rate) / (1 - rate)"
            )
        return [f"\n{block}\n" for block in blocks]

    # -- the passes

    def _forward(self) -> list[str]:
        n, t = self.numpy, self.numpy.time
        lines = [f"{self.logp} = {{}}"]
        lines += [
            f"{n.quantities[q]} = " + (f'dict({self.state}["{q}"])' if q in self.lags else "{}")
            for q in self.kept
        ]
        lines += [f"{mask} = {{}}" for mask in n.masks]
        if self.network.shortlist:
            lines.append(f"{n.quantities[self.logits]} = {{}}")
        loop = [line for step in self.steps.forward for line in self._line(step.quantity, step.formula)]
        if any(self.streams in line for line in loop):
            lines.append(f"{self.streams} = len({n.character}[0])")
        lines += [f"for {t} in range(len({n.character})):", *_indented(loop)]
        lines += [f"{self.end} = len({n.character})", f"{self.after} = {{"]
        for quantity, lag in self.lags.items():
            name = n.quantities[quantity]
            past = ", ".join(f"{-k}: {name}[{self.end} - {k}]" for k in range(1, lag + 1))
            lines.append(f'    "{quantity}": {{{past}}},')
        lines += ["}", f"return {self.logp}, {_tuple(self._series())}, {self.after}"]
        formulas = [step.formula for step in self.steps.forward]
        arguments = f"{self.p}, {n.character}, {self.state}" + f", {self.rng}=None" * bool(n.masks)
        return self._function("forward", arguments, "forward", [*self._unpack(formulas), *lines])

    def _line(self, quantity: str, formula: Formula) -> list[str]:
        """The line that computes a quantity, and before it those that draw its masks."""
        n = self.numpy
        lines = []
        for mask in (node for node in walk(formula) if isinstance(node, Mask)):
            rate = self.steps.rates[mask.number - 1]
            rate = self.recipe.dropout if rate is None else rate
            size = self.steps.size(_dropped(formula, mask), self.shapes)
            shape = f"({self._side(size, size)}, {self.streams})"
            name = n.at(n.masks[mask.number - 1], 0)
            lines.append(f"{name} = dropout({rate:g}, {shape}, {self.rng})")
        text = n.text(formula)
        if quantity == self.logits:
            if not self.network.shortlist:
                return [*lines, f"{n.at(self.logp, 0)} = log_softmax({text})"]
            scores = n.at(n.quantities[quantity], 0)
            return [
                *lines,
                f"{scores} = {text}",
                f"{n.at(self.logp, 0)} = log_probabilities({scores}, {self._vocabulary()})",
            ]
        if is_fixed(formula):  # no stream differs from another, but each has its column
            size = self.steps.size(Value(quantity, 0), self.shapes)
            text = f"{text} + np.zeros(({size}, {self.streams}))"
        return [*lines, f"{n.at(n.quantities[quantity], 0)} = {text}"]

    def _vocabulary(self) -> str:
        """The number of characters, from a matrix that is read at them."""
        for step in self.steps.forward:
            for node in walk(step.formula):
                if isinstance(node, MatrixVector) and reads_character(node.operand):
                    side = 0 if node.transposed else 1
                    return f"{self.numpy.parameters[node.matrix]}.shape[{side}]"
        raise AssertionError(self.network)

    def _series(self) -> list[str]:
        names = [self.numpy.quantities[q] for q in self.kept] + self.numpy.masks
        return names + [self.numpy.quantities[self.logits]] * bool(self.network.shortlist)

    def _unpack(self, formulas: list[Formula]) -> list[str]:
        """The parameters that some lines read, under their names."""
        nodes = [node for formula in formulas for node in walk(formula)]
        read = {n.matrix for n in nodes if isinstance(n, MatrixVector)}
        read |= {n.name for n in nodes if type(n).__name__ == "Parameter"}
        names = [name for name in self.network.parameters if name in read]
        return [f'{self.numpy.parameters[name]} = {self.p}["{name}"]' for name in names]

    def _loss(self) -> list[str]:
        y, t = self.y, self.numpy.time
        body = [
            f"{self.streams} = np.arange(len({y}[0]))",
            f"return -sum({self.logp}[{t}][{y}[{t}], {self.streams}].sum() for {t} in range(len({y})))",
        ]
        return self._function("loss", f"{self.logp}, {y}", "loss", body)

    def _backward(self) -> list[str]:
        n, t = self.numpy, self.numpy.time
        deltas, gradients = self.steps.deltas, self.steps.gradients
        lines = self._unpack([*deltas.values(), *gradients.values()])
        lines += [f"{_tuple(self._series())} = {self.series}", f"{self.end} = len({n.character})"]
        lines += [f"{n.deltas[q]} = {{}}" for q in deltas]
        ahead = [
            f"{n.deltas[q]}[{self.end}{f' + {k}' * bool(k)}] = 0 * {self._like(q)}"
            for q, lead in self.steps.leads.items()
            for k in range(lead)
        ]
        if ahead:
            lines += [f"# {line}" for line in self.word("after").splitlines()] + ahead
        loop = [f"# {self.word('probabilities')}", *self._error()]
        loop += [
            f"{n.at(n.deltas[q], 0)} = {n.text(formula)}"
            for q, formula in deltas.items()
            if q != self.logits
        ]
        lines += [f"for {t} in reversed(range({self.end})):", *_indented(loop)]
        lines += ["return {"]
        for name, formula in gradients.items():
            lines.append(f'    "{name}": {self._gradient(name, formula)},')
        arguments = f"{self.p}, {n.character}, {self.y}, {self.logp}, {self.series}"
        return self._function("backward", arguments, "backward", [*lines, "}"])

    def _like(self, quantity: str) -> str:
        """An array of the shape of a quantity, which may have no line of its own."""
        name = self.steps.inlined.get(quantity, quantity)
        return f"{self.numpy.quantities[name]}[0]"

    def _error(self) -> list[str]:
        n = self.numpy
        d, logp, y = n.at(n.deltas[self.logits], 0), n.at(self.logp, 0), n.at(self.y, 0)
        if self.network.shortlist:
            scores = n.at(n.quantities[self.logits], 0)
            return [f"{d} = error({scores}, {y}, {self._vocabulary()})"]
        return [f"{d} = np.exp({logp})", f"{d}[{y}, np.arange(len({y}))] -= 1"]

    def _gradient(self, name: str, formula: Formula) -> str:
        n = self.numpy
        over = f"for {n.time} in range({self.end})"
        found, others = [], list[Formula]()
        for term in _terms(formula):
            match term:
                case Outer(left, right) if reads_character(right) or reads_character(left):
                    function = "columns" if reads_character(right) else "rows"
                    delta = n.text(left if reads_character(right) else right)
                    read = f"{self.p}[\"{name}\"], {n.character}"
                    found.append(f"{function}({read}, [{delta} {over}])")
                case _:
                    others.append(term)
        if others:
            inner = n.text(others[0] if len(others) == 1 else Sum(tuple(others)))
            total = f"sum({inner} {over})"
            if len(self.sides[name]) == 1:
                total += ".sum(1, keepdims=True)"
            found.insert(0, total)
        return " + ".join(found)

    # -- parameters, state, update

    def _side(self, one: int, other: int) -> str:
        """The length of a side as a program says it."""
        if one == other and one not in (self.shapes.vocabulary, self.shapes.scores):
            return "H" if one == self.recipe.hidden else str(one)
        return "V" if one == self.shapes.vocabulary else "S"

    def _initial(self) -> list[str]:
        starts = initialisers(make_plan(self.network), self.shapes, self.recipe.init)
        lines = ["S = V + len(classes(V))"] if self.network.shortlist else []
        lines += ["return {"]
        lines += [f'    "{name}": {self._start_of(name, starts[name])},' for name in self.sides]
        return self._function("initial", "V, rng, counts", "initial", [*lines, "}"])

    def _start_of(self, name: str, start: Initialiser) -> str:
        sides = self.sides[name]
        shape = ", ".join(sides if len(sides) > 1 else (*sides, "1"))
        if self.recipe.init == "scaled" and begins_with_counts(name, self.plan):
            return "np.log((counts + 1) / (counts + 1).sum())[:, None]"
        scale = f"{start.argument:.12g}"
        factor = "" if start.argument == 1.0 else f"{scale} * "
        match start.kind:
            case "normal":
                return f"{factor}rng.standard_normal(({shape}))"
            case "uniform":
                return f"rng.uniform(-{scale}, {scale}, ({shape}))"
            case "identity":
                return f"{factor}np.eye({shape})"
            case "orthogonal":
                return f"{factor}orthogonal({shape}, rng)"
        return f"np.zeros(({shape}))" if not start.argument else f"np.full(({shape}), {scale})"

    def _function(self, name: str, arguments: str, what: str, body: Iterable[str]) -> list[str]:
        return ["", f"def {name}({arguments}):", f'    """{self.word(what)}"""', *_indented(body), ""]
