"""What a study is asked for: its settings, its budgets, what is refused, and its file."""

import json
import math

import pytest

from recurra.errors import RequestError, RunError, SettingError, TextError
from recurra.training.recipe import CLASSIC, MODERN
from recurra.tuning.cost import count_parameters
from recurra.tuning.pruners import PRUNERS
from recurra.tuning.pruners.base import Goal
from recurra.tuning.request import TuneRequest
from recurra.tuning.study import Study
from recurra.tuning.study_spec import StudySpec, load_spec
from studies import LENGTH, RECIPE, make_spec, replaced, study, write_text


def test_every_trial_trains_on_the_same_characters(tmp_path):
    asked = make_spec(tmp_path, {"seq_len": [4, 7], "batch": [1, 3]})
    for number in range(4):
        recipe = asked.recipe_of(asked.space.point(number))
        size = recipe.seq_len * recipe.batch
        assert recipe.steps == math.ceil(LENGTH / size)
        assert recipe.stop_no_minimum is None


def test_the_classic_pruner_is_the_stop_rules_of_the_original(tmp_path):
    recipe = make_spec(tmp_path, pruner="classic").recipe_of({"lr": 0.1})
    assert (recipe.stop_no_minimum, recipe.stop_same_integer) == (1000, 10_000)


def test_a_setting_chooses_network_functions_and_sizes(tmp_path):
    space = {"network": ["wrnn", "rnn2"], "f1": ["relu", "tanh"], "hidden.b": [4, 6]}
    asked = make_spec(tmp_path, space, network=None)
    network = asked.network({"network": "wrnn", "f1": "relu", "hidden.b": 4})
    assert (network.name, network.functions["f1"]) == ("wrnn", "relu")
    recipe = asked.recipe_of({"network": "wrnn", "f1": "relu", "hidden.b": 4})
    assert recipe.hidden == {"": RECIPE.hidden, "b": 4}


def test_the_size_of_one_vector_is_that_of_all_that_the_equations_join_to_it(tmp_path):
    asked = make_spec(tmp_path, {"hidden.h": [4, 6]}, network="lstm")
    assert count_parameters(asked, {"hidden.h": 4}, 13) == 4 * (13 + 4 + 1) * 4 + 13 * 5


def test_one_text_need_not_be_in_a_list(tmp_path):
    text = write_text(tmp_path)
    asked = TuneRequest(texts=text, network="rnn", space={"lr": [0.1]}, recipe=RECIPE).spec()
    assert asked.text.sources == (str(text),)


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({"learning_rate": [1]}, "learning_rate is neither a field of a recipe nor a choice"),
        ({"hiden": [1]}, "did you mean hidden"),
        ({"steps": [1]}, "steps cannot be searched: every trial"),
        ({"name": ["a"]}, "name cannot be searched"),
        ({"lr": [0.1, -1]}, "allows lr = -1, but lr has to be"),
        ({"seq_len": [4, 0.5]}, "but seq_len has to be"),
        ({"f1": ["tanh"]}, "f1 is neither a field of a recipe nor a choice of rnn"),
        ({"hidden": [2], "hidden.b": [2]}, "gives hidden and the size of a single vector"),
        ({"hidden.c": [2]}, "no vector c"),
        ({"network": ["rnn", "wrnn"]}, "name none beside it"),
        ({"optimizer": ["adagrad", "adam2"]}, "optimizer has to be one of"),
        ({"layers": [1, 2]}, "layers is neither a field of a recipe nor a choice of rnn"),
        ({"scrn.alpha": [0.9]}, "searches no network scrn"),
        ({"lr": {"low": 1, "high": 2}}, r"a range is written lr = \{ from = 1"),
    ],
)
def test_spaces_that_contradict_the_recipe_or_the_network(tmp_path, space, sentence):
    with pytest.raises(SettingError, match=sentence):
        make_spec(tmp_path, space)


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({"alpha": [0.9]}, "nor a choice of rnn; write scrn.alpha, which is searched in scrn only"),
        ({"scrn.beta": [0.9]}, "scrn.beta is neither a field of a recipe nor a choice of scrn"),
        ({"scrn.hidden": [2], "hidden": [3]}, "the space gives hidden and scrn.hidden too"),
        ({"scrn.steps": [2]}, "scrn.steps cannot be searched"),
        ({"scrn.alpha": [0.9, "x"]}, "allows .*scrn.alpha = x, but alpha is a number"),
    ],
)
def test_what_of_one_network_makes_no_sense(tmp_path, space, sentence):
    with pytest.raises(SettingError, match=sentence):
        make_spec(tmp_path, {"network": ["rnn", "scrn"], **space}, network=None)


STACK = """layers = 3
h[0][t] = E @ x[t]
h[l][t] = tanh(V[l] @ h[l-1][t] + W[l] @ h[l][t-1] + s[l])
o[t] = softmax(Q @ h[layers][t] + q)
"""


