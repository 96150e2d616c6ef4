"""Equations as on paper, printed from their tree."""

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings

import recurra
from equations_list import VALID, Valid
from recurra.explain.latex import Latex
from recurra.explain.notation import Letters, typeset
from recurra.lang.syntax import show
from strategies import networks

FRAME = "o[t] = softmax(Q @ h[t])\n"


def read(network: recurra.Network) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(typeset(network)))


def plain(line: ElementTree.Element) -> str:
    return "".join(line.itertext())


def written(right: str) -> tuple[str, str, str]:
    """An equation's right side in HTML, in LaTeX and in letters."""
    used = "".join(line for line in ("alpha = 0.5\n", "g1 = tanh\n") if line.split()[0] in right)
    network = recurra.parse(f"{used}h[t] = {right}\n{FRAME}")
    (line,) = (line for line in read(network) if plain(line).startswith("ht ="))
    expression = network.equations[0].expression
    latex, letters = (show(expression, signs=signs(network)) for signs in (Latex, Letters))
    return plain(line).removeprefix("ht = "), latex, letters


@pytest.mark.parametrize(
    ("right", "html", "latex", "letters"),
    [
        (
            "g1(U @ x[t] - (W.T @ h[t-12]) * s1 * alpha)",
            "g1(U xt − (W⊤ ht−12) ⊙ s1 · α)",
            r"g_{1}(U\,x_{t} - (W^\top\,h_{t-12}) \odot s_{1}\,\alpha)",
            "g1(Ux[t]−(Wᵀh[t-12])⊙s1·α)",
        ),
        (
            "(1 - alpha) * tanh(U @ x[t]) / 2 + -1e-9 * h[t-1]",
            "(1 − α) · tanh(U xt) / 2 + −1 · 10−9 · ht−1",
            r"(1 - \alpha)\,\tanh(U\,x_{t}) / 2 + -1 \cdot 10^{-9}\,h_{t-1}",
            None,
        ),
        (
            "tanh(U @ x[t] + 0.000001) + 2.5e-7 * h[t-1]",
            "tanh(U xt + 10−6) + 2.5 · 10−7 · ht−1",
            r"\tanh(U\,x_{t} + 10^{-6}) + 2.5 \cdot 10^{-7}\,h_{t-1}",
            None,
        ),
        (
            "dropout(tanh(W_in @ x[t]), 0.5) - (h[t-1] - bf)",
            "dropout(tanh(Win xt), 0.5) − (ht−1 − bf)",
            r"\operatorname{dropout}(\tanh(W_{\mathit{in}}\,x_{t}), 0.5) - (h_{t-1} - b_{f})",
            None,
        ),
    ],
)
def test_signs(right: str, html: str, latex: str, letters: str | None) -> None:
    found = written(right)
    assert found[:2] == (html, latex)
    assert letters in (None, found[2].replace(" ", ""))


def test_a_name_looks_the_same_on_every_page() -> None:
    network = recurra.load_network("scrn")
    assert "<i>α</i> = 0.95" in typeset(network)
    assert r"\alpha" in recurra.explanation(network, "en", "d")
    assert "α" in recurra.draw(network)


def test_letters_and_subscripts() -> None:
    html = typeset(recurra.parse(f"# <i>\nh[t] = sigmoid(Uz @ x[t] + W @ h[t-2])\n{FRAME}"))
    assert "<i>U</i><sub>z</sub> <b><i>x</i></b><sub><i>t</i></sub>" in html
    assert "<b><i>h</i></b><sub><i>t</i>−2</sub>" in html
    assert "<i></i>" not in html


@pytest.mark.parametrize("name", recurra.library())
def test_library(name: str) -> None:
    network = recurra.load_network(name)
    lines = list(map(plain, read(network)))
    assert not any("[t" in line or "@" in line or "*" in line for line in lines)
    assert len(lines) == sum(not line.startswith("#") for line in network.source.splitlines())


@pytest.mark.parametrize("case", VALID, ids=[case.name for case in VALID])
def test_valid(case: Valid) -> None:
    read(recurra.parse(case.text))


@given(networks(structured=True))
@settings(max_examples=settings.default.max_examples // 5)
def test_parentheses_are_those_of_the_equation_language(text: str) -> None:
    network = recurra.parse(text)
    typed = [line for line in network.source.splitlines() if not line.startswith("#")]
    shown = map(plain, read(network))  # first values after the equations, wherever they were typed
    counts = ([line.count("(") for line in lines] for lines in (shown, typed))
    assert sorted(next(counts)) == sorted(next(counts))
