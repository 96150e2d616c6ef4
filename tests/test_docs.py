"""What the documents show is what the code does."""

import re
from pathlib import Path

import pytest

import recurra
from recurra.compute.gradcheck import check_gradients
from recurra.lang.functions import FUNCTIONS

DOCS = Path(__file__).parents[1] / "docs"
LANGUAGE = (DOCS / "equations.md").read_text("utf-8")


@pytest.mark.parametrize("text", re.findall(r"^```\n(.*?)^```", LANGUAGE, re.M | re.S))
def test_every_network_of_the_language_page_is_exact(text: str) -> None:
    network = recurra.parse(text)
    assert recurra.parse(network.source) == network
    assert all(row.passed for row in check_gradients(network, "reference", entries=4))


def test_the_language_page_names_every_function() -> None:
    (names,) = re.findall(r"Functions: `(.*?)`", LANGUAGE)
    assert names.split() == list(FUNCTIONS)


def test_the_error_of_the_language_page() -> None:
    shown = re.search(r"^    my\.eq, line 1.*?\^$", LANGUAGE, re.M | re.S)
    assert shown
    with pytest.raises(recurra.EquationError) as refused:
        recurra.parse("a[t] = tanh(U @ h[t] + s)\no[t] = softmax(Q @ a[t])\n", "my.eq")
    assert str(refused.value) == re.sub("^    ", "", shown[0], flags=re.M)
