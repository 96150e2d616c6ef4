"""The place Train in a real browser: drop a text, start, watch, pause, go on; nothing elsewhere.

Without Chromium it is skipped, and says so.
"""

import json
import os
import shutil
import signal

import pytest

from chromium import PROGRAM, Chromium
from command_line import write_text
from recurra.comparison.create import compare_runs
from recurra.storage.runs import Run
from serving import serving

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no browser: Chromium is not installed")

PLACE = "#place-train"
SETTINGS = {
    "hidden": 6, "batch": 2, "seq_len": 8, "steps": 10_000_000, "warmup": 5, "record_every": 50,
    "evaluate_every": 500, "sample_every": 500, "sample_characters": 30, "evaluate_characters": 200,
}  # fmt: skip
DROP = """(() => {
  const given = new DataTransfer();
  given.items.add(new File([TEXT], NAME, { type: "text/plain" }));
  document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: given }));
})()"""
SET = """[...document.querySelectorAll(".setting")]
  .find((one) => one.querySelector("code").textContent === NAME)
  .querySelector("input").value = VALUE"""


def fill(script, **values):
    for name, value in values.items():
        script = script.replace(name, json.dumps(value))
    return script


@pytest.fixture
def page(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with serving(folder) as (server, _), Chromium(tmp_path / "profile") as page:
        page.open(server.address)  # leaves the cookie, and leads on
        page.follow()
        page.run("location.hash = 'train'")
        page.wait(f"document.querySelector('{PLACE} .settings')")
        yield page, server
        for run in folder.glob("runs/*"):
            if number := Run.open(run).holder:
                os.kill(number, signal.SIGKILL)


def test_a_training_from_a_dropped_text_to_its_curve(page, tmp_path):
    page, server = page
    text = write_text(tmp_path / "novel.txt").read_text("utf-8")
    page.run(fill(DROP, TEXT=text, NAME="<b>my novel</b>.txt"))
    page.wait("document.querySelector('.texts small')")
    assert "characters" in page.run("document.querySelector('.texts small').textContent")
    for name, value in SETTINGS.items():
        page.run(fill(SET, NAME=name, VALUE=str(value)))
    page.type(f"{PLACE} form .row select", "rnn")
    page.run("document.querySelector('form details').open = true")
    page.type(f"{PLACE} form details select", "reference")
    page.click(f"{PLACE} form button.main")
    # it is told where it was asked, and covers nothing
    page.wait(f"document.querySelector('{PLACE} form [data-word=begun]')", 60)
    assert page.run("document.querySelector('#notice').textContent") == ""
    # the curve moves
    page.wait(f"document.querySelector('{PLACE} figure polyline')", 120)
    before = page.run(f"document.querySelector('{PLACE} figure').innerHTML")
    page.wait(f"document.querySelector('{PLACE} figure').innerHTML !== {json.dumps(before)}", 60)
    page.wait(f"document.querySelector('{PLACE} .sample')", 60)
    # pause, and go on
    page.click("[data-act='pause']")
    page.wait(f"document.querySelector('{PLACE} td.state.stopped')", 60)
    page.wait("document.querySelector('[data-act=\"resume\"]')")
    steps = int(page.run("document.querySelectorAll('.runs td.n')[1].textContent").replace(",", ""))
    page.type("[data-act='number']", str(steps + 1000))
    page.click("[data-act='go on']")
    page.wait(f"document.querySelector('{PLACE} td.state.done')", 60)
    # what is chosen stands in the address, and is there again
    shown = page.run("location.href")
    assert "run=" in shown
    page.run("document.querySelector('[data-language=\"zh\"]').click()")
    page.wait(f"document.querySelector('{PLACE} h2').textContent === '训练'")
    assert page.problems() == []
    page.open("about:blank")
    page.open(shown)
    page.wait(f"document.querySelector('{PLACE} figure polyline')")
    missing = page.run(f"""[...document.querySelectorAll("{PLACE} [data-word]")]
      .filter((one) => one.checkVisibility() && one.textContent === one.dataset.word)
      .map((one) => one.outerHTML)""")
    assert missing == []
    page(
        "Emulation.setDeviceMetricsOverride",
        width=390,
        height=800,
        deviceScaleFactor=1,
        mobile=True,
    )
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    curves, form = (
        page.run(f"document.querySelector('{PLACE} {part}').getBoundingClientRect().top")
        for part in ("figure", "form")
    )
    assert curves < form  # what was chosen comes first, where there is one column
    assert page.problems() == []
    assert {address for address in page.requests() if not address.startswith(server.origin)} <= {
        "about:blank", "data:,",
    }  # fmt: skip


def test_an_address_leads_to_its_comparison(page, folder, tmp_path):
    page, server = page
    place = tmp_path / "folder"
    for name in ("a", "b"):
        shutil.copytree(folder / "runs/rnn", place / name)
    compare_runs({"one": [place / "a"], "other": [place / "b"]}, out=place / "comparison")
    page.open("about:blank")
    page.open(f"{server.origin}/#train?entry=comparison")
    page.wait(f"document.querySelector('{PLACE} .report table')")
    top = f"document.querySelector('{PLACE} .report').getBoundingClientRect().top"
    page.wait(f"{top} >= 0 && {top} < innerHeight / 2")
    assert page.problems() == []


def test_a_refusal_is_shown_where_it_was_asked(page):
    page, _ = page
    page.click(f"{PLACE} form button.main")
    page.wait(f"document.querySelector('{PLACE} form .error').checkVisibility()")
    told = page.run(f"document.querySelector('{PLACE} form .error').textContent")
    assert told.startswith("name what to train on")


def test_a_server_that_ends_is_told(page):
    page, server = page
    server.stop()
    page.wait("document.querySelector('#notice').textContent.includes('does not answer')", 60)
