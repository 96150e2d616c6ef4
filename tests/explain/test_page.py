"""The page: LaTeX that renders, sentences in two languages, what a notebook shows."""

import base64
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings

import recurra
from equations_list import LIBRARY, VALID, Valid
from recurra.explain.derivation import derive
from recurra.explain.latex import Latex, tex
from recurra.explain.names import split, symbols
from recurra.explain.page import explanation, summary
from recurra.lang.functions import FUNCTIONS
from recurra.view.words import LANGUAGES, Words
from strategies import networks

# All that a page may use: known to amsmath, KaTeX and MathJax alike.
COMMANDS = """
    aligned cases begin end frac tfrac sqrt sum partial top bar overline mathcal mathbf mathit
    text operatorname Bigl Bigr bigl bigr left right quad dots cdot odot otimes le in pi tanh exp ln
    sin cos max min alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho
    sigma tau upsilon phi chi psi omega
"""


def formulas(page: str) -> list[str]:
    """Every formula of a page, displayed or in a line."""
    page = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    displayed = re.findall(r"^\$\$\n(.*?)\n\$\$$", page, re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^\$\$\n.*?\n\$\$$", "", page, flags=re.DOTALL | re.MULTILINE)
    assert rest.count("$") % 2 == 0
    inline = re.findall(r"\$([^$]*)\$", rest)
    assert all(formula and formula == formula.strip() for formula in inline)
    return displayed + inline


def check_formula(formula: str) -> None:
    """Balanced, and of known commands only."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", formula):
        depth += 1 if brace == "{" else -1
        assert depth >= 0, formula
    assert depth == 0, formula
    for left, right in (("left(", "right)"), ("Bigl(", "Bigr)"), ("begin{", "end{")):
        assert formula.count(rf"\{left}") == formula.count(rf"\{right}"), formula
    assert set(re.findall(r"\\([A-Za-z]+)", formula)) <= {*COMMANDS.split()}, formula
    assert not re.search(r"\^(\{[^{}]*\}|\\?\w+)\s*\^", formula), "two superscripts"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LIBRARY)
def test_library(name: str, language: str) -> None:
    network = recurra.load_network(name)
    page = explanation(network, language, "diagram.svg")
    found = formulas(page)
    assert len(found) > 10
    for formula in found:
        check_formula(formula)
    assert not re.search(r"(?<!_)\{(y|d|p|H|logits|vector|readers|names)\}", page)
    assert network.source in page
    assert "![" + name.replace("_", r"\_") + "](diagram.svg)" in page
    assert recurra.generate_kernels(recurra.make_plan(network)).text in page
    for parameter in network.parameters:
        symbol = Latex(network).name(parameter)
        assert rf"\frac{{\partial \mathcal{{L}}}}{{\partial {symbol}}} &= \sum_{{t=1}}" in page
    assert (Words(language)("published") in page) == (name == "wrnn")


@pytest.mark.parametrize("case", VALID, ids=[case.name for case in VALID])
def test_valid(case: Valid) -> None:
    for formula in formulas(explanation(recurra.parse(case.text), "en", "d")):
        check_formula(formula)


@given(networks(structured=True))
@settings(max_examples=settings.default.max_examples // 3)
def test_any_network(text: str) -> None:
    network = recurra.parse(text)
    derivation, latex = derive(network), Latex(network)
    lines = [latex.step(step) for step in derivation.steps]
    lines += [latex.chain(*item) for item in derivation.deltas.items()]
    lines += [latex.gradient(*item) for item in derivation.gradients.items()]
    for line in lines:
        check_formula(line)


def test_every_function_is_explained() -> None:
    for name in FUNCTIONS:
        page = explanation(recurra.load_network("rnn", {"f": name}), "en", "d")
        assert rf"f'(z) &= {FUNCTIONS[name].latex_derivative}" in page
        for formula in formulas(page):
            check_formula(formula)


def lines(text: str) -> list[str]:
    """The derivation of these equations, line by line; gradients as ``parameter: sum``."""
    network = recurra.parse(text)
    derivation, latex = derive(network), Latex(network)
    steps = [latex.step(step) for step in derivation.steps]
    deltas = [latex.delta_line(*item) for item in derivation.deltas.items()]
    sums = [latex.gradient(*item).split("&= ")[1] for item in derivation.gradients.items()]
    gradients = [f"{name}: {total}" for name, total in zip(derivation.gradients, sums, strict=True)]
    return [line.replace("&= ", "= ") for line in (*steps, *deltas, *gradients)]


def test_a_vanilla_network_as_in_the_textbook() -> None:
    # Goodfellow, Bengio & Courville 2016, equations 10.18 to 10.28, in our notation
    assert lines("h[t] = tanh(b + W @ h[t-1] + U @ x[t])\no[t] = softmax(c + V @ h[t])\n") == [
        r"\bar h_{t} = b + W\,h_{t-1} + U\,x_{t}",
        r"h_{t} = \tanh(\bar h_{t})",
        r"\bar o_{t} = c + V\,h_{t}",
        r"\delta \bar o_{t} = o_{t} - y_t",
        r"\delta h_{t} = W^\top\,\delta \bar h_{t+1} + V^\top\,\delta \bar o_{t}",
        r"\delta \bar h_{t} = \delta h_{t} \odot \tanh'(\bar h_{t})",
        r"W: \sum_{t=1}^{T} \delta \bar h_{t}\,h_{t-1}^{\top}",
        r"U: \sum_{t=1}^{T} \delta \bar h_{t}\,x_{t}^{\top}",
        r"V: \sum_{t=1}^{T} \delta \bar o_{t}\,h_{t}^{\top}",
        r"b: \sum_{t=1}^{T} \delta \bar h_{t}",
        r"c: \sum_{t=1}^{T} \delta \bar o_{t}",
    ]


@pytest.mark.parametrize(
    ("right", "latex"),
    [
        ("W @ (r[t] * h[t-1])", r"W\,(r_{t} \odot h_{t-1})"),
        ("A @ B @ h[t-1]", r"A\,B\,h_{t-1}"),
        ("r[t] * (W @ h[t-1] + s)", r"r_{t} \odot (W\,h_{t-1} + s)"),
        ("0.5 * h[t-1] - (r[t] - h[t-2])", r"0.5\,h_{t-1} - (r_{t} - h_{t-2})"),
        ("-(r[t] + h[t-1]) * s", r"(-(r_{t} + h_{t-1})) \odot s"),
        ("r[t] / (1 + tanh(r[t])) / 2", r"\frac{\frac{r_{t}}{1 + \tanh(r_{t})}}{2}"),
        ("W.T @ r[t] * 1e-20", r"10^{-20}\,W^\top\,r_{t}"),
        ("r[t] * -2 * s", r"(-2)\,r_{t} \odot s"),
    ],
)  # fmt: skip
def test_expressions(right: str, latex: str) -> None:
    text = f"r[t] = tanh(U @ x[t])\nh[t] = {right}\no[t] = softmax(Q @ h[t] + P @ r[t])\n"
    assert f"h_{{t}} = {latex}" in lines(text)


@pytest.mark.parametrize(
    ("name", "parts", "letter"),
    [
        ("W", ("W", ""), "W"),
        ("W1", ("W", "1"), "W"),
        ("bf", ("b", "f"), "b"),
        ("Win", ("W", "in"), "W"),
        ("W_in2", ("W", "in2"), "W"),
        ("alpha", ("α", ""), r"\alpha"),
        ("Lambda2", ("Λ", "2"), r"\Lambda"),
        ("hidden", ("hidden", ""), r"\mathit{hidden}"),
        ("层1", ("层", "1"), r"\text{层}"),
        ("_", ("_", ""), r"\_"),
        ("_a_b", ("_a_b", ""), r"\_a\_b"),
    ],
)
def test_names(name: str, parts: tuple[str, str], letter: str) -> None:
    assert split(name) == parts
    assert tex(parts[0]) == letter


def test_the_plan_writes_matrices_as_the_equations_do() -> None:
    page = explanation(recurra.load_network("tied"), "en", "d")
    assert "`E.T @ p[t]`" in page
    turned = "h[t] = tanh(E.T @ x[t] + W @ h[t-1])\no[t] = softmax(E @ h[t])\n"
    page = explanation(recurra.parse(turned), "en", "d")
    assert "`E.T @ x[t]`" in page
    assert "`E @ h[t]`" in page


def test_names_that_look_alike_stay_as_typed() -> None:
    network = recurra.parse("h[t] = tanh(W1 @ x[t] + W_1 @ h[t-1])\no[t] = softmax(Q @ h[t])\n")
    assert symbols(network)["W1"] == ("W1", "")
    assert Latex(network).name("W_1") == r"W\_1"


@pytest.mark.parametrize("name", ["out", "logit", "p_t"])
def test_an_output_whose_name_ends_like_the_time(name: str) -> None:
    network = recurra.parse(f"h[t] = tanh(U @ x[t] + W @ h[t-1])\n{name}[t] = softmax(Q @ h[t])\n")
    latex = Latex(network)
    assert latex.entry(name, "j") == latex.quantity(name, 0)[: -len("t}")] + "t,j}"


def test_letters_that_the_network_uses_itself_are_not_used_for_time_and_target() -> None:
    page = explanation(recurra.load_network("wrnn"))
    assert r"\sum_{t=1}^{N}" in page
    taken = "y[t] = tanh(N @ x[t] + T @ y[t-1] + delta)\no[t] = softmax(Q @ y[t])\n"
    page = explanation(recurra.parse(taken))
    assert r"\sum_{t=1}^{\tau} d \bar y_{t}\,y_{t-1}^{\top}" in page
    assert "= o_{t} - k_t" in page


def test_a_page_and_a_notebook_hold_the_diagram() -> None:
    network = recurra.load_network("lstm")
    for page in (explanation(network), summary(network)):
        (data,) = re.findall(r"!\[lstm\]\(data:image/svg\+xml;base64,([^)]+)\)", page)
        svg = base64.b64decode(data).decode()
        assert svg == recurra.draw(network)
        ET.fromstring(svg)
        assert r"c_{t} &= f_{t} \odot c_{t-1} + i_{t} \odot g_{t}" in page
