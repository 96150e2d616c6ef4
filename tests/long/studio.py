"""A long way through the studio in a real browser, as a person would go it.

    python tests/long/studio.py [--pictures FOLDER]

Types the W-RNN with an error, reads its cure, mends it, checks its gradient; trains on a text that
it makes itself; writes, looks at what was likely, branches, takes it back; colours a text by a unit
and finds passages; switches to Chinese; makes the window narrow and dark. On the way: no error in
the console, no request to another origin, nothing wider than the window. Needs Chromium; some
minutes. With --pictures it keeps a picture of every place, wide and narrow, light and dark, in both
languages.
"""
# ruff: noqa: T201

import argparse
import base64
import json
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "src")]

from chromium import PROGRAM, Chromium  # noqa: E402
from command_line import process  # noqa: E402
from serving import serving  # noqa: E402
from toy_training import babble  # noqa: E402

PLACES = (
    "network?network=lstm&view=diagram", "network?network=wrnn&view=derivation",
    "network?network=gru&view=step by step", "network?network=wrnn&view=my derivation", "train",
    "write?seed=1", "inside?unit=2",
)  # fmt: skip
WRNN = """f1 = tanh
f2 = tanh
a[t] = f1(U @ x[t] + W @ a[t-1] + s1)
b[t] = f2(V @ a[t] + R @ a[t-1] + T @ bb[t-1] + s2)
o[t] = softmax(Q @ b[t] + s3)
"""
EDITOR, SHEET, UNITS = ".editor textarea", "#place-write textarea.paper", "#place-inside"
# elements that are wider than the window, but those in a box that scrolls
WIDE = """[...document.querySelectorAll("main *")].filter((one) => one.checkVisibility()
  && one.getBoundingClientRect().right > innerWidth + 1
  && !one.closest("pre, .formula, .diagram, .table, .map, .verdict, .walk, .given, table, svg"))
  .map((one) => one.outerHTML.slice(0, 90))"""


def value(page: Chromium, selector: str) -> str:
    return page.run(f"document.querySelector({json.dumps(selector)}).value")


def resize(page: Chromium, width: int, scheme: str) -> None:
    sizes = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page("Emulation.setDeviceMetricsOverride", **sizes)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page("Emulation.setEmulatedMedia", features=features)


def network(page: Chromium) -> None:
    page.type(EDITOR, WRNN)
    page.wait("document.querySelector('.error').checkVisibility()")
    told = page.run("document.querySelector('.error').innerText")
    assert "bb[t] is read but no equation defines it" in told, told
    assert "line 4, column 39" in told, told
    page.type(EDITOR, WRNN.replace("bb[", "b["))
    page.wait("document.querySelector('.error').hidden")
    page.click("#tab-gradient-check")
    page.click("#panel-gradient-check button.main")
    page.wait("document.querySelectorAll('#panel-gradient-check tbody tr').length === 9")
    page.wait("document.querySelector('#panel-gradient-check .verdict.right')")


def train(folder: Path) -> None:
    (folder / "babble.txt").write_text(babble(40_000), "utf-8")
    for name in ("rnn", "lstm"):
        options = ["--network", name, "--hidden", 24, "--minutes", 0.3, "-q"]
        out = ["--out", folder / "runs" / name]
        done = process("train", folder / "babble.txt", *options, *out, text=True, timeout=600)
        assert done.returncode == 0, done.stderr


def write(page: Chromium) -> None:
    page.run("location.hash = 'write?run=runs%2Flstm&beside=runs%2Frnn&seed=1&characters=300'")
    page.wait("document.querySelector('#place-write select')?.value")
    page.type(SHEET, "abc? de.\n")
    page.wait("document.querySelectorAll('.paper .unknown').length === 1")
    page.click("#place-write button.main")
    page.wait(f"document.querySelector('{SHEET}').value.length === 309")
    page.wait("!document.querySelector('#place-write button.main').disabled")
    before = value(page, SHEET)
    page.wait("document.querySelectorAll('.paper.still span').length === 309")
    page.run("scrollTo(0, 0)")
    hovered = page.run("""(() => {
      const span = document.querySelector("#place-write pre.paper span[data-i='40']");
      const { left, top, width, height } = span.getBoundingClientRect();
      const times = [...Array(50)].map((_, i) => {
        const begun = performance.now();
        document.querySelector("#place-write textarea").dispatchEvent(new MouseEvent("mousemove",
          { clientX: left + width / 2, clientY: top + height / 2, bubbles: true }));
        return performance.now() - begun;
      });
      return times.sort((a, b) => a - b)[25];
    })()""")
    print(f"hover: {hovered:.1f} ms")
    page.wait("document.querySelector('.likeliest button.here')")
    page.click(".likeliest li:nth-child(2) button")
    page.wait(f"document.querySelector('{SHEET}').value.length === 341")
    page.wait("!document.querySelector('#place-write button.main').disabled")
    assert value(page, SHEET)[:40] == before[:40]
    page.click("#place-write button[data-word=undo]")
    assert value(page, SHEET) == before
    page.click("#place-write button[data-word=redo]")
    assert value(page, SHEET) != before


def inside(page: Chromium) -> None:
    page.run("location.hash = 'inside?run=runs%2Flstm&other=runs%2Frnn&unit=3'")
    page.wait(f"document.querySelectorAll('{UNITS} pre.paper span').length > 100")
    page.wait(f"document.querySelector('{UNITS} .figure svg')")
    page.run(f"""(() => {{
      const field = document.querySelector("{UNITS} textarea");
      field.focus();
      field.setSelectionRange(20, 24);
    }})()""")
    page.wait(f"!document.querySelector('{UNITS} button.main').disabled")
    page.click(f"{UNITS} button.main")
    page.wait(f"document.querySelectorAll('{UNITS} .passages li').length > 3")


def look(page: Chromium, pictures: Path | None) -> None:
    """Every place in both languages, wide and narrow, light and dark."""
    for language in ("en", "zh"):
        page.click(f"[data-language={language}]")
        for width, scheme in ((1280, "light"), (390, "light"), (1280, "dark")):
            resize(page, width, scheme)
            for place in PLACES:
                page.run(f"location.hash = {json.dumps(place.replace(' ', '+'))}")
                time.sleep(1.5)
                assert page.run("document.documentElement.scrollWidth") <= width, (place, width)
                assert page.run(WIDE) == [], (place, width, page.run(WIDE))
                if pictures:
                    shot = page("Page.captureScreenshot", captureBeyondViewport=True)
                    name = "".join(c if c.isalnum() else "-" for c in place)
                    target = pictures / f"{language}-{width}-{scheme}-{name}.png"
                    target.write_bytes(base64.b64decode(shot["data"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path)
    pictures = parser.parse_args().pictures
    if PROGRAM is None:
        sys.exit("no browser: Chromium is not installed")
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "folder")
        folder.mkdir()
        train(folder)
        with serving(folder) as (server, _), Chromium(Path(temporary, "profile")) as page:
            resize(page, 1280, "light")
            page.open(server.address)
            begun = time.monotonic()
            page.open(f"{server.origin}/")
            page.wait("document.querySelector('#place-network .diagram svg')")
            print(f"first page: {time.monotonic() - begun:.2f} s")
            page.click("[data-language=en]")
            for step in (network, write, inside):
                step(page)
                print(f"{step.__name__}: well")
            look(page, pictures)
            foreign = [u for u in page.requests() if not u.startswith((server.origin, "data:"))]
            assert foreign == [], foreign
            assert page.problems() == [], page.problems()
    print("all well")


if __name__ == "__main__":
    main()
