"""Units over a text, what they follow, and how far back the gradient reaches."""

import numpy as np
import pytest

import recurra
from recurra.compute.gradcheck import random_problem
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.errors import RunError
from recurra.models.inspection import (
    FEATURES,
    activity,
    feature,
    follow,
    gradient_reach,
    inspector,
    passages,
    units_on,
)
from recurra.models.model import Model
from recurra.text.vocabulary import Vocabulary


def random_model(name: str, hidden: int = 5) -> Model:
    network, vocabulary = recurra.load_network(name), Vocabulary("abcde .\n")
    shapes = recurra.ShapeSolver(network).shapes(len(vocabulary), hidden)
    engine = make_engine("reference", make_plan(network), shapes, np.float64)
    parameters = random_problem(engine, 3, 1, np.random.default_rng(1)).parameters
    return Model(network, vocabulary, shapes, parameters)


TEXT = np.random.default_rng(2).integers(0, 8, 60).astype(np.int32)


@pytest.mark.parametrize("name", ["rnn", "lstm", "wrnn", "lag2", "gru2"])
def test_activity_ends_in_the_state_that_every_engine_carries_on(name: str) -> None:
    model = random_model(name)
    found = activity(model, TEXT[:-1])
    engine = model.engine("reference")
    _, state = engine.losses(TEXT[:-1, None], TEXT[1:, None], engine.zero_state(1))
    assert [*found] == [equation.name for equation in model.network.equations]
    for vector, past in engine.dump_state(state).items():
        if vector in found:
            np.testing.assert_allclose(found[vector][-len(past) :], past[:, 0], rtol=1e-12)


def test_activity_without_finite_numbers_is_a_sentence() -> None:
    model = random_model("rnn")
    model.parameters["W"][0, 0] = np.inf
    with pytest.raises(RunError, match="a unit of h is no finite number"):
        activity(model, TEXT)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_reach_against_finite_differences(name: str) -> None:
    model = random_model(name)
    engine, back, width = inspector(model), 6, 1e-5
    windows, target = TEXT[: back + 1, None], TEXT[back + 1 : back + 2]
    found = engine.reach(windows, target, engine.zero_state(1))
    for k in range(1, back):
        # the state after step t-k, then changed in one entry
        cut = back + 1 - k
        _, state = engine.losses(windows[:cut], windows[1 : cut + 1], engine.zero_state(1))
        total = {}
        for vector, past in engine.dump_state(state).items():
            total[vector] = []
            for i in range(past.shape[2]):
                losses = []
                for step in (-width, width):
                    changed = {n: np.array(v) for n, v in engine.dump_state(state).items()}
                    changed[vector][-1, 0, i] += step
                    targets = np.concatenate([windows[cut + 1 :], target[None]])
                    loss, _ = engine.losses(windows[cut:], targets, changed)
                    losses.append(float(loss[-1, 0]))
                total[vector].append((losses[1] - losses[0]) / (2 * width))
        if name == "rnn":
            (expected,) = total.values()
            np.testing.assert_allclose(found["h"][-1 - k, 0], expected, rtol=1e-5, atol=1e-9)
        else:  # the paths of one step from vector to vector count in what `reach` tells
            last = [*model.network.equations][-1].name
            expected = total[last]
            np.testing.assert_allclose(found[last][-1 - k, 0], expected, rtol=1e-5, atol=1e-9)


def test_reach_of_a_network_that_forgets_at_once_and_of_one_that_never_does() -> None:
    model = random_model("rnn")
    model.parameters["W"][:] = 0.0
    norms = gradient_reach(model, TEXT, 20)["h"]
    assert norms[0] > 0.0
    assert not norms[1:].any()
    assert len(norms) == 21
    assert len(gradient_reach(model, TEXT[:5], 20)["h"]) == 4


@pytest.mark.parametrize(
    ("text", "which", "expected"),
    [
        ('a "b c" d', "quotes", [0, 0, 1, 1, 1, 1, 0, 0, 0]),
        ("“ab”c\n“d\ne", "quotes", [1, 1, 1, 0, 0, 0, 1, 1, 0, 0]),
        ("「红」楼", "quotes", [1, 1, 0, 0]),
        ("a(b[c]d))e(", "brackets", [0, 1, 1, 2, 2, 1, 1, 0, 0, 0, 1]),
        ("ab\nc\n\nd", "line", [1, 2, 0, 1, 0, 0, 1]),
        ("to be,x", "word", [1, 2, 0, 1, 2, 0, 1]),
    ],
)
def test_features(text: str, which: str, expected: list[int]) -> None:
    assert feature(text, which).tolist() == expected
    assert all(feature("", one).size == 0 for one in FEATURES)


def test_what_units_follow() -> None:
    rng = np.random.default_rng(3)
    wanted = rng.integers(0, 2, 400).astype(float)
    noise = rng.normal(size=400)
    values = np.stack([3 * wanted - 1, -wanted, noise, np.full(400, 0.3)], axis=1)
    found = follow(values, wanted)
    np.testing.assert_allclose(found[[0, 1, 3]], [1.0, -1.0, 0.0], atol=1e-12)
    assert found[2] == pytest.approx(np.corrcoef(noise, wanted)[0, 1])
    assert not follow(values, np.ones(400)).any()


def test_passages_in_which_the_same_units_are_on() -> None:
    values = np.random.default_rng(4).normal(0, 0.1, (300, 6))
    for start in (40, 150, 260):
        values[start : start + 10, [1, 4]] += 2.0
    values[200:210, 1] += 2.0  # one of the two
    assert sorted(units_on(values, 152, 158)) == [1, 4]
    found = passages(values, [1, 4], 10)
    assert sorted(passage.start for passage in found[:3]) == [40, 150, 260]
    assert [passage.share for passage in found[:3]] == pytest.approx([1.0] * 3)
    assert 0 < found[3].share <= 0.5
    assert passages(np.zeros((50, 2)), [0], 5) == []
