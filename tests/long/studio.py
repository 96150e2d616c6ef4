"""A long way through the studio in a real browser, as a person would go it.

    python tests/long/studio.py [--pictures FOLDER] [--docs docs/assets/studio]

Types the W-RNN with an error, reads its cure, mends it, checks its gradient; drops a text that it
makes itself, trains on it, watches the curve move, pauses, goes on; begins a search and a
comparison; writes with three networks side by side, looks at what was likely, branches, takes it
back; colours a text by a unit and finds passages; switches to Chinese; makes the window narrow and
dark. On the way: no error in the console, no request to another origin, nothing wider than the
window. Needs Chromium; some minutes. With --pictures it keeps a picture of every place, wide and
narrow, light and dark, in both languages; with --docs those of the documents.
"""
# ruff: noqa: T201

import argparse
import base64
import json
import random
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "src")]

from chromium import PROGRAM, Chromium  # noqa: E402
from command_line import process  # noqa: E402
from serving import serving  # noqa: E402

SENTENCES = (
    ("The old keeper", "A quiet child", "My sister", "The grey cat", "Every sailor"),
    ("lit the lamp", "counted the boats", "wrote a letter", "waited at the door", "sang a song"),
    (
        "before the rain came",
        "when the wind fell",
        "under the first stars",
        "until the tide turned",
    ),
    (".", ".", ", and nobody answered.", '; "come home," said the sea.'),
)
PLACES = (
    "network?network=lstm&view=diagram", "network?network=wrnn&view=derivation",
    "network?network=gru&view=step by step", "network?network=lstm&steps=1",
    "network?network=wrnn&view=my derivation", "train",
    "write?seed=1&run=runs/lstm&beside=runs/rnn&third=runs/gru", "inside?run=runs/lstm&unit=2",
    "train?run=runs/lstm,runs/rnn&y=gradient_norm", "train?begin=tune&entry=studies/rnn-story-001",
    "train?begin=compare&entry=comparisons/rnn-wrnn-story-001",
)  # fmt: skip
WRNN = """f1 = tanh
f2 = tanh
a[t] = f1(U @ x[t] + W @ a[t-1] + s1)
b[t] = f2(V @ a[t] + R @ a[t-1] + T @ bb[t-1] + s2)
o[t] = softmax(Q @ b[t] + s3)
"""
DROP = """(() => {
  const given = new DataTransfer();
  given.items.add(new File([TEXT], "story.txt", { type: "text/plain" }));
  document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: given }));
})()"""
SET = """(() => {
  const one = [...document.querySelectorAll("#place-train .setting")].find((one) =>
    !one.closest("[hidden]") && one.querySelector("code").textContent === NAME);
  one.querySelector("input, select").value = VALUE;
})()"""
TRAIN = "#place-train"
EDITOR, SHEET, UNITS = ".editor textarea", "#place-write textarea.paper", "#place-inside"
# elements that are wider than the window, but those in a box that scrolls
WIDE = """[...document.querySelectorAll("main *")].filter((one) => one.checkVisibility()
  && one.getBoundingClientRect().right > innerWidth + 1
  && !one.closest("pre, .formula, .diagram, .table, .map, .verdict, .walk, .given, table, svg"))
  .map((one) => one.outerHTML.slice(0, 90))"""
# nothing says that it is computed; the network and the curves of the address are there
DONE = """(() => {
  const network = /network=(\\w+)/.exec(location.hash)?.[1];
  const curves = location.hash.startsWith("#train?run=");
  return [...document.querySelectorAll("[data-word=computing]")].every((o) => !o.checkVisibility())
    && (!network || document.querySelector("#panel-diagram title")?.textContent === network)
    && (!curves || document.querySelector("#place-train figure polyline"));
})()"""


def value(page: Chromium, selector: str) -> str:
    return page.run(f"document.querySelector({json.dumps(selector)}).value")


def resize(page: Chromium, width: int, scheme: str) -> None:
    sizes = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page("Emulation.setDeviceMetricsOverride", **sizes)
    page("Emulation.setScrollbarsHidden", hidden=True)
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


