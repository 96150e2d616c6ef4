"""Verdicts never say more than their numbers."""

from hypothesis import given
from hypothesis import strategies as st

from recurra.comparison.verdict import sentence, verdict_of
from recurra.stats.intervals import Interval

NUMBERS = st.floats(-5, 5)


@given(NUMBERS, NUMBERS, NUMBERS, st.integers(1, 9))
def test_different_only_where_the_interval_excludes_nothing(a, b, c, seeds):
    low, mean, high = sorted([a, b, c])
    kind = verdict_of(Interval(mean, low, high), seeds)
    assert (kind in ("lower", "higher")) == (seeds > 1 and not low <= 0.0 <= high)
    if kind == "lower":
        assert mean < 0.0
    said = sentence("one", "other", Interval(mean, low, high), seeds, 0.95)
    swapped = sentence("other", "one", Interval(-mean, -high, -low), seeds, 0.95)
    if kind in ("lower", "higher"):
        assert said == swapped


def test_the_better_one_is_named_first():
    said = sentence("rnn", "wrnn", Interval(0.02, 0.01, 0.03), 5, 0.95)
    assert said == (
        "wrnn predicts better than rnn at this budget: 0.0200 nats per character lower "
        "(95 % interval 0.0100 to 0.0300; 5 seeds each)."
    )
    assert "看不出 rnn 与 wrnn 有差别" in sentence("rnn", "wrnn", Interval(0, -1, 1), 5, 0.99, "zh")
    assert "No difference seen" in sentence("rnn", "wrnn", Interval(0.0, 0.0, 0.0), 5, 0.95)
    assert "tell rnn and wrnn from chance" in sentence("rnn", "wrnn", Interval(1, 1, 1), 1, 0.95)
    assert "cannot be compared" in sentence("rnn", "wrnn", None, 5, 0.95)
