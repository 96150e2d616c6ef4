"""The page in a real browser: a short way through its places; the long one is tests/long/studio.py.

Without Chromium it is skipped, and says so.
"""

import pytest

from chromium import PROGRAM, Chromium

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no browser: Chromium is not installed")

EQUATIONS = ".editor textarea"
SHEET = "#place-write textarea.paper"
WRNN = """a[t] = tanh(U @ x[t] + W @ a[t{}1] + s1)
o[t] = softmax(Q @ a[t] + s2)
"""
# elements that show the key of their words, since there are none
UNTRANSLATED = """[...document.querySelectorAll("#place-PLACE [data-word]")]
  .filter((one) => one.checkVisibility() && one.textContent === one.dataset.word)
  .map((one) => one.outerHTML)"""


@pytest.fixture(scope="module")
def page(studio, tmp_path_factory):
    server, _ = studio
    with Chromium(tmp_path_factory.mktemp("profile")) as page:
        page.open(server.address)  # leaves the cookie, and leads on
        page.follow()
        page.wait("document.querySelector('#place-network .diagram svg')")
        yield page


def go(page, place):
    page.run(f"location.hash = {place!r}")
    page.wait(f"!document.querySelector('#place-{place.partition('?')[0]}').hidden")


def text(page, selector):
    return page.run(f"document.querySelector({selector!r}).textContent")


def test_an_error_is_told_while_typing_and_the_gradient_checked(page):
    page.type(EQUATIONS, WRNN.format("+"))
    page.wait("document.querySelector('#place-network .error').checkVisibility()")
    assert "read in the future: write a[t] or a[t-1]" in text(page, "#place-network .error")
    assert "line 1, column 28" in text(page, "#place-network .error")
    assert text(page, ".editor .wrong") == "a"
    page.type(EQUATIONS, WRNN.format("-"))
    page.wait("document.querySelector('#place-network .error').hidden")
    page.click("#tab-gradient-check")
    page.click("#panel-gradient-check button.main")
    page.wait("document.querySelector('#panel-gradient-check .verdict.right')")


def test_a_derivation_is_shown_and_one_by_hand_checked(page):
    page.click("#tab-derivation")
    page.wait("document.querySelectorAll('#panel-derivation math').length > 20")
    page.click("#tab-my-derivation")
    page.type("#panel-my-derivation select", "a.1")
    page.type("#panel-my-derivation textarea", "delta(a[t])")
    page.click("#panel-my-derivation form button")
    page.wait("document.querySelector('#panel-my-derivation .verdict.wrong math')")
    assert "derivative of the function is missing" in text(page, "#panel-my-derivation .verdict")
    page.click("#tab-step-by-step")
    page.wait("document.querySelectorAll('.walk li').length > 20")


def test_a_diagram_of_one_step_and_figures_that_follow_the_dark_page(page):
    go(page, "network?network=rnn")
    circles = "document.querySelectorAll('#panel-diagram circle').length"
    page.wait(f"{circles} === 9")
    page.type("#panel-diagram select", "1")
    page.wait(f"{circles} === 3")
    assert "steps=1" in page.run("location.hash")
    for media, scheme, turned in (("", "light", 0), ("", "dark", 1), ("print", "dark", 0)):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page("Emulation.setEmulatedMedia", media=media, features=features)
        filters = "getComputedStyle(document.querySelector('#panel-diagram svg')).filter"
        assert page.run(filters).startswith("invert") == turned, (media, scheme)
    page("Emulation.setEmulatedMedia", media="", features=[])


@pytest.mark.parametrize(
    ("network", "width", "fits"),
    [("wrnn", 1280, True), ("lstm", 1280, True), ("lstm", 390, False), ("rwkv4", 1280, False)],
)
def test_a_diagram_is_as_wide_as_its_column_while_it_can_be_read(page, network, width, fits):
    page("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1,
         mobile=False)  # fmt: skip
    go(page, f"network?network={network}&steps=3&view=diagram")
    page.wait(f"document.querySelector('#panel-diagram title')?.textContent === '{network}'")
    box, letters, scrolled = page.run("""(() => {
      const box = document.querySelector("#panel-diagram .diagram");
      const [svg, text] = [box.querySelector("svg"), box.querySelector("text")];
      const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
      return [box.scrollWidth - box.clientWidth, scale * text.getAttribute("font-size"),
        box.scrollLeft];
    })()""")
    assert (box <= 0, scrolled) == (fits, 0)
    assert 11 <= letters <= 24
    page("Emulation.clearDeviceMetricsOverride")


