"""Pages that write: what their JavaScript computes is what the reference engine computes."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recurra
from chromium import PROGRAM, Chromium
from random_models import ALL, model_of
from recurra.export.base import Export
from recurra.export.html.page import Page
from recurra.export.html.weights import quantise
from strategies import networks, sizes

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")
# Reads cases [script, data, weights, numbers]; prints the log-probabilities after each number.
DRIVER = """
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const out = cases.map(([script, data, weights, numbers]) => {
  const run = new Function("layout", "weights", "numbers", script + `
    const parameters = unpack(weights, layout);
    let state = start(), logP;
    return numbers.map((x) => ([logP, state] = read(parameters, state, x)) && [...logP]);`);
  return run(JSON.parse(data).layout, weights, numbers);
});
console.log(JSON.stringify(out));
"""


def page_of(model, path, weights=None, language="en"):
    Page().write(
        Export(model.network, recurra.CLASSIC, model, language=language, weights=weights), path
    )
    return path.read_text("utf-8")


def stored(model, weights):
    """The model with the weights that its page has, in float64."""
    parameters = {
        name: quantise(array, weights)[2].astype(np.float64)
        for name, array in model.parameters.items()
    }
    return recurra.Model(model.network, model.vocabulary, model.shapes, parameters)


def element(page, kind):
    (found,) = re.findall(rf"<script {kind}>(.*?)</script>", page, re.DOTALL)
    return found


def run_in_node(pages, numbers):
    cases = []
    for page in pages:
        script = re.findall(r"<script>(.*?)\nconst data = ", page, re.DOTALL)[0]
        data = element(page, 'type="application/json" id="model"')
        weights = element(page, 'type="application/octet-stream" id="weights"')
        cases.append([script, data, weights, numbers])
    done = subprocess.run(
        [NODE, "-e", DRIVER], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def log_probabilities(model, numbers):
    engine = model.engine("reference")
    state, found = engine.zero_state(1), []
    for number in numbers:
        log_p, state = engine.next_log_probabilities(np.array([number], np.int32), state)
        found.append(log_p[0])
    return np.array(found)


def check_text(text, folder, hidden):
    check_equal([model_of(text, hidden=hidden)] * 3, folder)


def check_equal(models, folder):
    numbers = [0, 3, 6, 6, 1, 2, 5, 4]
    formats = ["float16", "int8", "float32"] * len(models)
    pairs = list(zip(models, formats, strict=False))
    pages = [page_of(model, folder / "page.html", weights) for model, weights in pairs]
    for (model, weights), found in zip(pairs, run_in_node(pages, numbers), strict=True):
        expected = log_probabilities(stored(model, weights), numbers)
        np.testing.assert_allclose(
            found, expected, rtol=1e-9, atol=1e-9, err_msg=model.network.text
        )


@needs_node
def test_log_probabilities_are_those_of_the_reference_engine(tmp_path):
    check_equal([*map(model_of, ALL.values())], tmp_path)


@needs_node
@given(texts=st.lists(networks(), min_size=25, max_size=25))
@settings(max_examples=2)
def test_random_networks(texts, tmp_path_factory):
    models = [model_of(text, hidden=sizes(text)) for text in texts]
    check_equal(models, tmp_path_factory.mktemp("pages"))


ENGLISH = model_of(recurra.load_network("glstm").source, "\n abcdefghijklmnopqrstuvwxyz.", 24)
CHINESE = model_of(
    recurra.load_network("large", {"shortlist": 40}).source,
    "\n，。“”" + "".join(map(chr, range(0x4E00, 0x4E00 + 300))),
    24,
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as chromium:
        yield chromium


ENDED = """
new Promise((resolve) => {
  const look = () => (writing ? setTimeout(look, 5) : resolve());
  look();
})
"""


@needs_chromium
@pytest.mark.parametrize(
    ("model", "prompt", "language", "weights"),
    [
        (ENGLISH, "it was a dark and stormy night.", "en", "float16"),
        (CHINESE, "一丁七万。", "zh", "int8"),
    ],
    ids=["English", "Chinese"],
)
def test_a_page_writes_as_the_model_does(model, prompt, language, weights, browser, tmp_path):
    page = tmp_path / "page.html"
    page_of(model, page, weights, language)
    browser.open(page)
    same = stored(model, weights)
    numbers = model.vocabulary.encode(prompt).tolist()
    browser.run(f"document.getElementById('prompt').value = {json.dumps(prompt)}")
    browser.run("document.getElementById('temperature').value = 0")
    browser.run("document.getElementById('count').value = 300")
    browser.run("document.getElementById('write').click()")
    browser.run(ENDED)
    written = browser.run("document.getElementById('text').textContent")
    writer = recurra.Writer(same, recurra.Sampling(0.0), engine=same.engine("reference"))
    writer.read(prompt)
    expected = "".join(writer.write(300))
    assert written == prompt + expected
    found = browser.run("text.slice(1).map(([k, before]) => [...before])")
    every = [*numbers, *model.vocabulary.encode(expected).tolist()]
    np.testing.assert_allclose(found, log_probabilities(same, every[:-1]), atol=1e-6)
    # the page asked for nothing, and its own rules forbade it nothing
    requests = [e for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    assert {e["params"]["request"]["url"].partition(":")[0] for e in requests} == {"file"}
    assert not [e for e in browser.events if e.get("method") == "Log.entryAdded"]
    assert not [e for e in browser.events if e.get("method") == "Runtime.exceptionThrown"]


@needs_chromium
def test_other_characters_are_a_choice_away(browser, tmp_path):
    page_of(ENGLISH, tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    browser.run("document.getElementById('prompt').value = 'it wäs'")
    browser.run("document.getElementById('count').value = 20")
    browser.run("document.getElementById('write').click()")
    browser.run(ENDED)
    assert "ä" in browser.run("document.getElementById('status').textContent")
    browser.run(ENDED)
    browser.run("document.getElementById('text').focus()")
    browser.run("choose(10)")
    assert browser.run("document.querySelectorAll('#list button').length") >= 10
    before = browser.run("document.getElementById('text').textContent")
    browser.run("document.querySelectorAll('#list button')[4].click()")
    browser.run(ENDED)
    after = browser.run("document.getElementById('text').textContent")
    assert after[:10] == before[:10]
    assert len(after) == 31
    browser.run("document.getElementById('language').click()")
    assert browser.run("document.getElementById('write').textContent") == "续写"


def test_what_a_user_wrote_never_becomes_code_or_markup(tmp_path):
    text = (
        "# </script><script>alert(1)</script> --> */ ${x} $style `\n"
        "let = 0.5\n"
        "var[t] = tanh(p @ x[t] + let * (function @ var[t-1]) + debugger @ var[t-1] + state)\n"
        "函数[t] = sigmoid(null @ var[t]) + λ\ntanh_[t] = softmax(read @ 函数[t] + multiply)\n"
    )
    model = model_of(text, "</abc>!-\u2028\n")
    page = page_of(model, tmp_path / "page.html")
    assert page.count("<script") == page.count("</script>") == 3
    assert "alert(1)</script>" not in page
    if NODE:
        check_equal([model_of(text)], tmp_path)


def test_a_network_without_weights_is_refused(tmp_path):
    with pytest.raises(recurra.SettingError, match="needs weights: name a run"):
        recurra.export_to("html", "rnn", tmp_path / "page.html")
    with pytest.raises(recurra.SettingError, match="no weights int8 for numpy: leave --weights"):
        recurra.export_to("numpy", "rnn", tmp_path / "rnn.py", weights="int8")


def test_large_numbers_stay_float32_and_zeros_zeros():
    kind, data, values = quantise(np.array([[1e6, 1.0]]), "float16")
    assert (kind, len(data), values.tolist()) == ("float32", 8, [[1e6, 1.0]])
    kind, _, values = quantise(np.array([[0.0, 0.0], [127.0, -1.0]]), "int8")
    assert (kind, values.tolist()) == ("int8", [[0, 0], [127, -1]])


@needs_node
def test_a_name_of_signs_and_digits_becomes_an_identifier(tmp_path):
    text = "_[t] = tanh(A @ x[t] + __1 @ _[t-2])\no[t] = softmax(C @ _[t] + __)\n"
    check_equal([model_of(text)], tmp_path)
