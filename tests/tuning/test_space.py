"""What is searched: TOML, ranges, grids in order, and what is refused."""

import itertools
import math
import os
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import SettingError
from recurra.tuning.space import Range, classic_space, load_space, parse_space
from recurra.tuning.trial_store import distributions


@pytest.mark.parametrize(
    ("network", "hidden"), [("rnn", range(50, 1001, 50)), ("wrnn", range(50, 951, 100))]
)
def test_the_classic_grids_are_the_loops_of_the_original(network, hidden):
    space = classic_space(network)
    looped = []
    for size in hidden:
        for length in [25, 35, 45, 55, 65, 75, 85, 95]:
            looped += [(size, length, rate) for rate in (0.01, 0.001, 0.0001, 0.00001)]
    assert [tuple(space.point(n).values()) for n in range(space.size)] == looped
    assert space.size == {"rnn": 640, "wrnn": 320}[network]
    assert list(space.point(0)) == ["hidden", "seq_len", "lr"]


def test_there_is_no_classic_grid_of_another_network():
    with pytest.raises(SettingError, match="rnn and wrnn, not of lstm"):
        classic_space("lstm")


def test_toml_keeps_the_order_of_its_lines(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(
        'seq_len = [25, 35]\nhidden.b = [8, 16]\nlr = {from = 1e-4, to = 1e-2, log = true}\n'
        'f1 = ["tanh", "relu"]\nbatch = 1\ndropout = {from = 0, to = 0.5, points = 6}\n'
    )  # fmt: skip
    space = load_space(path)
    assert list(space.parameters) == ["seq_len", "hidden.b", "lr", "f1", "batch", "dropout"]
    assert space.parameters["lr"] == Range(1e-4, 1e-2, log=True)
    assert space.parameters["dropout"].grid == (0, 0.1, 0.2, 0.3, 0.4, 0.5)
    assert space.size is None
    with pytest.raises(SettingError, match="which values of lr to take"):
        space.point(0)


@pytest.mark.parametrize(
    ("entry", "values"),
    [
        ({"from": 50, "to": 200, "step": 50}, (50, 100, 150, 200)),
        ({"from": 1, "to": 4}, (1, 2, 3, 4)),
        ({"from": 0.1, "to": 0.35, "step": 0.1}, (0.1, 0.2, 0.3)),
        ({"from": 1e-4, "to": 1e-1, "log": True, "points": 4}, (1e-4, 1e-3, 1e-2, 1e-1)),
        ({"from": 1, "to": 100, "log": True, "points": 3}, (1, 10, 100)),
        ({"from": 0.2, "to": 0.2, "points": 3}, (0.2,)),
    ],
)
def test_the_grid_of_a_range(entry, values):
    assert parse_space({"x": entry}).parameters["x"].grid == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "is empty"),
        ({"lr": []}, "lr is an empty list"),
        ({"lr": [1, 1.0]}, "names a value twice"),
        ({"lr": [[1]]}, "neither number, text"),
        ({"lr": None}, "give a list, a range or one value"),
        ({"lr": {"from": 2, "to": 1}}, "runs from 2 down to 1"),
        ({"lr": {"from": 1}}, "is no range"),
        ({"lr": {"from": 1, "to": 2, "by": 1}}, "is no range"),
        ({"lr": {"from": 0, "to": 1, "log": True}}, "begin above 0"),
        ({"lr": {"from": 1, "to": 2, "step": 0}}, "not above 0"),
        ({"lr": {"from": 1, "to": 2, "step": 1, "points": 2}}, "beside log or points"),
        ({"lr": {"from": 1, "to": 2.5, "points": 0}}, "no whole number above 0"),
        ({"lr": {"from": 1, "to": math.inf}}, "no number"),
        ({"lr": {"from": 1, "to": True}}, "no number"),
        ({"lr": {"from": 1, "to": 2, "log": 1}}, "neither true nor false"),
    ],
)
def test_senseless_spaces_are_refused_in_a_sentence(given, sentence):
    with pytest.raises(SettingError, match=sentence):
        parse_space(given)


