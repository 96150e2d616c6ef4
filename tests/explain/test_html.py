"""Explanations as HTML: well formed, nothing left of Markdown and LaTeX, nothing of HTML let in."""

import re
import xml.etree.ElementTree as ET
from functools import cache

import pytest
from hypothesis import given, settings

import recurra
from equations_list import LIBRARY, VALID, Valid
from recurra.explain.html import explanation_html
from recurra.explain.mathml import mathml
from recurra.lang.functions import FUNCTIONS
from recurra.view.words import LANGUAGES
from strategies import networks


def page_of(network: recurra.Network, language: str = "en") -> ET.Element:
    return ET.fromstring(f"<main>{explanation_html(network, language)}</main>")


@cache
def library_page(name: str, language: str) -> ET.Element:
    return page_of(recurra.load_network(name), language)


def check(page: ET.Element) -> None:
    assert len(page.findall(".//math")) > 10
    for formula in page.iter("math"):
        assert not re.search(r"[\\&}$^_]", "".join(formula.itertext()))
    for paragraph in page.iter("p"):
        assert not re.search(r"[$*`]|^#", "".join(paragraph.itertext()))
    assert len(page.findall(".//{*}svg")) == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LIBRARY)
def test_library(name: str, language: str) -> None:
    page = library_page(name, language)
    check(page)
    first, kernel = page.findall("pre")
    assert "".join(first.itertext()) == recurra.load_network(name).source.rstrip()
    assert "def forward" in "".join(kernel.itertext())
    assert page.find("h2").text == name


def letters(node: ET.Element) -> int:
    """How many letters a formula is wide; a fraction is as wide as its longer half."""
    inner = [letters(child) for child in node]
    own = len((node.text or "").strip())
    return own + (max(inner) if node.tag == "mfrac" else sum(inner))


@pytest.mark.parametrize("name", LIBRARY)
def test_no_line_of_a_formula_is_wider_than_a_page(name: str) -> None:
    formulas = library_page(name, "en").iter("mtr")
    assert max(map(letters, formulas)) <= 80  # tests/long/latex.py asks LaTeX


@pytest.mark.parametrize("case", VALID, ids=[case.name for case in VALID])
def test_valid(case: Valid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recurra.explain.html.draw", lambda network: "<svg/>")  # see test_diagram
    check(page_of(recurra.parse(case.text)))


@given(networks(structured=True))
@settings(max_examples=settings.default.max_examples // 5)
def test_any_network(text: str) -> None:
    check(page_of(recurra.parse(text)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function(name: str) -> None:
    check(page_of(recurra.load_network("rnn", {"f": name})))


def test_what_a_description_holds_stays_text() -> None:
    text = "# <script>alert(1)</script> & *a* `b` $c$ \\\\d | &lt;\nh[t] = tanh(U @ x[t])\n"
    page = page_of(recurra.parse(f"{text}o[t] = softmax(Q @ h[t])\n", "<b>"))
    assert page.find("h2").text == "<b>"
    assert "".join(page.find("p").itertext()) == (
        "<script>alert(1)</script> & *a* `b` $c$ \\\\d | &lt;"
    )


# By hand, from the MathML Core specification.
@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"W_1^\top", "<msubsup><mi>W</mi><mn>1</mn><mo>⊤</mo></msubsup>"),
        (r"\frac{a}{2}", "<mfrac><mrow><mi>a</mi></mrow><mrow><mn>2</mn></mrow></mfrac>"),
        (r"e^{-z}", "<msup><mi>e</mi><mrow><mo>−</mo><mi>z</mi></mrow></msup>"),
        (r"\bar a", '<mover accent="true"><mi>a</mi><mo>¯</mo></mover>'),
        (r"\tanh^2 z", "<msup><mi>tanh</mi><mn>2</mn></msup>"),
        (r"f_2'(z)", '<msub><mi>f</mi><mn>2</mn></msub><mo lspace="0" rspace="0">′</mo>'),
        (r"\tfrac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"\text{隐 层}", "<mtext>隐 层</mtext>"),
        (r"a < <b>", "<mi>a</mi><mo>&lt;</mo><mo>&lt;</mo><mi>b</mi><mo>&gt;</mo>"),
        (r"\unheard", r"<mo>\unheard</mo>"),
    ],
)
def test_by_hand(latex: str, expected: str) -> None:
    found = mathml(latex)
    ET.fromstring(found)
    assert expected in found
