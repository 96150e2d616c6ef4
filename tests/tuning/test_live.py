"""A search folded into what a display shows."""

from dataclasses import replace

from recurra.tuning.live import LiveSearch
from recurra.tuning.trials import Figures, Trial
from studies import LENGTH, make_spec


def trial(number, state, loss=None, rungs=(), characters=None):
    figures = Figures(characters=characters)
    return Trial(number, state, {"lr": 0.1}, dict(rungs), loss, result=figures)


def test_news_counts_best_and_time_left(tmp_path):
    live = LiveSearch(make_spec(tmp_path))
    done, rest = trial(0, "done", 1.5, characters=LENGTH), [trial(n, "waiting") for n in (2, 3)]
    begun = [done, trial(1, "running"), *rest]
    assert live.take(begun, 10.0) == []  # what had ended before is no news
    assert live.counts == {"done": 1, "running": 1, "waiting": 2}
    assert (live.best_loss, live.seconds_left) == (1.5, None)
    ended = [done, trial(1, "done", 1.25, characters=LENGTH), *rest]
    assert live.take(ended, 30.0) == [ended[1]]
    assert live.best_loss == 1.25
    assert live.seconds_left == 60.0  # a quarter in 30 seconds, two quarters are left
    assert live.take(ended, 31.0) == []


def test_a_pruned_trial_that_is_promoted_ends_twice(tmp_path):
    live = LiveSearch(make_spec(tmp_path))
    rest = [trial(n, "waiting") for n in (1, 2, 3)]
    pruned, done = trial(0, "pruned", rungs={100: 2.0}), trial(0, "done", 1.0)
    states = [trial(0, "running"), pruned, replace(pruned, state="running"), done]
    news = [live.take([state, *rest], 1.0) for state in states]
    assert news == [[], [pruned], [], [done]]


def test_what_runs_stands_above_what_is_best(tmp_path):
    live = LiveSearch(make_spec(tmp_path))
    trials = [
        trial(0, "done", 2.0), trial(1, "running", rungs={100: 3.0}), trial(2, "running"),
        trial(3, "running"), trial(4, "pruned", rungs={100: 1.0}), trial(5, "done", 1.0),
        trial(6, "waiting"),
    ]  # fmt: skip
    live.take(trials, 1.0)
    assert [t.number for t in live.leaders(4)] == [1, 2, 5, 0]
    assert [t.number for t in live.leaders(12)] == [1, 2, 3, 5, 0, 4]
