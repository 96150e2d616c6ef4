"""The time that a comparison takes: by budgets of minutes, by runs that have ended, measured."""

import pytest

import recurra
from comparing import RECIPE, finish, plan, write_text
from recurra.comparison.cost import TimeLeft, estimate_cost
from recurra.training.records import Progress


@pytest.fixture
def text(tmp_path):
    return write_text(tmp_path / "plays.txt")


def progress(seconds, left):
    return Progress(1, 1, 1.0, 1.0, 1.0, 0.1, 1.0, seconds, seconds / (seconds + left), left)


def test_runs_of_minutes_are_counted(text, tmp_path):
    limits = [{"minutes": 9.0}, {"minutes": 1.0}]
    comparison = plan(text, limits=limits, seeds=5, out=tmp_path / "c")
    first = comparison.finalists()[0]
    left = TimeLeft(comparison)
    # two networks, five seeds
    assert left.seconds(first) == 60 * (10 * 9 + 10 * 1)
    assert left.seconds(first, progress(240.0, 300.0)) == 300 + 60 * (9 * 9 + 10 * 1)
    corpus = comparison.text.load("here")
    cost = estimate_cost(comparison, corpus)
    assert {(one.runs, one.seconds, one.chars_per_second) for one in cost.runs} == {
        (5, 540.0, None), (5, 60.0, None)
    }  # fmt: skip
    assert (cost.count, cost.seconds) == (20, 60 * (10 * 9 + 10 * 1))
    assert estimate_cost(comparison, corpus, 5).seconds == 60 * (2 * 9 + 2 * 1)
    # 3 would not divide the 10 runs of a budget: 2 are trained at a time
    assert estimate_cost(comparison, corpus, 3).seconds == 60 * (5 * 9 + 5 * 1)


def test_runs_of_steps_take_as_long_as_those_before(text, tmp_path):
    comparison = plan(text, out=tmp_path / "c")
    one, other, third, fourth = comparison.finalists()
    left = TimeLeft(comparison)
    assert left.seconds(one) is None
    assert left.seconds(one, progress(1.0, 3.0)) == 3 + 3 * 4  # all like the present one
    left.end(one, 4.0)
    assert left.seconds(other) == 3 * 4
    left.end(other, 10.0)
    assert left.seconds(third) == 4 + 10
    assert (third.contestant, fourth.contestant) == ("rnn", "wrnn")
    assert left.seconds(third, progress(2.0, 5.0)) == 5 + 10
    finish(comparison)
    again = recurra.Comparison.open(comparison.folder)
    cost = estimate_cost(again, again.text.load("here"))
    assert (cost.runs, cost.count, cost.seconds) == ([], 0, 0.0)


@pytest.mark.long
def test_steps_and_epochs_are_measured(text, tmp_path):
    limits = [{"steps": 40}, {"epochs": 2.0}]
    comparison = plan(text, limits=limits, rates=[1e-2, 1e-3], out=tmp_path / "c")
    costs = estimate_cost(comparison, comparison.text.load("here")).runs
    assert [cost.runs for cost in costs] == [2 + 2] * 4  # rates and seeds
    for cost in costs:
        assert cost.parameters == comparison.budget(cost.budget).parameters[cost.contestant]
        assert cost.seconds > 16 * 40 / cost.chars_per_second
    endless = plan(
        text, recipe=RECIPE.with_(steps=None, stop_no_minimum=9), out=tmp_path / "endless"
    )
    assert {c.seconds for c in estimate_cost(endless, endless.text.load("here")).runs} == {None}
