"""An explanation as one page of Markdown: equations, diagram, derivation, plan and kernels."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import replace

from recurra.compute.numba.codegen import generate_kernels
from recurra.compute.plan import Plan, Sum, Term, make_plan
from recurra.explain.derivation import Derivation, derive
from recurra.explain.diagram import draw
from recurra.explain.formulas import (
    Apply,
    Extreme,
    Hadamard,
    Join,
    Mask,
    MatrixVector,
    Power,
    Quotient,
    Total,
    Value,
    is_number,
    walk,
)
from recurra.explain.latex import Latex, aligned, beside
from recurra.explain.published import MISTAKES, is_wrnn
from recurra.lang import syntax as expressions
from recurra.lang.functions import FUNCTIONS, PAIRS, Function, PairFunction
from recurra.lang.network import Network
from recurra.lang.syntax import CHARACTER, MEAN, NORM, ROW_FUNCTIONS, SOFTMAX, SUM, show
from recurra.view.markdown import code, inline
from recurra.view.words import Words


def explanation(network: Network, language: str = "en", diagram: str | None = None) -> str:
    """Everything about a network that follows from its equations, as Markdown with LaTeX.

    Args:
        network: what to explain.
        language: ``en`` or ``zh``.
        diagram: where the page finds the diagram (a file name or address); None: it is put into
            the page itself; empty: there is none.

    Returns:
        The forward equations, the diagram, the gradient of every vector and parameter derived step
        by step, the plan of the computation and the generated kernels.

    Raises:
        SettingError: an unknown language.
    """
    return "\n\n".join(_Page(network, language).parts(diagram)) + "\n"


def summary(network: Network) -> str:
    """The forward equations and the diagram alone, as Markdown: what a notebook shows."""
    page = _Page(network, "en")
    return "\n\n".join([*page.head(), page.typed(), page.figure(None)]) + "\n"


def derivation_page(derivation: Derivation) -> str:
    """The forward equations and the gradient of everything, as Markdown."""
    page = _Page(derivation.network, "en")
    parts = [*page.head(), *page.forward(), *page.backward(), *page.gradients()]
    return "\n\n".join(parts) + "\n"


class _Page:
    """Writes the parts of one page."""

    def __init__(self, network: Network, language: str) -> None:
        self.network, self.words = network, Words(language)
        self.derivation, self.latex = derive(network), Latex(network)

    def parts(self, diagram: str | None) -> Iterator[str]:
        yield from self.head()
        yield code(self.network.source)
        yield self._title("unrolled")
        yield self.words("unrolled text")
        if diagram != "":
            yield self.figure(diagram)
        yield from self.forward()
        yield from self._loss()
        yield from self._rules()
        yield from self.backward()
        yield from self.gradients()
        if is_wrnn(self.network):
            yield from self._published()
        plan = make_plan(self.network)
        yield from self._plan(plan)
        yield self._title("kernel")
        yield self.words("kernel text")
        yield code(generate_kernels(plan).text, "python")

    def head(self) -> Iterator[str]:
        yield f"# {inline(self.network.name)}"
        if about := self.network.about(self.words.language):
            yield inline(about)

    def figure(self, diagram: str | None) -> str:
        data = b64encode(draw(self.network).encode()).decode() if diagram is None else ""
        return f"![{inline(self.network.name)}]({diagram or f'data:image/svg+xml;base64,{data}'})"

    def typed(self) -> str:
        """The equations, not taken apart."""
        *lines, (output, logits) = (
            (f"{self._at(e.name)} &=", show(e.expression, signs=self.latex))
            for e in (*self.network.equations, self.network.output)
        )
        softmax = rf"{output} \operatorname{{softmax}}({logits}{self._choice()})"
        first = (
            f"{self.latex.first(name)} &= {show(value, signs=self.latex)}"
            for name, value in self.network.first.items()
        )
        return aligned([*(f"{left} {right}" for left, right in lines), softmax, *first])

    def _choice(self) -> str:
        number = self.network.shortlist
        return rf",\, {show(number, signs=self.latex)}" if number else ""

    def equations(self) -> str:
        *steps, _ = (self.latex.step(step) for step in self.derivation.steps)
        arguments = f"{self._at(self.derivation.logits)}{self._choice()}"
        softmax = rf"\operatorname{{softmax}}({arguments})"
        last = self.latex.step(self.derivation.steps[-1])
        return aligned([*steps, last, f"{self._at(self.network.output.name)} &= {softmax}"])

    def _title(self, key: str) -> str:
        return f"## {self.words(key)}"

    def _text(self, key: str, **values: str) -> str:
        latex = self.latex
        names = {"T": latex.steps, "y": latex.target, "d": latex.delta, "m": latex.mask, **values}
        return self.words(key, **names)

    def _at(self, quantity: str, lag: int = 0) -> str:
        return self.latex.quantity(quantity, lag)

    def forward(self) -> Iterator[str]:
        yield self._title("forward")
        yield self._text("forward text")
        if self.derivation.network is not self.network:
            yield self.words("written out")
        yield self.equations()
        lags = [n for s in self.derivation.steps for n in walk(s.formula) if isinstance(n, Value)]
        if any(value.lag for value in lags):
            yield self._text("carried")
        functions = self._functions()
        rows = [row for name, row in _OF_ROWS.items() if functions.pop(name, None)]
        for called, name in functions.items():
            row, symbol = FUNCTIONS[name], self.latex.name(called)
            first = "" if row.latex == rf"{symbol} z" else rf"{symbol}(z) &= {row.latex}"
            rows.append((first, rf"{symbol}'(z) &= {row.latex_derivative}"))
        nodes = (node for step in self.derivation.steps for node in walk(step.formula))
        pairs = dict.fromkeys(node.function for node in nodes if isinstance(node, Extreme))
        for name in pairs:
            derivative = rf"\frac{{\partial {PAIRS[name].latex}}}{{\partial a}}"
            rows.append(("", rf"{derivative} &= {PAIRS[name].latex_derivative}"))
        if rows:
            yield self._title("functions")
            yield aligned(beside(rows))
            named: dict[str, Function | PairFunction] = {**FUNCTIONS, **PAIRS}
            found = [named[name] for name in (*functions.values(), *pairs)]
            chinese = self.words.language == "zh"
            titles = {row.name: row.chinese if chinese else row.english for row in found}
            yield self.words("comma").join(f"`{name}`: {title}" for name, title in titles.items())

    def _functions(self) -> dict[str, str]:
        """Every function as it is called in the equations -> its own name."""
        nodes = (node for step in self.derivation.steps for node in walk(step.formula))
        called = [node.function for node in nodes if isinstance(node, Apply)]
        names = {name: self.network.function(name) for name in called}
        for name in [*names.values()]:
            row = FUNCTIONS.get(name)
            if row and r"\sigma" in row.latex + row.latex_derivative:
                names.setdefault("sigmoid", "sigmoid")
        return names

    def _loss(self) -> Iterator[str]:
        latex, output, logits = self.latex, self.network.output.name, self.derivation.logits
        yield self._title("loss")
        if self.network.shortlist:
            yield from self._loss_with_shortlist()
            return
        yield self._text("loss text")
        above = rf"{{{latex.steps}}}"
        inner = rf"{latex.target}_t^\top \ln {self._at(output)}"
        yield aligned([rf"\mathcal{{L}} &= -\sum_{{t=1}}^{above} {inner}"])
        yield self._text("loss derivative", logits=self._at(logits))
        exponentials = rf"\sum_i e^{{{latex.entry(logits, 'i')}}}"
        target, entry = f"{latex.target}_{{t,j}}", latex.entry(logits, "j")
        yield aligned(
            [
                rf"-{latex.target}_t^\top \ln {self._at(output)} &= \ln {exponentials} "
                rf"- \sum_j {target}\, {entry}",
                rf"\frac{{\partial \mathcal{{L}}}}{{\partial {entry}}} &= "
                rf"\frac{{e^{{{entry}}}}}{{{exponentials}}} - {target} "
                rf"= {latex.entry(output, 'j')} - {target}",
                latex.delta_line(logits, self.derivation.deltas[logits]),
            ]
        )

    def _loss_with_shortlist(self) -> Iterator[str]:
        latex, logits = self.latex, self.derivation.logits
        names = {"p": latex.probabilities, "H": latex.head}
        yield self._text("shortlist text", logits=self._at(logits), **names)
        entries = [latex.entry(logits, index) for index in ("k'", "i", "k", "j")]
        first, any_first, character, any_character = (rf"e^{{{entry}}}" for entry in entries)
        above = rf"{{{latex.steps}}}"
        yield aligned(
            [
                rf"\mathcal{{L}} &= -\sum_{{t=1}}^{above} \ln \Bigl("
                rf"\frac{{{first}}}{{\sum_{{i \in {latex.head}}} {any_first}}} \cdot "
                rf"\frac{{{character}}}{{\sum_{{j \in [k]}} {any_character}}}\Bigr)",
                latex.delta_line(logits, self.derivation.deltas[logits]),
            ]
        )

    def _rules(self) -> Iterator[str]:
        yield self._title("rules")
        nodes = [node for step in self.derivation.steps for node in walk(step.formula)]
        both = [n for n in nodes if isinstance(n, Hadamard | Quotient)]
        matrices = [n for n in nodes if isinstance(n, MatrixVector)]
        applied = {n.function for n in nodes if isinstance(n, Apply)}
        needed = {
            "rule paths": True,
            "rule matrix": any(not node.transposed for node in matrices),
            "rule transposed": any(node.transposed for node in matrices),
            "rule blocks": bool(self.derivation.network.blocks),
            "rule product": any(
                isinstance(n, Hadamard) and not is_number(n.left) and not is_number(n.right)
                for n in both
            ),
            "rule quotient": any(isinstance(n, Quotient) and not is_number(n.right) for n in both),
            "rule function": bool(applied - {*ROW_FUNCTIONS}),
            "rule norm": NORM in applied,
            "rule heads": any(isinstance(n, Apply) and n.heads for n in nodes),
            "rule softmax": SOFTMAX in applied,
            "rule total": any(isinstance(n, Total) for n in nodes),
            "rule join": any(isinstance(n, Join) for n in nodes),
            "rule extreme": any(isinstance(n, Extreme) for n in nodes),
            "rule power": any(isinstance(n, Power) for n in nodes),
            "rule dropout": any(isinstance(n, Mask) for n in nodes),
        }
        yield "\n".join(f"- {self._text(key)}" for key, used in needed.items() if used)

    def backward(self) -> Iterator[str]:
        deltas = {q: p for q, p in self.derivation.deltas.items() if q != self.derivation.logits}
        if not deltas:
            return
        yield self._title("backward")
        yield self._text("backward text")
        if any(path.lag for paths in deltas.values() for path in paths):
            yield self._text("backward time")
        for quantity, paths in deltas.items():
            readers = [f"${self._at(path.reader, -path.lag)}$" for path in paths]
            listed = self.words("comma").join(readers[:-1])
            listed += self.words("and") * bool(listed) + readers[-1]
            yield self._text("reads", vector=self._at(quantity), readers=listed)
            yield aligned([self.latex.chain(quantity, paths)])

    def gradients(self) -> Iterator[str]:
        gradients = self.derivation.gradients
        yield self._title("gradients")
        yield self._text("gradients text")
        yield aligned(self.latex.gradient(name, paths) for name, paths in gradients.items())
        shared = [f"${self.latex.name(name)}$" for name, p in gradients.items() if len(p) > 1]
        if shared:
            yield self._text("gradients shared", names=self.words("comma").join(shared))
        yield self._text("one-hot")

    def _published(self) -> Iterator[str]:
        yield self._title("published")
        yield self._text("published text")
        for key, mistake in MISTAKES.items():
            wrong, right = self._lines(mistake(self.derivation)), self._lines(self.derivation)
            changed = [name for name in right if wrong[name] != right[name]]
            yield self._text(key)
            for label, lines in (("as published", wrong), ("as it is", right)):
                yield self.words(label)
                yield aligned(lines[name] for name in changed)

    def _lines(self, derivation: Derivation) -> dict[str, str]:
        """The last line of every delta and gradient."""
        lines = {
            quantity: self.latex.delta_line(quantity, paths)
            for quantity, paths in derivation.deltas.items()
        }
        return lines | {n: self.latex.gradient(n, p) for n, p in derivation.gradients.items()}

    def _plan(self, plan: Plan) -> Iterator[str]:
        yield self._title("plan")
        yield self._text("plan text")
        # The plan has matrices of characters and scores as they are stored, a row for each.
        products = [
            (equation.name, node)
            for equation in (*self.network.equations, self.network.output)
            for node in expressions.walk(equation.expression)
            if isinstance(node, expressions.Product) and node.transposed
        ]
        indexed = {p.matrix for _, p in products if getattr(p.operand, "name", "") == CHARACTER}
        output = {p.matrix for name, p in products if name == self.network.output.name}
        terms = (replace(t, transposed=t.matrix in output) for t in plan.logits.terms)
        logits = replace(plan.logits, terms=tuple(terms))
        heads = [self.words(key) for key in ("block", "at once", "in the loop")]
        rows = [heads, ["---"] * len(heads)]
        for block in plan.blocks:
            sums = [total for stage in block.stages for total in stage.sums]
            loop = [_term(term) for total in sums for term in total.terms if not term.hoisted]
            own = [stage.vector for stage in block.stages]
            inside = self.words("no loop")
            if block.recurrent:
                element_wise = f"{self.words('element-wise')} → {_code(own)}"
                inside = ", ".join(filter(None, (_code(loop), element_wise)))
            rows.append([_code(own), _hoisted(sums, indexed), inside])
        own = [self.network.output.name]
        rows.append([_code(own), _hoisted([logits], indexed), self.words("no loop")])
        yield "\n".join(f"| {' | '.join(row)} |" for row in rows)
        dotted = [f"`{name}`" for name in plan.stages if "." in name]
        if dotted:
            yield self._text("plan operands", names=self.words("comma").join(dotted))


# As for any function, but their derivatives are symmetric matrices.
_OF_ROWS = {
    NORM: (
        r"\operatorname{norm}(z) &= \frac{z - \operatorname{mean} z}{s}, \quad "
        r"s = \sqrt{\operatorname{var} z + 10^{-5}}",
        r"\operatorname{norm}'(z) &= "
        r"\frac{1}{s} \Bigl(I - \frac{1}{n} \bigl(\mathbf{1} \mathbf{1}^\top + "
        r"\operatorname{norm}(z) \operatorname{norm}(z)^\top\bigr)\Bigr)",
    ),
    SOFTMAX: (
        r"\operatorname{softmax}(z) &= \frac{e^z}{\operatorname{sum}(e^z)}",
        r"\operatorname{softmax}'(z) &= \operatorname{diag}(y) - y\, y^\top, \quad "
        r"y = \operatorname{softmax}(z)",
    ),
    SUM: (
        r"\operatorname{sum}_n(z) &= (I_n \otimes \mathbf{1} \mathbf{1}^\top)\, z",
        r"\operatorname{sum}_n'(z) &= I_n \otimes \mathbf{1} \mathbf{1}^\top",
    ),
    MEAN: (
        r"\operatorname{mean}_n(z) &= (I_n \otimes \tfrac{1}{m} \mathbf{1} \mathbf{1}^\top)\, z",
        r"\operatorname{mean}_n'(z) &= I_n \otimes \tfrac{1}{m} \mathbf{1} \mathbf{1}^\top",
    ),
}


def _term(term: Term) -> str:
    time = f"[t-{term.lag}]" if term.lag else "[t]"
    return f"{term.matrix}{'.T' * term.transposed} @ {term.vector}{time}"


def _hoisted(sums: list[Sum], indexed: set[str]) -> str:
    matrices = [matrix for total in sums for matrix in total.lookups]
    lookups = [f"{matrix}{'.T' * (matrix in indexed)} @ {CHARACTER}[t]" for matrix in matrices]
    terms = [_term(term) for total in sums for term in total.terms if term.hoisted]
    return _code([*lookups, *terms, *(bias for total in sums for bias in total.biases)])


def _code(items: Iterable[str]) -> str:
    return ", ".join(f"`{item}`" for item in items)