def test_the_number_of_layers_is_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep.eq").write_text(STACK)
    spec = make_spec(tmp_path, {"layers": [1, 2]}, network="deep.eq")
    assert [len(spec.network(spec.space.point(n)).equations) for n in (0, 1)] == [2, 3]
    space = {"network": ["scrn", "deep.eq"], "deep.eq.layers": [1, 4], "scrn.alpha": [0.5]}
    beside = make_spec(tmp_path, space, network=None)
    networks = [beside.network(beside.space.point(n)) for n in range(3)]
    assert [len(network.equations) for network in networks] == [2, 2, 5]
    assert networks[0].constants == {"alpha": 0.5}
    assert type(spec).from_json(spec.as_json()) == spec


def test_a_file_has_one_name_alone_and_among_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path, tmp_path / "nets"):
        place.mkdir(exist_ok=True)
        (place / "deep.eq").write_text(STACK)
    space = {"network": ["rnn", "nets/deep.eq"], "nets/deep.eq.layers": [1, 2]}
    among = make_spec(tmp_path, {**space, "deep": {"hidden.h0": [4]}}, network=None)
    assert [*among.networks] == ["rnn", *make_spec(tmp_path, network="nets/deep.eq").networks]
    assert [*among.space.parameters] == ["network", "deep.layers", "deep.hidden.h0"]
    assert {setting["network"] for setting in among.space.extremes()} == {"rnn", "deep"}
    with pytest.raises(SettingError, match=r"deep\.eq, nets/deep\.eq have one name"):
        make_spec(tmp_path, {"network": ["deep.eq", "nets/deep.eq"]}, network=None)


def test_choices_are_the_same_in_every_trial(tmp_path):
    spec = make_spec(tmp_path, choices={"f1": "relu"}, network="wrnn")
    assert {spec.network(s).functions["f1"] for s in spec.space.extremes()} == {"relu"}
    for name, why in (("lr", "the space has lr, too"), ("batch", "belongs to the recipe")):
        with pytest.raises(RequestError, match=why):
            make_spec(tmp_path, choices={name: 1.0})


def test_a_warm_up_that_nobody_named_ends_before_the_first_rung(tmp_path):
    options = {"texts": [write_text(tmp_path)], "network": "rnn", "engine": "reference"}
    space = {"seq_len": [8, 16]}
    asked = TuneRequest(**options, space=space, settings={"batch": 2, "steps": 81})
    spec = asked.spec()
    # of 81 steps x 2 x 64 characters the first rung has 384: eleven steps of 2 x 16 end before it
    assert (spec.pruner.rungs[0], spec.recipe.warmup) == (384, 11)
    longer = TuneRequest(**options, space=space, settings={"batch": 2, "steps": 81, "warmup": 12})
    with pytest.raises(SettingError, match="give at most --warmup 11, or at least --rung 385"):
        longer.spec()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sampler": "tpe", "pruner": "rounds"}, "tpe suggests from results"),
        ({"sampler": "genetic"}, "no search genetic"),
        ({"pruner": "wishful"}, "no pruner wishful"),
        ({"trials": 13}, "the grid has 12 settings, not 13"),
        ({"pruner": "rounds", "rung": LENGTH}, "has to lie below"),
        ({"pruner": "rounds", "within": "dropout"}, "the space does not search it"),
        ({"engine": "abacus"}, "no engine abacus"),
        (
            {
                "pruner": "rounds",
                "within": "hidden",
                "space": {
                    "hidden": {"from": 2, "to": 8, "points": 3},
                    "lr": {"from": 0.1, "to": 0.2},
                },
            },
            "give it a list or a step",
        ),
        ({"pruner": "top", "within": "lr"}, "only rounds are held within a parameter"),
        ({"pruner": "halving", "factor": 1}, "factor has to be 2 or more"),
        ({"recipe": MODERN.with_(minutes=1), "length": None}, "cannot have a budget of minutes"),
        ({"recipe": RECIPE.with_(warmup=101), "pruner": "rounds"}, "the warm-up ends after 1,6"),
        ({"space": {"lr": {"from": 0.1, "to": 0.2}}, "sampler": "grid"}, "which values of lr"),
        ({"split": "100/0/0"}, None),
    ],
)
def test_searches_that_make_no_sense(tmp_path, options, sentence):
    if sentence is None:
        with pytest.raises(TextError, match="the validation part holds no text"):
            study(tmp_path, **options)
        return
    with pytest.raises(SettingError, match=sentence):
        make_spec(tmp_path, **options)