def test_a_file_that_is_no_toml(tmp_path):
    path = tmp_path / "space.toml"
    with pytest.raises(SettingError, match="cannot read the space"):
        load_space(path)
    path.write_text("lr = = 1")
    with pytest.raises(SettingError, match="is not TOML"):
        load_space(path)


whole = st.builds(
    lambda low, length, step: {"from": low, "to": low + length, "step": step},
    st.integers(-5, 5), st.integers(0, 9), st.integers(1, 4),
)  # fmt: skip
values = st.lists(
    st.integers(0, 999) | st.floats(0.001, 999, allow_nan=False),
    min_size=1,
    unique=True,
    max_size=5,
)
ranges = st.builds(
    lambda low, length, points, log: {
        "from": low, "to": low + length, "points": points, **({"log": True} if log and low else {})
    },
    st.just(0) | st.floats(1e-6, 1e3), st.floats(0, 1e3), st.integers(1, 7), st.booleans(),
)  # fmt: skip
spaces = st.dictionaries(
    st.sampled_from(["a", "f1", "α", "hidden.b", "hidden.状态"]),
    values | ranges | whole,
    min_size=1,
    max_size=4,
)


@given(spaces)
def test_a_grid_is_the_product_of_its_values_and_all_fit_their_distributions(given):
    space = parse_space(given)
    points = [space.point(n) for n in range(space.size)]
    product = itertools.product(*(p.grid for p in space.parameters.values()))
    assert [tuple(point.values()) for point in points] == list(product)
    for name, distribution in distributions(space).items():
        for value in space.parameters[name].grid:
            assert distribution._contains(distribution.to_internal_repr(value))


@given(spaces)
def test_a_space_comes_back_from_its_plain_values(given):
    space = parse_space(given)
    again = parse_space(space.as_json())
    assert again == space
    assert list(again.parameters) == list(space.parameters)
    typed = parse_space(tomllib.loads(space.as_toml()))
    assert typed == space


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("hidden = " + "[" * 100_000, "lists too deep"),
        ("hidden = " + "9" * 5000, "a number too long"),
        ("hidden = [1]\n" + "#" * 2**24, "more than 16,777,216 bytes"),
    ],
)
def test_files_without_measure_are_refused(tmp_path, content, sentence):
    path = tmp_path / "space.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(SettingError, match=sentence):
        load_space(path)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device")
def test_a_device_without_end_is_not_read():
    with pytest.raises(SettingError, match="more than 16,777,216 bytes"):
        load_space("/dev/zero")


NESTED = {
    "scrn.alpha": [0.9, 0.95],
    "batch": [1, 2],
    "network": ["rnn", "scrn"],
    "rnn.hidden.a": [3, 5, 7],
}


def test_what_belongs_to_one_network_is_an_inner_loop_of_it():
    space = parse_space(NESTED)
    points = [space.point(number) for number in range(space.size)]
    assert points == [
        {"batch": batch, "network": network, name: value}
        for batch in (1, 2)
        for network, name, values in (
            ("rnn", "rnn.hidden.a", (3, 5, 7)), ("scrn", "scrn.alpha", (0.9, 0.95))
        )
        for value in values
    ]  # fmt: skip
    assert space.settings == len(points) == 10
    assert all(map(space.contains, points))
    assert not space.contains({"batch": 1, "network": "rnn", "scrn.alpha": 0.9})
    assert not space.contains({"batch": 1, "network": "rnn"})
    assert {one["network"] for one in space.extremes()} == {"rnn", "scrn"}
    for setting in space.extremes():
        assert space.contains(setting)
    assert parse_space(tomllib.loads(space.as_toml())) == space


def test_a_network_of_a_file_has_its_own_too():
    space = parse_space(
        tomllib.loads('network = ["nets/deep.eq", "rnn"]\n"nets/deep.eq".layers = [1, 2]')
    )
    assert space.size == 3
    assert parse_space(tomllib.loads(space.as_toml())) == space
