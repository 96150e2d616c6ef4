"""The place Network: equations checked while they are typed, explained, checked and saved.

All answers are computed from the text that the page sends; none changes anything but ``save``.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from recurra.compute.gradcheck import check_gradients
from recurra.errors import EquationError, SettingError
from recurra.explain.check import Check, Remark
from recurra.explain.derivation import derive
from recurra.explain.diagram import draw
from recurra.explain.html import explanation_html
from recurra.explain.latex import Latex
from recurra.explain.mathml import mathml
from recurra.explain.tables import GRADIENTS
from recurra.explain.walkthrough import walk_through
from recurra.lang.library import library, library_text
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import MAX_SIZE, ShapeSolver
from recurra.lang.source import Source
from recurra.storage.files import read_bounded
from recurra.storage.outputs import write_output
from recurra.studio.forms import MOST_SEED, Form, check_range, computed
from recurra.studio.pool import Pool
from recurra.studio.responses import answer
from recurra.studio.workspace import Workspace
from recurra.view.tables import html
from recurra.view.text import visible
from recurra.view.words import Language, Words

LONGEST = 100_000  # characters of equations
STEPS = 3  # of a diagram
CHECKED = 800  # entries of all parameters whose gradients are checked, about


@dataclass(frozen=True, kw_only=True)
class Equations(Form):
    """Equations, and what is asked about them.

    Attributes:
        text: as typed.
        name: of the network.
        hidden, vocabulary: sizes.
        steps: of the diagram.
        language: of the answer.
        line: of a derivation: a parameter, or a quantity.
        formula: a student's answer as a formula.
        values: the same as numbers.
        seed: of random numbers.
    """

    text: str
    name: str = "network"
    hidden: int = 64
    vocabulary: int = 65
    steps: int = STEPS
    language: Language = "en"
    line: str = ""
    formula: str = ""
    values: str = ""
    seed: int = 0

    def check(self) -> None:
        """Refuse sizes and seeds that make no sense.

        Raises:
            RequestError: with the name of the field.
        """
        check_range("hidden", self.hidden, 1, MAX_SIZE)
        check_range("vocabulary", self.vocabulary, 1, MAX_SIZE)
        check_range("steps", self.steps, 1, STEPS)
        check_range("seed", self.seed, 0, MOST_SEED)

    def network(self) -> Network:
        """The network.

        Raises:
            EquationError: the text is none.
        """
        return parse(self.text, self.name)


@dataclass(frozen=True, kw_only=True)
class Save(Form):
    """Equations to be kept as a file of the folder."""

    name: str
    text: str
    replace: bool = False


def routes(workspace: Workspace, pool: Pool) -> list[BaseRoute]:
    """The routes of the place."""

    async def gallery(request: Request) -> Response:
        language = Words(request.query_params.get("language", "en")).language
        return answer(await pool.run(lambda: _gallery(workspace.folder, language)))

    return [
        Route("/api/network/gallery", gallery),
        computed("/api/network/save", Save, lambda form: _save(workspace.folder, form), pool),
        *(
            computed(f"/api/network/{name}", Equations, _told(compute), pool)
            for name, compute in _ANSWERS.items()
        ),
    ]


def _told(compute: Callable[[Equations], dict[str, Any]]) -> Callable[[Equations], dict[str, Any]]:
    """The same, but of wrong equations it says what and where.

    That is an answer like any other: who types is wrong most of the time.
    """

    def told(form: Equations) -> dict[str, Any]:
        try:
            return compute(form)
        except EquationError as error:
            place = {"line": error.line, "column": error.column}
            return {"error": {"message": error.message, **place}}
        except SettingError as error:
            return {"error": {"message": str(error)}}

    return told


def _gallery(folder: Path, language: str) -> dict[str, Any]:
    found = [
        {
            "name": name,
            "label": name,
            "text": Source(library_text(name), name).described_in(language),
        }
        for name in library()
    ]
    files = []
    for path in sorted(folder.glob("*.eq"))[:200]:
        try:
            if not path.is_symlink():
                text = read_bounded(path, LONGEST).decode("utf-8-sig", "replace")
                name = os.fsencode(path.stem).decode("utf-8", "replace")
                files.append({"name": name, "label": visible(name), "text": text})
        except OSError:
            continue
    return {"networks": found, "files": files}


def _save(folder: Path, form: Save) -> dict[str, Any]:
    if not re.fullmatch(r"[\w][\w .-]{0,60}", form.name):
        raise SettingError(
            f"{form.name[:80]!r} cannot be the name of a file: use letters, digits, - and _"
        )
    if len(form.text) > LONGEST:
        raise SettingError(f"equations have {LONGEST:,} characters at most")
    path = folder / f"{form.name.removesuffix('.eq')}.eq"
    if path.is_symlink() or (path.exists() and not form.replace):
        return {"exists": path.name}
    write_output(path, form.text.rstrip() + "\n")
    return {"saved": path.name}


def _check(form: Equations) -> dict[str, Any]:
    """All that is shown as soon as the equations are right: shapes, the diagram, questions."""
    network = form.network()
    shapes = ShapeSolver(network).shapes(form.vocabulary, form.hidden)
    parameters = [
        {"name": name, "shape": list(shapes.paper(name)), "count": int(np.prod(shape))}
        for name, shape in shapes.parameters.items()
    ]
    return {
        "about": network.about(form.language),
        "vectors": shapes.vectors,
        "parameters": parameters,
        "count": shapes.count,
        "diagram": draw(network, form.steps),
        "lines": _questions(network),
    }


def _questions(network: Network) -> list[dict[str, str]]:
    """The lines of a derivation, in the order in which one derives them."""
    derivation, latex = derive(network), Latex(network)
    deltas = [
        {"name": name, "math": mathml(latex.of_loss(name)), "typed": _typed(name)}
        for name in derivation.deltas
    ]
    return deltas + [
        {
            "name": name,
            "math": mathml(latex.gradient(name, paths).partition(" &=")[0]),
            "typed": name,
        }
        for name, paths in derivation.gradients.items()
    ]


def _typed(quantity: str) -> str:
    vector, _, number = quantity.partition(".")
    inner = {"": f"{vector}[t]", "1": f"bar({vector}[t])"}.get(number)
    return f"delta({inner or f'bar({vector}[t], {number})'})"


def _explain(form: Equations) -> dict[str, Any]:
    return {"html": explanation_html(form.network(), form.language)}


def _gradients(form: Equations) -> dict[str, Any]:
    network = form.network()
    entries = max(4, min(40, CHECKED // len(network.parameters)))
    rows = check_gradients(network, "reference", entries=entries, seed=form.seed)
    table = html(GRADIENTS.show(rows, Words(form.language)))
    return {"html": table, "passed": all(row.passed for row in rows)}


def _example(form: Equations) -> dict[str, Any]:
    """The numbers of the example on which derivations are checked, for a program in NumPy."""
    example = Check(form.network(), form.line, form.seed).example
    lines = ["import numpy as np"]
    lines += [f"{name} = {_numpy(value)}" for name, value in example.parameters.items()]
    lines += [
        f"{name}_before = {_numpy(value)}  # before the text, oldest first"
        for name, value in example.past.items()
    ]
    lines.append(f"text = {[*example.text]}  # x[1], ..., x[T], and what follows")
    return {"numpy": "\n".join(lines)}


def _numpy(value: NDArray[Any]) -> str:
    text = np.array2string(value, separator=", ", max_line_width=90, floatmode="unique")
    return f"np.array({text})"


def _answer(form: Equations) -> dict[str, Any]:
    check, words = Check(form.network(), form.line, form.seed), Words(form.language)
    verdict = check.formula(form.formula) if form.formula else check.values(form.values)
    latex = Latex(check.derivation.network)
    items = "".join(f"<li>{_remark(remark, words, latex)}</li>" for remark in verdict.remarks)
    kind = "right" if verdict.right else "wrong"
    return {"right": verdict.right, "html": f'<ul class="verdict {kind}">{items}</ul>'}


def _remark(remark: Remark, words: Words, latex: Latex) -> str:
    def shown(formula: Any) -> str:
        return "" if formula is None else mathml(latex.formula(formula))

    sentence = words(f"answer {remark.kind}", detail=escape(remark.detail))
    parts = re.split(r"(\[typed\]|\[exact\])", sentence)
    filled = {"[typed]": shown(remark.typed), "[exact]": shown(remark.exact)}
    return "".join(filled.get(part, escape(part)) for part in parts)


def _steps(form: Equations) -> dict[str, Any]:
    network, words = form.network(), Words(form.language)
    walk, latex = walk_through(network, seed=form.seed), Latex(network)
    lines = []
    for line in walk.lines:
        where = words(f"walk {line.phase}" if line.time else "walk total", t=line.time)
        formula = mathml(line.latex.replace("&=", "="))
        lines.append({"where": where, "formula": formula, "value": _array(line.value)})
    given = [
        {"name": mathml(latex.name(name)), "value": _array(value)}
        for name, value in walk.example.parameters.items()
    ]
    return {"given": given, "text": [*walk.example.text], "lines": lines}


def _array(value: NDArray[Any]) -> str:
    """Numbers in brackets: a vector is a column."""
    value = np.asarray(value)
    if value.ndim == 0:
        return f"<output>{_digits(value)}</output>"
    rows = value[:, None] if value.ndim == 1 else value
    cells = "".join(
        f"<tr>{''.join(f'<td>{_digits(one)}</td>' for one in row)}</tr>" for row in rows
    )
    return f'<table class="matrix">{cells}</table>'


def _digits(number: Any) -> str:
    return f"{float(number):.3f}".replace("-", "−")


_ANSWERS: dict[str, Callable[[Equations], dict[str, Any]]] = {
    "check": _check,
    "explain": _explain,
    "gradients": _gradients,
    "example": _example,
    "answer": _answer,
    "steps": _steps,
}
