"""One presentation layer: what is said once changes everywhere."""

import sys

import pytest

import recurra
from comparing import RECIPE, finish, plan, write_text
from recurra.cli import main
from recurra.comparison.results import Summary
from recurra.comparison.tables import SUMMARIES
from recurra.notebook.results import show_results
from recurra.report.content import gather
from recurra.report.document import compose
from recurra.report.markdown import markdown
from recurra.report.page import page
from recurra.view import numbers, palette, words
from recurra.view.tables import Column


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    short = RECIPE.with_(steps=6, warmup=2, evaluate_every=6, record_every=2)
    comparison = plan(
        write_text(folder / "a.txt", 3000), ("rnn", "gru"), hidden=[6], match="hidden", seeds=1,
        recipe=short,
        out=folder / "comparison",
    )  # fmt: skip
    finish(comparison)
    return comparison


@pytest.fixture
def shown(made, capfd, monkeypatch):
    """Every form of the same comparison, by name."""

    def terminal():
        monkeypatch.setattr(sys, "argv", ["recurra", "compare", "--resume", str(made.folder)])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        return capfd.readouterr().out

    def show():
        content = gather(made.folder, characters=0)
        results = recurra.evaluate_test(made)
        return {
            "terminal": terminal(),
            "page": page(compose(content)),
            "Markdown": markdown(compose(content)),
            "notebook": show_results(results),
        }

    return show


def test_the_digits_of_a_loss_are_said_once(made, shown, monkeypatch):
    loss = recurra.evaluate_test(made).summaries[0].test.mean
    for digits in (4, 6, 2):
        monkeypatch.setattr(numbers, "LOSS_DECIMALS", digits)
        for form, text in shown().items():
            assert f"{loss:.{digits}f}" in text, form
            assert f"{loss:.{digits + 1}f}" not in text, form


def test_a_heading_is_said_once(shown, monkeypatch):
    monkeypatch.setitem(words.table("en"), "test", "measured loss")
    for form, text in shown().items():
        assert "measured loss" in text, form


def test_a_colour_is_said_once(shown, monkeypatch):
    monkeypatch.setattr(palette, "SERIES", ["#123456", "#654321"])
    forms = shown()
    for form in ("page", "notebook"):
        assert "#123456" in forms[form]
        assert "#654321" in forms[form]
        assert "#0072b2" not in forms[form]


def test_a_column_is_registered_from_one_place(shown, monkeypatch):
    row = Summary("a budget", "rnn", 6, 100, 0.1, 1.0, None)
    toy = Column(
        "squares", {"en": "squared <size>", "zh": "平方"}, lambda row: row.hidden * row.hidden
    )
    monkeypatch.setattr(SUMMARIES, "columns", SUMMARIES.copy().add(toy, after="hidden").columns)
    for form, text in shown().items():
        escaped = form != "terminal"
        assert ("squared &lt;size&gt;" if escaped else "squared <size>") in text, form
        assert "36" in text, form
    assert [row["squares"] for row in SUMMARIES.records([row])] == [36]