def story(length: int) -> str:
    """Sentences written for this script, put together at random."""
    rng = random.Random(7)
    lines, size = [], 0
    while size < length:
        a, b, c, end = (rng.choice(part) for part in SENTENCES)
        lines.append(f"{a} {b} {c}{end}")
        size += len(lines[-1]) + 1
    return "\n".join(lines)


def prepare(folder: Path) -> None:
    (folder / "before.txt").write_text(story(40_000), "utf-8")
    for name in ("rnn", "lstm", "gru"):
        options = ["--network", name, "--hidden", 32, "--steps", 300, "--batch", 16, "-q"]
        out = ["--out", folder / "runs" / name]
        done = process("train", folder / "before.txt", *options, *out, text=True, timeout=600)
        assert done.returncode == 0, done.stderr


def fill(script: str, **values: object) -> str:
    for name, given in values.items():
        script = script.replace(name, json.dumps(given))
    return script


def set_fields(page: Chromium, **values: object) -> None:
    for name, given in values.items():
        page.run(fill(SET, NAME=name, VALUE=str(given)))


def train(page: Chromium) -> None:
    page.run("location.hash = 'train'")
    page.wait(f"document.querySelector('{TRAIN} .settings')")
    page.run(fill(DROP, TEXT=story(40_000)))
    page.wait("document.querySelector('.texts small')")
    page.wait("document.querySelectorAll('.choices input').length > 10")
    set_fields(page, hidden=32, minutes=1, record_every=10, evaluate_every=100, sample_every=200)
    page.click(f"{TRAIN} form button[data-word=estimate]")
    page.wait("document.querySelector('[data-word=\"expected time\"]')", 60)
    page.click(f"{TRAIN} form button.main")
    curve = f"document.querySelector('{TRAIN} figure polyline')"
    page.wait(curve, 120)
    before = page.run(f"{curve}.outerHTML")
    page.wait(f"{curve}.outerHTML !== {json.dumps(before)}", 60)
    page.click("[data-act=pause]")
    page.wait(f"document.querySelector('{TRAIN} td.state.stopped')", 60)
    page.click("[data-act=resume]")
    page.wait(f"document.querySelector('{TRAIN} td.state.running')", 60)
    page.wait(f"!document.querySelector('{TRAIN} td.state.running')", 180)


def outcomes(page: Chromium) -> None:
    """A search and a comparison, from the form to the winner and the verdict."""
    small = {"seq_len": 16, "batch": 8, "warmup": 2}
    page.run("location.hash = 'train?begin=tune'")
    page.wait(f"!document.querySelector('{TRAIN} textarea.code').closest('label').hidden")
    page.type(f"{TRAIN} textarea.code", "lr = [0.003, 0.01, 0.03]\nhidden = [8, 16, 24]\n")
    page.type(f"{TRAIN} form .row select", "rnn")
    set_fields(page, **small, length=40_000, workers=2, evaluate_characters=1000)
    page.click(f"{TRAIN} form button[data-word=estimate]")
    page.wait("document.querySelector('[data-word=\"expected trials\"]')", 120)
    page.click(f"{TRAIN} form button.main")
    page.wait(f"document.querySelector('{TRAIN} .report polyline')", 120)
    page.wait(f"document.querySelector('{TRAIN} .report .answer')", 300)
    page.wait(f"document.querySelector('{TRAIN} section .state.done')", 300)
    assert not page.run(f"document.querySelector('{TRAIN} section button').checkVisibility()")
    page.run("location.hash = 'train?begin=compare'")
    page.run("""for (const box of document.querySelectorAll(".choices input"))
      box.checked = ["rnn", "wrnn"].includes(box.value)""")
    set_fields(page, hidden=8, steps=100, seeds=2, **small)
    page.click(f"{TRAIN} form button.main")
    page.wait(f"document.querySelector('{TRAIN} .state.done')", 300)
    page.wait(f"document.querySelector('{TRAIN} .report .answer')", 60)


