"""Recipes: the two protocols, overriding, and a sentence for every senseless value."""

import json
from dataclasses import FrozenInstanceError, asdict, fields

import numpy as np
import pytest

from recurra.compute.optimizers.base import OptimizerSettings
from recurra.errors import SettingError
from recurra.training.recipe import CLASSIC, MODERN, RECIPES, Recipe


def test_classic_is_the_original_protocol():
    assert CLASSIC.optimizer_settings == OptimizerSettings(
        "adagrad", eps=1e-8, eps_inside_root=True, beta1=0.9, beta2=0.99, clip_value=5.0
    )
    assert (CLASSIC.batch, CLASSIC.reduction, CLASSIC.smoothing) == (1, "sum", 0.999)
    assert (CLASSIC.stop_no_minimum, CLASSIC.stop_same_integer) == (1000, 10_000)
    assert (CLASSIC.steps, CLASSIC.epochs, CLASSIC.minutes) == (None, None, None)
    assert (CLASSIC.init, CLASSIC.warmup, CLASSIC.final_lr) == ("classic", 0, 1.0)
    assert CLASSIC.carry_state


def test_modern_is_the_default():
    assert Recipe() == MODERN
    assert MODERN.optimizer_settings.kind == "adamw"
    assert MODERN.clip_norm == 1.0
    assert MODERN.reduction == "mean"
    assert set(RECIPES) == {"classic", "modern"}


def test_a_recipe_is_frozen_and_overriding_makes_a_new_one():
    with pytest.raises(FrozenInstanceError):
        MODERN.lr = 1.0
    other = MODERN.with_(lr=0.01, hidden={"a": 8, "b": 4}, clip_norm=None)
    assert (other.lr, other.hidden, other.clip_norm) == (0.01, {"a": 8, "b": 4}, None)
    assert MODERN.lr != 0.01


def test_numbers_of_any_kind_make_equal_recipes():
    assert MODERN.with_(lr=1, batch=np.int64(4)) == MODERN.with_(lr=np.float64(1), batch=4)
    assert type(MODERN.with_(lr=1).lr) is float


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_survives_json(recipe):
    recipe = recipe.with_(hidden={"a": 8})
    assert Recipe(**json.loads(json.dumps(asdict(recipe)))) == recipe


def test_a_budget_replaces_the_others():
    assert MODERN.with_(minutes=2).steps is None
    both = MODERN.with_(minutes=2, steps=5)
    assert (both.steps, both.epochs, both.minutes) == (5, None, 2.0)
    assert MODERN.with_(lr=0.1).steps == MODERN.steps


def test_training_has_to_end_some_time():
    with pytest.raises(SettingError, match="never stops"):
        MODERN.with_(steps=None)
    assert MODERN.with_(steps=None, patience=3).steps is None


NAN = float("nan")
SENSELESS = [
    {"lr": NAN}, {"lr": 0}, {"lr": -1.0}, {"lr": float("inf")}, {"lr": "fast"},
    {"hidden": 0}, {"hidden": -3}, {"hidden": 2.5}, {"hidden": {}}, {"hidden": {"a": 0}},
    {"hidden": {"a": "b"}}, {"hidden": True}, {"batch": 0}, {"seq_len": 0}, {"seq_len": 1.5},
    {"steps": 0}, {"epochs": 0}, {"epochs": NAN}, {"minutes": -1}, {"patience": 0},
    {"stop_no_minimum": 0}, {"stop_same_integer": 0}, {"divergence": 1.0}, {"divergence": NAN},
    {"divergence": float("inf")},
    {"optimizer": "newton"}, {"init": "zeros"}, {"reduction": "max"}, {"dtype": "float16"},
    {"beta1": 1.0}, {"beta2": -0.1}, {"momentum": NAN}, {"eps": 0}, {"weight_decay": -1},
    {"clip_value": 0}, {"clip_norm": -1}, {"dropout": 1.0}, {"dropout": NAN}, {"warmup": -1},
    {"dropout_same": 2}, {"average": 1.0},
    {"final_lr": 1.1}, {"final_lr": NAN}, {"smoothing": 1}, {"seed": -1}, {"seed": 1.5},
    {"carry_state": "yes"}, {"carry_state": 1}, {"eps_inside_root": None}, {"record_every": 0},
    {"evaluate_every": 0}, {"evaluate_characters": 0}, {"sample_every": -1},
    {"sample_characters": 0}, {"name": ""},
]  # fmt: skip


@pytest.mark.parametrize("override", SENSELESS, ids=str)
def test_a_senseless_value_is_named_with_what_it_has_to_be(override):
    ((name, value),) = override.items()
    with pytest.raises(SettingError) as caught:
        MODERN.with_(**override)
    assert str(caught.value).startswith(f"{name} has to be ")
    assert repr(value) in str(caught.value)


def test_every_field_is_refused_some_value_and_explained():
    assert {name for override in SENSELESS for name in override} == {f.name for f in fields(Recipe)}
    assert all(f.metadata["help"] and f.metadata["rule"] for f in fields(Recipe))


def test_an_unknown_field_gets_the_nearest_name():
    with pytest.raises(SettingError, match="'batch_size'; did you mean batch"):
        MODERN.with_(batch_size=3)
