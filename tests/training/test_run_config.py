"""The configuration of a run: written, read, and refused in one sentence where it is nonsense."""

import json
import math

import pytest

import recurra
from recurra.errors import RunError
from recurra.storage.runs import Run
from recurra.text.corpus import TextSpec
from recurra.training.recipe import MODERN
from recurra.training.run_config import RunConfig

CONFIG = RunConfig(
    "rnn", TextSpec(("/a.txt",), None, "90/5/5", "f" * 64), MODERN.with_(lr=0.1), "reference", 2
)


def run_of(folder, config):
    return Run.create(folder / "run", json.loads(json.dumps(config)), "a[t] = x[t]", "ab")


def test_it_comes_back(tmp_path):
    assert RunConfig.load(run_of(tmp_path, CONFIG.to_json())) == CONFIG


def test_a_split_of_version_0_1_may_be_a_list(tmp_path):
    config = CONFIG.to_json()
    config["text"]["split"] = [90, 5, 5]
    assert RunConfig.load(run_of(tmp_path, config)).text.split == (90, 5, 5)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("network", 3, "network has to be text, not 3"),
        ("engine", "abacus", "its content is refused: no engine abacus"),
        ("engine", None, "engine has to be text"),
        ("threads", 10**30, "its content is refused: threads have to be a whole number from 1 to"),
        ("threads", 0, "its content is refused: threads"),
        ("threads", "two", "threads has to be a whole number, not 'two'"),
        ("threads", True, "threads has to be a whole number, not True"),
        ("recipe", [1, 2], r"recipe has to be an object, not \[1, 2\]"),
        ("recipe.lr", "x", "recipe.lr has to be a number or null, not 'x'"),
        ("recipe.lr", -1, "recipe is refused: lr has to be a number above 0"),
        ("recipe.steps", 1.5, "recipe.steps has to be a whole number or null, not 1.5"),
        ("recipe.hidden", {"a": "x"}, "recipe.hidden.a has to be a whole number, not 'x'"),
        ("recipe.hiden", 3, "recipe.hiden is a field that Recurra does not know"),
        ("text", 3, "text has to be an object"),
        ("text.sources", [[]], r"text.sources.0 has to be text, not \[\]"),
        ("text.sources", "a.txt", "text.sources has to be a list"),
        ("text.sources", [], "text is refused: no text is named"),
        ("text.encoding", 3, "text.encoding has to be text or null"),
        ("text.split", [1], "text is refused: split .* must be three shares"),
        ("text.split", "1e999999999/0/0", "text is refused: split .* must be three shares"),
        ("text.split", [[]], "text.split.0 has to be"),
        ("text.fingerprint", None, "text.fingerprint has to be text"),
    ],
)
def test_nonsense_is_one_sentence(tmp_path, path, value, sentence):
    config = CONFIG.to_json()
    *objects, name = path.split(".")
    part = config
    for step in objects:
        part = part[step]
    part[name] = value
    with pytest.raises(RunError, match=rf"run/config\.json: {sentence}") as caught:
        RunConfig.load(run_of(tmp_path, config))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["network", "engine", "threads", "recipe", "text"])
def test_a_missing_field_is_named(tmp_path, name):
    config = CONFIG.to_json()
    del config[name]
    with pytest.raises(RunError, match=f"{name} is missing"):
        RunConfig.load(run_of(tmp_path, config))


def test_a_number_that_is_none_is_refused(tmp_path):
    run = run_of(tmp_path, CONFIG.to_json())
    path = run.folder / "config.json"
    for number in ("1e999", "NaN", "-Infinity"):
        path.write_text(path.read_text().replace('"lr": 0.1', f'"lr": {number}'))
        with pytest.raises(RunError, match=r"recipe\.lr has to be a number"):
            recurra.resume(Run.open(run.folder))
        path.write_text(path.read_text().replace(f'"lr": {number}', '"lr": 0.1'))
    assert math.isclose(RunConfig.load(Run.open(run.folder)).recipe.lr, 0.1)
