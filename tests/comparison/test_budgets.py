"""Sizes of equal parameters, and every size with every length of training."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recurra
from recurra.comparison.budgets import make_budgets, matched_size
from recurra.errors import SettingError

# those with blocks have sizes in steps: a test of their own
LIBRARY = {
    name: network
    for name, network in ((name, recurra.load_network(name)) for name in recurra.library())
    if not network.blocks
}
SOLVERS = {name: recurra.ShapeSolver(network) for name, network in LIBRARY.items()}


def count(name, vocabulary, hidden):
    """Parameters; infinitely many where a matrix memory would be too large."""
    try:
        return SOLVERS[name].shapes(vocabulary, hidden).count
    except SettingError:
        return math.inf


@given(
    st.sampled_from(sorted(LIBRARY)), st.sampled_from(sorted(LIBRARY)),
    st.integers(2, 6000), st.integers(30, 700),
)  # fmt: skip
def test_the_size_is_near_and_no_other_is_nearer(one, other, vocabulary, hidden):
    target = count(one, vocabulary, hidden)
    try:
        size = matched_size(LIBRARY[other], vocabulary, target)
    except SettingError:
        near = [count(other, vocabulary, size) for size in range(1, 2000)]
        assert near[-1] > target
        assert all(abs(number - target) > 0.02 * target for number in near)
        return
    gap = abs(count(other, vocabulary, size) - target)
    assert gap <= 0.02 * target
    if isinstance(size, int):
        assert gap <= min(abs(count(other, vocabulary, size + d) - target) for d in (-1, 1))
    else:
        small = min(size.values())
        assert {*size.values()} <= {small, small + 1}
        for uniform in (small, small + 1):
            assert abs(count(other, vocabulary, uniform) - target) > 0.02 * target


def test_where_one_size_is_too_coarse_vectors_differ_by_one():
    # by hand: rnn 2 x 20 x 3 + 9 + 3 + 20 = 152; wrnn a=3, b=2: 60 + 9 + 6 + 6 + 4 + 5 + 40 + 20
    assert count("rnn", 20, 3) == 152
    assert matched_size(LIBRARY["wrnn"], 20, 152) == {"a": 3, "b": 2}
    assert count("wrnn", 20, {"a": 3, "b": 2}) == 150


def test_the_blocks_of_a_matrix_divide_every_size():
    text = "a[t] = tanh(U @ x[t] + W @ a[t-1])\nb[t] = tanh(V @ a[t] + T @ b[t-1])\n"
    network = recurra.parse(text + "W: blocks(4)\nT: blocks(6)\no[t] = softmax(Q @ b[t])\n")
    sizes = matched_size(network, 65, 100_000)
    solver = recurra.ShapeSolver(network)
    assert abs(solver.shapes(65, sizes).count - 100_000) < 2_000
    values = {sizes} if isinstance(sizes, int) else {*sizes.values()}
    assert not any(size % 12 for size in values)


def test_what_is_no_vector_has_a_size_too():
    text = (
        "a[t] = tanh(U @ x[t] + A @ (B @ a[t-1]))\n"
        "b[t] = tanh(V @ a[t] + W @ b[t-1])\no[t] = softmax(Q @ b[t])"
    )
    network = recurra.parse(text)
    target = recurra.ShapeSolver(network).shapes(20, {"": 2, "a": 3}).count
    size = matched_size(network, 20, target)
    assert recurra.ShapeSolver(network).shapes(20, size).count == pytest.approx(target, rel=0.02)


def test_the_papers_networks_by_hand():
    # rnn: 65 H + H^2 + H + 65 H + 65; wrnn: 65 H + 4 H^2 + 2 H + 65 H + 65
    (budget,) = make_budgets([LIBRARY["rnn"], LIBRARY["wrnn"]], 65, [256], [{"steps": 10}])
    size = budget.sizes["wrnn"]
    assert budget.sizes["rnn"] == 256
    assert budget.parameters["rnn"] == 131 * 256 + 256**2 + 65
    assert budget.parameters["wrnn"] == 132 * size + 4 * size**2 + 65
    assert budget.parameters["wrnn"] == pytest.approx(budget.parameters["rnn"], rel=0.02)
    assert budget.name == "256-steps10"


def test_every_size_with_every_length():
    networks = [LIBRARY["rnn"], LIBRARY["lstm"]]
    limits = [{"steps": 10}, {"minutes": 0.5}, {}]
    budgets = make_budgets(networks, 100, [64, {"h": 128}], limits, "hidden")
    names = [budget.name for budget in budgets]
    assert names[:3] == ["64-steps10", "64-minutes0.5", "64"]
    assert names[3:] == ["h128-steps10", "h128-minutes0.5", "h128"]
    assert budgets[0].sizes == {"rnn": 64, "lstm": 64}


def test_too_small_to_match():
    with pytest.raises(
        SettingError, match=r"gru comes within 2 % of .*\(hidden 1: 106; hidden 2: 198"
    ):
        make_budgets([LIBRARY["rnn"], LIBRARY["gru"]], 20, [3], [{}])
    with pytest.raises(SettingError, match="match has to be one of"):
        make_budgets([LIBRARY["rnn"]], 20, [5], [{}], "size")


def test_a_budget_is_asked_for_once():
    with pytest.raises(SettingError, match="budget 64-steps5 is asked for twice"):
        make_budgets([LIBRARY["rnn"]], 20, [64], [{"steps": 5}, {"steps": 6}, {"steps": 5}])
