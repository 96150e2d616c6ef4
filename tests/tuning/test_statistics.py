"""Numbers out of results, against definitions written out and against SciPy."""

import dataclasses
import itertools
import math
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.stats.expected_best import expected_best
from recurra.tuning.statistics import (
    compared,
    history,
    importance,
    losses_of_search,
    rank_correlation,
    rung_correlations,
)
from recurra.tuning.trials import DIVERGED, DONE, PRUNED, Figures, Trial
from studies import make_spec

losses = st.lists(st.floats(0.5, 9, allow_nan=False), min_size=1, max_size=8)


@given(losses)
def test_expected_best_is_the_mean_over_all_sets(values):
    expected = expected_best(values)
    for k in range(1, len(values) + 1):
        sets = [min(chosen) for chosen in itertools.combinations(values, k)]
        assert expected[k - 1] == pytest.approx(sum(sets) / len(sets), rel=1e-9)


def test_expected_best_of_thousands_is_finite_and_falls():
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 2, 3000)
    expected = expected_best(values)
    assert expected[0] == pytest.approx(values.mean())
    assert expected[-1] == values.min()
    assert (np.diff(expected) <= 1e-12).all()


def test_a_diverged_trial_counts_as_infinite():
    assert expected_best([1.0, math.inf]).tolist() == [math.inf, 1.0]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12))
def test_rank_correlation_is_spearmans(pairs):
    from scipy.stats import spearmanr  # takes seconds, in every process that collects the tests

    x, y = zip(*pairs, strict=True)
    found = rank_correlation(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_rank_correlation_of_two_is_none():
    assert rank_correlation([1, 2], [1, 2]) is None


def _trials(settings, values, **more):
    now = datetime(2026, 1, 1)  # noqa: DTZ001 (as Optuna has it)
    return [
        Trial(
            i, DONE, setting, loss=loss, ended=now + timedelta(seconds=i),
            result=Figures(characters=10 * (i + 1)), **more,
        )
        for i, (setting, loss) in enumerate(zip(settings, values, strict=True))
    ]  # fmt: skip


def test_history_adds_up_characters():
    trials = _trials([{}, {}, {}], [3.0, 1.0, 2.0])
    assert history(trials) == ([10, 30, 60], [3.0, 1.0, 2.0], [3.0, 1.0, 1.0])


def test_the_history_of_a_search_holds_pruned_trials_at_their_last_rung():
    first, second = _trials([{}, {}], [3.0, 1.0])
    pruned = dataclasses.replace(first, state=PRUNED, loss=None, rungs={10: 0.5})
    assert history([pruned, second]) == ([10, 30], [0.5, 1.0], [math.inf, 1.0])


def test_a_search_found_nothing_where_it_diverged():
    trials = _trials([{}, {}], [1.5, 1.7])
    trials += [Trial(n, DIVERGED, {}) for n in (2, 3)]
    losses = losses_of_search(trials)
    assert sorted(losses) == [1.5, 1.7, math.inf, math.inf]
    # of the four sets of three, three hold 1.5
    assert expected_best(losses)[2:] == pytest.approx([(3 * 1.5 + 1.7) / 4, 1.5])


def test_importance_finds_what_matters(tmp_path):
    asked = make_spec(tmp_path, {"hidden": [2, 4, 6], "lr": [0.1, 0.2, 0.3], "batch": [1, 2]})
    settings = [asked.space.point(n) for n in range(18)]
    rng = np.random.default_rng(1)
    values = [2 * s["lr"] + 0.001 * rng.standard_normal() for s in settings]
    found = importance(asked, _trials(settings, values))
    assert next(iter(found)) == "lr"
    assert found["lr"] > 0.99
    assert found["hidden"] < 0.05
    assert importance(asked, _trials(settings, [1.0] * 18)) == dict.fromkeys(found, 0.0)


def test_importance_of_a_main_effect_is_its_share_of_the_variance(tmp_path):
    asked = make_spec(tmp_path, {"hidden": [1, 2], "batch": [1, 2]})
    settings = [asked.space.point(n % 4) for n in range(400)]
    values = [3.0 * s["hidden"] + 4.0 * s["batch"] for s in settings]
    found = importance(asked, _trials(settings, values))
    assert found["hidden"] == pytest.approx(9 / 25, abs=0.01)
    assert found["batch"] == pytest.approx(16 / 25, abs=0.01)


def test_after_pruning_the_first_rung_is_compared():
    pruned = [Trial(i, PRUNED, {"a": i}, rungs={100: float(i)}) for i in range(1, 9)]
    done = Trial(0, DONE, {"a": 0}, rungs={100: 0.5, 300: 0.4}, loss=0.3)
    assert compared([done, *pruned])[1].tolist() == [0.5, *range(1, 9)]


@pytest.mark.parametrize("count", [12, 20, 24])
def test_a_range_that_decides_is_seen_whatever_the_number_of_trials(tmp_path, count):
    asked = make_spec(tmp_path, {"lr": {"from": 1e-4, "to": 1e-1, "log": True}, "batch": [1, 2]})
    settings = [{"lr": 10 ** (-4 + 3 * (0.618 * n % 1)), "batch": 1 + n % 2} for n in range(count)]
    values = [-math.log10(setting["lr"]) for setting in settings]
    found = importance(asked, _trials(settings, values))
    assert next(iter(found)) == "lr"
    assert found["lr"] > 0.7
    assert found["batch"] < 0.2
    assert importance(asked, _trials(settings[:5], values[:5])) == {}


def test_rungs_foretell(tmp_path):
    asked = make_spec(tmp_path, pruner="rounds", rung=100, length=960)
    trials = [
        Trial(i, DONE, {}, rungs={100: first, 300: second}, loss=last)
        for i, (first, second, last) in enumerate([(3, 1, 1), (2, 2, 2), (1, 3, 3), (4, 4, 4)])
    ]
    first, second = rung_correlations(asked, trials)
    assert (first.rung, first.trials, first.rho) == (100, 4, pytest.approx(0.2))
    assert second.rho == pytest.approx(1.0)
