"""What the documents show is what the code does."""

import re
from pathlib import Path

import pytest

import recurra
from documents import blocks, run_page
from recurra.compute.gradcheck import check_gradients
from recurra.lang.functions import FUNCTIONS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
TRANSLATED = [DOCS / "zh" / name for name in ("equations.md", "tuning.md", "comparing.md")]
LANGUAGE = [DOCS / "equations.md", DOCS / "zh" / "equations.md"]


def name_of(path):
    return str(path.relative_to(ROOT))


NETWORKS = [text for _, _, text in blocks(LANGUAGE[0]) if "softmax" in text]


@pytest.mark.parametrize("text", NETWORKS)
def test_every_network_of_the_language_page_is_exact(text):
    network = recurra.parse(text)
    assert recurra.parse(network.source) == network
    assert all(row.passed for row in check_gradients(network, "reference", entries=4))


def test_the_language_page_has_the_same_networks_in_chinese():
    chinese = [text for _, _, text in blocks(LANGUAGE[1]) if "softmax" in text]
    assert [re.sub("#.*", "", text) for text in chinese] == [
        re.sub("#.*", "", text) for text in NETWORKS
    ]


@pytest.mark.parametrize("page", LANGUAGE, ids=name_of)
def test_the_language_page_names_every_function(page):
    (names,) = re.findall(r"(?:Functions: |函数：)`(.*?)`", page.read_text("utf-8"))
    assert names.split() == list(FUNCTIONS)


@pytest.mark.parametrize("page", LANGUAGE, ids=name_of)
def test_the_error_of_the_language_page(page):
    shown = re.search(r"^    my\.eq, line 1.*?\^$", page.read_text("utf-8"), re.M | re.S)
    assert shown
    with pytest.raises(recurra.EquationError) as refused:
        recurra.parse("a[t] = tanh(U @ h[t] + s)\no[t] = softmax(Q @ a[t])\n", "my.eq")
    assert str(refused.value) == re.sub("^    ", "", shown[0], flags=re.M)


def is_run(page):
    """Whether a page has something to run that no page in another language runs too."""
    printed = [(language, text.startswith("recurra")) for language, _, text in blocks(page)]
    return page not in TRANSLATED and (("sh", True) in printed or ("python", False) in printed)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[] if page.parent == ROOT else pytest.mark.long)
        for page in filter(is_run, PAGES)
    ],
    ids=name_of,
)
def test_the_commands_and_programs_of_a_page_run(page, tmp_path):
    run_page(page, tmp_path)


def commands(page):
    text = "".join(text for language, _, text in blocks(page) if language == "sh")
    words = re.findall(r"^(recurra \w+)|(--[\w-]+)", re.sub("#.*", "", text), re.MULTILINE)
    return [command or option for command, option in words if option != "--lang"]


@pytest.mark.parametrize("page", [ROOT / "README.zh-CN.md", *TRANSLATED], ids=name_of)
def test_a_translated_page_has_the_commands_of_the_english_one(page):
    english = ROOT / "README.md" if page.parent == ROOT else DOCS / page.name
    assert commands(page) == commands(english)


def test_every_public_name_is_on_one_page_of_the_reference():
    text = "".join(page.read_text("utf-8") for page in sorted((DOCS / "api").glob("*.md")))
    packages = " ".join(re.findall("<!-- public names: (.*?) -->", text)).split()
    for name, module in recurra._MODULE_OF.items():
        assert sum(f"{module}.".startswith(f"{one}.") for one in packages) == 1, name


def test_the_places_for_additions_are_there():
    sources = Path(recurra.__file__).parent
    _, _, page = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## How to add")
    places = re.findall(r"`([a-z]+/[\w./]+)`", page)
    assert len(places) > 20
    for place in places:
        assert (ROOT / place).exists() or (sources / place).exists(), place
