"""The gallery tells of every network of the library what was measured, in both languages."""

import json
import re
import runpy
from pathlib import Path
from statistics import mean
from types import SimpleNamespace

import pytest

import recurra
from chromium import PROGRAM, Chromium
from recurra.comparison.budgets import TOLERANCE

DOCS = Path(__file__).parents[1] / "docs"
HOOKS = runpy.run_path(str(DOCS / "gallery.py"))
HEADINGS = 7
DIAGRAM = '<svg width="1" height="1"/>'
NETWORKS = json.loads((DOCS / "gallery.json").read_text("utf-8"))["networks"]


@pytest.mark.parametrize("url", ["gallery.html", "zh/gallery.html"])
def test_the_page_shows_every_network_with_its_numbers(url, monkeypatch):
    # diagrams of all networks take seconds, and have tests of their own
    monkeypatch.setitem(HOOKS["section"].__globals__, "picture", lambda name: DIAGRAM)
    markdown = (DOCS / url).with_suffix(".md").read_text("utf-8")
    page = HOOKS["on_page_markdown"](markdown, page=SimpleNamespace(url=url), config={}, files=[])
    assert not re.search(r"\{\{|<!--", page)
    rows = dict(re.findall(r'<tr><th scope="row" data-value="(\w+)">(.*?)</tr>', page))
    assert list(rows) == recurra.library()
    headings = page.count('<th scope="col">')
    for name, row in rows.items():
        assert f'href="#{name}"' in row
        assert f"### {name} {{ #{name} }}" in page
        assert row.count("<td") == headings - 1
        values = [float(value) for value in re.findall(r'data-value="(.+?)"', row)]
        assert values[0] == NETWORKS[name]["parameters"]
        for limit in {"steps", "minutes"} & NETWORKS[name].keys():
            assert pytest.approx(mean(NETWORKS[name][limit]["losses"])) in values
    columns = zip(*(re.findall(r'data-value="(.*?)"', row) for row in rows.values()), strict=True)
    assert all(any(column) for column in columns)  # none of dashes alone
    for address in re.findall(r'(?:src|href)="((?:\.\./)*(?:gallery|assets)/.*?)"', page):
        path = (DOCS / url).parent.joinpath(address).resolve().relative_to(DOCS)
        assert (DOCS / path).exists() or path.stem in rows


def test_the_networks_of_the_gallery_are_equally_large():
    sizes = {name: network["parameters"] for name, network in NETWORKS.items()}
    assert all(abs(size / sizes["lstm"] - 1) <= TOLERANCE for size in sizes.values())


def test_a_network_that_is_not_measured_yet_has_dashes():
    assert {shown for _, shown in HOOKS["cells"]("new")} == {"–"}


@pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")
def test_every_heading_sorts_by_keyboard_up_and_down(tmp_path):
    page = tmp_path / "gallery.html"
    script = (DOCS / "assets" / "gallery.js").read_text("utf-8")
    table = HOOKS["table"]([f"column {n}" for n in range(HEADINGS)])
    page.write_text(f"<!doctype html>{table}<script>{script}</script>", "utf-8")
    with Chromium(tmp_path / "profile") as browser:
        browser.open(page)
        for column in range(table.count('<th scope="col">')):
            for direction in ("ascending", "descending"):
                browser.run(f"document.querySelectorAll('button')[{column}].focus()")
                for kind in ("keyDown", "keyUp"):
                    browser("Input.dispatchKeyEvent", type=kind, key="Enter", text="\r")
                assert browser.run(f"networks.tHead.rows[0].cells[{column}].ariaSort") == direction
                cells = (
                    f"[...networks.tBodies[0].rows].map((row) => row.cells[{column}].dataset.value)"
                )
                values = [
                    value if column == 0 else float(value) for value in browser.run(cells) if value
                ]
                assert values == sorted(values, reverse=direction == "descending")
        assert browser.problems() == []
