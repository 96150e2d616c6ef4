"""A training as it is asked for: what goes together, and that every way in makes the same run."""

from dataclasses import fields

import pytest

import recurra
from recurra.errors import SettingError
from recurra.training.request import RequestError, TrainRequest
from recurra.training.run_config import RunConfig
from recurra.training.winner import Winner

SETTINGS = {"hidden": 4, "batch": 2, "seq_len": 8, "steps": 2}


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("To be, or not to be: that is the question.\n" * 50, "utf-8")
    return path


def test_a_request_starts_what_start_starts(text, tmp_path):
    request = TrainRequest(
        texts=(text,), network="rnn", choices={"f": "relu"}, recipe="classic", settings=SETTINGS,
        split="80/10/10", engine="reference", threads=1, out=tmp_path / "one",
    )  # fmt: skip
    recipe = recurra.CLASSIC.with_(**SETTINGS)
    network = recurra.load_network("rnn", {"f": "relu"})
    options = {"split": "80/10/10", "engine": "reference", "threads": 1, "out": tmp_path / "two"}
    for trainer in (request.start(), recurra.start([text], network, recipe, **options)):
        list(trainer.records())
    assert recurra.Run.open(tmp_path / "one").config == recurra.Run.open(tmp_path / "two").config
    saved = [(tmp_path / name / "last.safetensors").read_bytes() for name in ("one", "two")]
    assert saved[0] == saved[1]
    *_, again = TrainRequest(resume=tmp_path / "one").start().records()
    assert again.steps == 2


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"minutes": 3.0}, 180.0), ({"steps": None, "stop_no_minimum": 10**6}, None)],
)
def test_an_estimate_keeps_nothing(text, tmp_path, monkeypatch, settings, expected):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    fields = {"texts": (text,), "network": "rnn", "engine": "reference"}
    found = TrainRequest(**fields, settings={**SETTINGS, "steps": None, **settings}).estimate()
    assert found.seconds == expected
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.long
def test_an_estimate_of_steps_grows_with_them(text):
    fields = {"texts": (text,), "network": "rnn", "engine": "reference"}
    short, long = (
        TrainRequest(**fields, settings={**SETTINGS, "steps": steps}).estimate().seconds
        for steps in (1000, 1_000_000)
    )
    assert long > 50 * short > 0.0
    with pytest.raises(RequestError, match="only the time of a new training"):
        TrainRequest(resume="run").estimate()


def test_the_winner_of_a_search_brings_its_own(text, tmp_path):
    corpus = recurra.load_corpus([text], split="70/20/10")
    spec = recurra.start(
        [text], recurra.load_network("rnn"), recurra.MODERN.with_(**SETTINGS), split="70/20/10",
        corpus=corpus, engine="reference", threads=1, out=tmp_path / "trial",
    )  # fmt: skip
    network = recurra.load_network("gru")
    opened = recurra.Run.open(spec.run.folder)
    winner = Winner(network, spec.recipe, RunConfig.load(opened).text, tmp_path)
    request = TrainRequest(
        winner=lambda: winner, settings={"steps": 1}, engine="reference", out=tmp_path / "w"
    )
    trainer = request.start()
    assert trainer.model.network.name == "gru"
    assert trainer.recipe == spec.recipe.with_(steps=1)
    assert trainer.corpus.fingerprint == corpus.fingerprint


def never():
    raise AssertionError


@pytest.mark.parametrize(
    ("asked", "field", "sentence"),
    [
        ({}, "texts", "name what to train on"),
        ({"texts": ("t",), "recipe": "clasic"}, "recipe", "is none of modern, classic"),
        ({"texts": ("t",), "preset": "fast", "recipe": "modern"}, "recipe", "a preset brings"),
        ({"winner": never, "network": "rnn"}, "network", "a search's winner brings its own"),
        ({"winner": never, "choices": {"f": "relu"}}, "choices", "winner brings its own"),
        ({"resume": "r", "settings": {"carry_state": False}}, "carry_state", "keeps what it began"),
        ({"resume": "r", "winner": never}, "winner", "keeps what it began"),
    ],
)
def test_what_does_not_go_together_names_its_field(asked, field, sentence):
    with pytest.raises(RequestError, match=sentence) as refused:
        TrainRequest(**asked)
    assert refused.value.field == field
    assert isinstance(refused.value, SettingError)


# What may be somewhere else, or something else, when a run goes on.
MOVED = ("resume", "texts", "fetch", "engine", "log")


@pytest.mark.parametrize("name", [f.name for f in fields(TrainRequest) if f.name not in MOVED])
def test_a_resumed_run_takes_nothing_but_its_texts_and_an_engine(name):
    value = {"choices": {"f": "relu"}, "settings": {"lr": 1.0}, "threads": 1}.get(name, "x")
    with pytest.raises(RequestError, match="a resumed run keeps"):
        TrainRequest(resume="r", **{name: value})


def test_a_preset_is_measured_where_its_size_is_not_told(text, tmp_path, monkeypatch):
    measured = []
    monkeypatch.setattr(
        "recurra.training.request.training_speed", lambda one: measured.append(one) or 1.0
    )
    settings = {"free": {}, "told": {"hidden": 7}, "steps": {"steps": 3}, "long": {"minutes": 1e9}}
    asked = {"texts": [text], "preset": "fast", "engine": "reference", "threads": 1}
    recipes = [
        TrainRequest(**asked, settings=one, out=tmp_path / name).start().recipe
        for name, one in settings.items()
    ]
    # a character a second is slow for two minutes
    assert [recipe.hidden for recipe in recipes] == [128, 7, 288, 512]
    assert len(measured) == 2
    assert recipes[-1].minutes == 1e9