def write(page: Chromium) -> None:
    runs = "run=runs%2Flstm&beside=runs%2Frnn&third=runs%2Fgru"
    page.run(f"location.hash = 'write?{runs}&seed=1&characters=300'")
    page.wait("document.querySelector('#place-write select')?.value")
    page.type(SHEET, "The 1ld sai\n")
    page.wait("document.querySelectorAll('.sheet .unknown').length === 1")
    page.click("#place-write button.main")
    page.wait(f"document.querySelector('{SHEET}').value.length === 312")
    page.wait("!document.querySelector('#place-write button.main').disabled")
    before = value(page, SHEET)
    page.wait("document.querySelectorAll('.paper.still span').length === 2 * 312")
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
    for language, told in (("zh", "已选"), ("en", "Selected")):
        page.click(f"[data-language={language}]")
        page.wait(f"document.querySelector('{UNITS}').textContent.includes('{told}')")


def look(page: Chromium, pictures: Path | None) -> None:
    """Every place in both languages, wide and narrow, light and dark."""
    for language in ("en", "zh"):
        page.click(f"[data-language={language}]")
        for width, scheme in product((1280, 390), ("light", "dark")):
            resize(page, width, scheme)
            for place in PLACES:
                page.run(f"location.hash = {json.dumps(place.replace(' ', '+'))}")
                time.sleep(1.0)
                page.wait(DONE, 60)
                assert page.run("document.documentElement.scrollWidth") <= width, (place, width)
                assert page.run(WIDE) == [], (place, width, page.run(WIDE))
                if pictures:
                    shot = page("Page.captureScreenshot", captureBeyondViewport=True)
                    name = "".join(c if c.isalnum() else "-" for c in place)
                    target = pictures / f"{language}-{width}-{scheme}-{name}.png"
                    target.write_bytes(base64.b64decode(shot["data"]))


# place, and what has to be there before its picture is taken
DOCS = {
    "network": ("network?network=wrnn&view=derivation", "#panel-derivation math"),
    "train": ("train?run=runs/lstm,runs/rnn&y=loss", "#place-train figure polyline"),
    "search": ("train?begin=tune&entry=studies/rnn-story-001", ".report .answer"),
    "write": ("write?seed=1&run=runs/lstm&beside=runs/rnn", "#place-write .paper.still span"),
    "inside": ("inside?run=runs/lstm&other=runs/rnn&unit=2", "#place-inside .figure svg"),
}


def document(page: Chromium, folder: Path) -> None:
    """Pictures of the documents: a window of each place, in both languages."""
    for language in ("en", "zh"):
        page.click(f"[data-language={language}]")
        resize(page, 1120, "light")
        for name, (place, there) in DOCS.items():
            page.run(f"location.hash = {json.dumps(place)}")
            time.sleep(1.5)
            page.wait(f"document.querySelector({json.dumps(there)})", 60)
            page.run("document.querySelector('#notice').textContent = ''")
            page.run("scrollTo(0, 0)")
            if name == "search":
                page.run("document.querySelectorAll('.report section')[3].scrollIntoView()")
            top = page.run("scrollY")
            clip = {"x": 0, "y": top, "width": 1120, "height": 760, "scale": 0.56}
            shot = page("Page.captureScreenshot", clip=clip)
            target = folder / f"{name}.{language}.png"
            target.write_bytes(base64.b64decode(shot["data"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--docs", type=Path)
    asked = parser.parse_args()
    pictures = asked.pictures
    if PROGRAM is None:
        sys.exit("no browser: Chromium is not installed")
    for target in filter(None, (pictures, asked.docs)):
        target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "folder")
        folder.mkdir()
        prepare(folder)
        with serving(folder) as (server, _), Chromium(Path(temporary, "profile")) as page:
            resize(page, 1280, "light")
            page.open(server.address)
            begun = time.monotonic()
            page.follow()
            page.wait("document.querySelector('#place-network .diagram svg')")
            print(f"first page: {time.monotonic() - begun:.2f} s")
            page.click("[data-language=en]")
            for step in (network, train, outcomes, write, inside):
                step(page)
                print(f"{step.__name__}: well")
            look(page, pictures)
            if asked.docs:
                document(page, asked.docs)
            foreign = [u for u in page.requests() if not u.startswith((server.origin, "data:"))]
            assert foreign == [], foreign
            assert page.problems() == [], page.problems()
    print("all well")


if __name__ == "__main__":
    main()
