"""Statistics against brute force, printed tables and simulated truths."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.stats.expected_best import expected_best
from recurra.stats.intervals import (
    BLOCK,
    BLOCKS,
    cut_blocks,
    mean_interval,
    paired_bootstrap,
    student_quantile,
)

FINITE = st.floats(-100, 100)


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [  # any printed table of Student's distribution
        (0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 4, 2.776), (0.975, 9, 2.262),
        (0.975, 30, 2.042), (0.95, 4, 2.132), (0.995, 4, 4.604), (0.9995, 1, 636.62),
        (0.975, 120, 1.980), (0.975, 1e5, 1.960), (0.975, 1e9, 1.960), (0.5, 3, 0.0),
    ],
)  # fmt: skip
def test_quantiles_of_student(probability, freedom, quantile):
    assert student_quantile(probability, freedom) == pytest.approx(quantile, rel=1e-4, abs=5e-4)


def test_quantiles_between_whole_degrees_of_freedom():
    draws = np.random.default_rng(1).standard_t(2.5, 400_000)
    assert np.mean(draws < student_quantile(0.975, 2.5)) == pytest.approx(0.975, abs=0.001)


def test_interval_of_a_mean():
    # by hand: the error is the root of 2.5 / 5, and the quantile 2.776
    found = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.mean, found.low, found.high) == pytest.approx((3, 1.03675, 4.96325), abs=1e-4)
    one = mean_interval([7.0])
    assert (one.mean, one.low, one.high) == (7.0, -math.inf, math.inf)


@given(st.lists(FINITE, min_size=1, max_size=7))
def test_expected_best_is_the_mean_over_all_choices(losses):
    brute = [
        np.mean([min(chosen) for chosen in itertools.combinations(losses, k)])
        for k in range(1, len(losses) + 1)
    ]
    assert expected_best(losses) == pytest.approx(brute, abs=1e-9)


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(any), st.integers(1, 20), st.data()
)
def test_blocks_are_contiguous_and_stay_in_their_document(documents, length, data):
    total = sum(documents)
    losses = np.array(data.draw(st.lists(FINITE, min_size=total, max_size=total)))
    sums, sizes = cut_blocks(np.stack([losses, -losses]), documents, length)
    assert (sizes > 0).all()
    assert (sizes < 2 * length).all()
    ends = set(np.cumsum(sizes).tolist())
    assert ends >= set(np.cumsum(documents).tolist()) - {0}
    pieces = np.split(losses, np.cumsum(sizes)[:-1])
    assert sums[0] == pytest.approx([piece.sum() for piece in pieces], abs=1e-9)
    assert sums[1] == pytest.approx(-sums[0])


def test_long_texts_have_longer_blocks_not_more_of_them():
    _, sizes = cut_blocks(np.ones(10 * BLOCK), [10 * BLOCK])
    assert sizes.tolist() == [BLOCK] * 10
    _, sizes = cut_blocks(np.ones(3 * BLOCK * BLOCKS), [3 * BLOCK * BLOCKS])
    assert sizes.tolist() == [3 * BLOCK] * BLOCKS


def simulate(rng, seeds, blocks, *, of_seed, of_block, noise, truth=0.0):
    """Two sides that share blocks of text and differ by seed, by block and by both."""
    sizes = rng.integers(50, 150, blocks)
    text = rng.normal(2.0, 1.0, blocks)
    one = text + truth + of_seed * rng.normal(size=(seeds, 1)) + of_block * rng.normal(size=blocks)
    one = one + noise * rng.normal(size=(seeds, blocks))
    other = np.tile(text, (seeds, 1))
    return one * sizes, other * sizes, sizes


@pytest.mark.parametrize(
    ("seeds", "blocks", "spread"),
    [
        (5, 60, {"of_seed": 1.0, "of_block": 0.0, "noise": 0.1}),  # seeds decide
        (5, 60, {"of_seed": 0.01, "of_block": 5.0, "noise": 0.1}),  # the text decides
        (5, 60, {"of_seed": 0.3, "of_block": 2.0, "noise": 1.0}),  # both
        (3, 40, {"of_seed": 1.0, "of_block": 1.0, "noise": 0.5}),
        (2, 40, {"of_seed": 1.0, "of_block": 0.5, "noise": 0.5}),
    ],
)
def test_intervals_cover_the_truth_as_often_as_they_say(seeds, blocks, spread):
    rng = np.random.default_rng(20)
    trials, hits = 500, 0
    for _ in range(trials):
        sides = simulate(rng, seeds, blocks, truth=0.7, **spread)
        found = paired_bootstrap(*sides, rng, resamples=200)
        hits += found.low <= 0.7 <= found.high
    # A bootstrap over both counts what is common to neither twice: it may be too careful.
    assert 0.935 <= hits / trials <= 0.99


def test_over_seeds_alone_the_interval_is_students():
    rng = np.random.default_rng(3)
    means = rng.normal(size=5)
    one, other, sizes = np.repeat(means[:, None], 7, axis=1), np.zeros((5, 7)), np.ones(7)
    found, exact = paired_bootstrap(one, other, sizes, rng), mean_interval(means)
    assert found.mean == pytest.approx(exact.mean)
    assert found.low == pytest.approx(exact.low, rel=0.03)
    assert found.high == pytest.approx(exact.high, rel=0.03)


def test_over_text_alone_the_interval_is_the_normal_one():
    rng = np.random.default_rng(4)
    values = rng.normal(size=(1, 300))
    found = paired_bootstrap(values, np.zeros((1, 300)), np.ones(300), rng)
    error = values.std(ddof=1) / math.sqrt(300)
    assert found.high - found.mean == pytest.approx(1.968 * error, rel=0.03)


def test_sides_that_are_equal_differ_by_nothing():
    one = np.random.default_rng(5).normal(size=(5, 30))
    found = paired_bootstrap(one, one, np.ones(30), np.random.default_rng(6))
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)


def test_one_seed_and_one_block_say_nothing():
    found = paired_bootstrap(np.ones((1, 1)), np.zeros((1, 1)), np.ones(1), np.random.default_rng())
    assert (found.mean, found.low, found.high) == (1.0, -math.inf, math.inf)


def test_equal_generators_give_equal_intervals():
    rng = np.random.default_rng(8)
    one, other, sizes = simulate(rng, 5, 20, of_seed=1.0, of_block=1.0, noise=1.0)
    found = [paired_bootstrap(one, other, sizes, np.random.default_rng(9)) for _ in range(2)]
    assert found[0] == found[1]
    swapped = paired_bootstrap(other, one, sizes, np.random.default_rng(9))
    assert (swapped.mean, swapped.low) == pytest.approx((-found[0].mean, -found[0].high))