def test_the_length_is_that_of_the_recipe(tmp_path):
    one_pass = sum(map(len, make_spec(tmp_path).text.load("the study").train))
    options = {"space": {"lr": [0.1]}, "engine": "reference", "pruner": "none"}
    text = [tmp_path / "sums.txt"]
    steps = TuneRequest(texts=text, network="rnn", recipe=MODERN.with_(steps=30), **options).spec()
    assert steps.length == 30 * MODERN.batch * MODERN.seq_len
    epochs = TuneRequest(
        texts=text, network="rnn", recipe=CLASSIC.with_(epochs=2), **options
    ).spec()
    assert epochs.length == 2 * one_pass
    assert (
        TuneRequest(texts=text, network="rnn", recipe=CLASSIC, **options).spec().length
        == 4 * one_pass
    )


@pytest.mark.parametrize(
    ("name", "options", "rungs"),
    [
        ("none", {}, ()),
        ("rounds", {}, (1000, 3000, 9000)),
        ("halving", {"first": 2000, "factor": 4}, (2000,)),
        ("halving", {"first": 1000, "factor": 2}, (1000, 2000, 4000, 8000)),
        ("top", {}, (5000,)),
        ("rounds", {"first": 26_000}, (26_000,)),
    ],
)
def test_rungs(name, options, rungs):
    assert PRUNERS.get(name).create(Goal(27_000, 5000, 64), **options).rungs == rungs


def test_top_keeps_some_after_one_pass_and_rounds_a_part_of_them():
    top = PRUNERS.get("top").create(Goal(27_000, 5000, 64))
    assert (top.promoted(64), top.promoted(2)) == (4, 2)
    assert [PRUNERS.get("rounds")((1,), 3).promoted(n) for n in (1, 2, 9, 11)] == [1, 1, 3, 3]


def test_a_specification_comes_back_from_its_file(tmp_path):
    space = {"lr": [0.1], "hidden.b": [4], "f1": ["relu"]}
    asked = make_spec(tmp_path, space, network="wrnn", pruner="rounds")
    made = Study.create(asked, tmp_path / "study")
    again, _, storage = load_spec(made.folder)
    assert (again, storage) == (asked, None)
    assert list(again.space.parameters) == list(space)


def test_the_same_command_finds_its_study_and_another_one_is_told_why_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = make_spec(tmp_path)
    first, again = Study.create(asked), Study.create(asked)
    assert first.folder == again.folder
    assert first.folder.name == f"rnn-sums-{asked.key}"
    other = replaced(asked, length=LENGTH + 1)
    assert Study.create(other).folder != first.folder
    with pytest.raises(SettingError, match="another length"):
        Study.create(other, first.folder)


def test_a_call_that_was_killed_while_it_made_the_folder_is_no_hindrance(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / ".study.json.0123.tmp").write_text("{")
    assert Study.create(make_spec(tmp_path), tmp_path / "study").trials()


def test_the_folder_of_a_study_has_a_name_that_any_system_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = write_text(tmp_path).rename(tmp_path / ("my novel? " + "x" * 100 + ".txt"))
    asked = TuneRequest(
        texts=[text], network="rnn", space={"lr": [0.1]}, recipe=RECIPE, engine="reference"
    ).spec()
    name = Study.create(asked).folder.name
    assert name.startswith("rnn-my-novel--xxx")
    assert name.endswith(f"-{asked.key}")
    assert len(name) < 60


def test_damaged_and_foreign_studies_are_refused(tmp_path):
    made = study(tmp_path)
    path = made.folder / "study.json"
    content = json.loads(path.read_text())
    for change, sentence in [
        ({"format": 2}, "study of format 2, and this Recurra knows format 1"),
        ({"sampler": "magic"}, "no search magic: choose one of"),
        ({"trials": None}, "study.json: trials has to be a whole number, not None: restore"),
    ]:
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(RunError, match=sentence):
            Study.open(made.folder)
    path.write_text("{")
    with pytest.raises(RunError, match=r"study\.json, line 1, column 2: invalid JSON"):
        Study.open(made.folder)
    with pytest.raises(RunError, match="A study is a folder that"):
        Study.open(tmp_path)
    with pytest.raises(RunError, match="not empty, and no study"):
        Study.create(made.spec, tmp_path)


def test_changed_texts_are_refused(tmp_path):
    made = study(tmp_path)
    (tmp_path / "sums.txt").write_text("something else\n" * 400)
    with pytest.raises(RunError, match="the texts of the study have changed since it began"):
        made.spec.text.load("the study")


def test_json_of_a_specification_is_json(tmp_path):
    asked = make_spec(tmp_path, pruner="top")
    assert StudySpec.from_json(json.loads(json.dumps(asked.as_json()))) == asked


def test_a_setting_that_is_not_used_does_not_change_the_key(tmp_path):
    asked = make_spec(tmp_path, pruner="rounds", rung=100)
    assert "within" not in asked.as_json()["pruner"]
    within = make_spec(tmp_path, pruner="rounds", rung=100, within="lr")
    assert within.as_json()["pruner"]["within"] == "lr"
    assert within.key != asked.key
    assert type(asked).from_json(within.as_json()) == within