def test_a_text_is_coloured_continued_branched_and_taken_back(page):
    go(page, "write?seed=1&characters=40")
    page.wait("document.querySelector('#place-write select')?.value")
    page.type(SHEET, "to bé or")
    page.wait("document.querySelectorAll('#place-write .paper span.unknown').length === 1")
    page.wait("document.querySelectorAll('.likeliest button').length === 10")
    page.click("#place-write button.main")
    page.wait(f"document.querySelector('{SHEET}').value.length === 48")
    page.wait("!document.querySelector('#place-write button.main').disabled")
    before = page.run(f"document.querySelector('{SHEET}').value")
    page.run(f"document.querySelector('{SHEET}').setSelectionRange(10, 10)")
    page.wait("document.querySelectorAll('.likeliest button.here').length === 1")
    page.click(".likeliest li:nth-child(9) button")
    page.wait(f"document.querySelector('{SHEET}').value.length === 51")
    page.wait("!document.querySelector('#place-write button.main').disabled")
    page.click("#place-write button[data-word=undo]")
    assert page.run(f"document.querySelector('{SHEET}').value") == before
    assert page.run("localStorage['recurra text']").startswith("to bé or")


def test_a_text_is_continued_in_the_moment_in_which_it_is_typed(page):
    """An edit is told in the next frame of the screen: it must not end what was begun after it."""
    go(page, "write?run=runs%2Frnn&characters=40&seed=1")
    page.wait("document.querySelector('#place-write button.main')?.disabled === false")
    page.run(f"""(() => {{
      const sheet = document.querySelector("{SHEET}");
      sheet.value = "to be";
      sheet.dispatchEvent(new Event("input", {{ bubbles: true }}));
      document.querySelector("#place-write button.main").click();
    }})()""")
    page.wait(f"document.querySelector('{SHEET}').value.length === 45")


def test_a_text_is_coloured_by_a_unit(page):
    go(page, "inside?unit=2")
    page.wait("document.querySelectorAll('#place-inside .paper span').length > 2")
    page.wait("document.querySelector('#place-inside .figure svg')")
    assert page.run("document.querySelector('#place-inside input').value") == "2"
    page.click(".ranking button")
    page.wait("document.querySelector('.ranking button[aria-pressed=true]')")


def test_chinese_narrow_and_nothing_foreign(page, studio):
    server, _ = studio
    go(page, "network?network=gru")
    page.wait("document.querySelector('#place-network select').value === 'gru'")
    page.click("[data-language=zh]")
    page.wait("document.querySelector('header nav a').textContent === '网络'")
    page.wait("document.querySelector('#place-network optgroup').label !== 'Library'")
    assert page.run("document.querySelector('#place-network select').value") == "gru"
    page.wait("document.querySelector('#place-network .about').textContent.includes('重置门')")
    text = f"document.querySelector({EQUATIONS!r}).value"
    assert page.run(text).startswith("# GRU，重置门")
    # another network is chosen while the language changes
    english = "document.querySelector('[data-language=en]').click()"
    page.run(f"{english}; location.hash = 'network?network=lstm'")
    page.wait("document.querySelector('#panel-diagram title')?.textContent === 'lstm'")
    page.wait(f"{text}.startsWith('# LSTM with forget gate')")
    page.click("[data-language=zh]")
    page.wait(f"{text}.startsWith('# 带遗忘门的 LSTM')")
    page("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1,
         mobile=False)  # fmt: skip
    for place in ("network", "train", "write", "inside"):
        go(page, place)
        page.wait(f"document.querySelector('[aria-current]').hash === '#{place}'")
        assert page.run("document.documentElement.scrollWidth") <= 390, place
        untranslated = page.run(UNTRANSLATED.replace("PLACE", place))
        assert untranslated == [], place
    assert page.problems() == []
    sent = [url for url in page.requests() if not url.startswith(("data:", "blob:"))]
    assert len(sent) > 20
    assert all(url.startswith(server.origin) for url in sent)
