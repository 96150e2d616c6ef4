"""Stop rules on constructed losses, and against the rules read out word by word."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.training.recipe import CLASSIC, MODERN
from recurra.training.stopping import Watch, budget_used


def stopped_at(losses, recipe, vocabulary=65):
    """(step, reason) of the first stop; the losses are of one sequence."""
    watch = Watch.begin(recipe, vocabulary)
    for loss in losses:
        watch.train(loss, recipe.smoothing)
        if reason := watch.reason(recipe):
            return watch.step, reason
    return None


def test_the_smoothed_loss_starts_from_guessing():
    watch = Watch.begin(CLASSIC.with_(seq_len=30), 5887)
    assert watch.smooth == watch.minimum == 30 * math.log(5887)
    watch.train(100.0, 0.999)
    assert watch.smooth == pytest.approx(0.999 * 30 * math.log(5887) + 0.1)


def test_classic_stops_a_thousand_steps_after_the_last_minimum():
    falls = [20.0] * 300
    assert stopped_at(falls + [200.0] * 2000, CLASSIC) == (1300, "stop_no_minimum")
    # One new minimum in time starts the count anew; after it, the same loss sets no minimum.
    again = [*falls, *[200.0] * 999, -1e6, *[200.0] * 2000]
    assert stopped_at(again, CLASSIC) == (2300, "stop_no_minimum")
    assert stopped_at([200.0] * 2000, CLASSIC) == (1000, "stop_no_minimum")


def test_classic_stops_ten_thousand_steps_after_the_integer_part_fell():
    # From T ln V = 104.36 the smoothed loss falls towards 103, always and ever more slowly.
    losses = [103.0] * 20_000
    values, smooth = [], 25 * math.log(65)
    for loss in losses:
        smooth = 0.999 * smooth + 0.001 * loss
        values.append(smooth)
    first = next(i for i, value in enumerate(values, 1) if math.floor(value) == 103)
    assert math.floor(values[-1]) == 103
    assert all(b < a for a, b in zip(values[first:9000], values[first + 1 : 9001], strict=True))
    recipe = CLASSIC.with_(stop_no_minimum=None)
    assert stopped_at(losses, recipe) == (first + 10_000, "stop_same_integer")


@given(
    st.lists(st.floats(0, 20), min_size=1, max_size=60),
    st.integers(1, 8),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.5, 0.9]),
)
def test_the_classic_rules_are_what_they_say(losses, no_minimum, same_integer, smoothing):
    recipe = CLASSIC.with_(
        seq_len=3, smoothing=smoothing, stop_no_minimum=no_minimum, stop_same_integer=same_integer
    )
    smooth = [3 * math.log(5)]
    for loss in losses:
        smooth.append(smoothing * smooth[-1] + (1 - smoothing) * loss)

    def rests(values, steps, end):
        """No value of the last `steps` is below all that came before them."""
        late = end + 1 - steps
        return late > 0 and min(values[late : end + 1]) >= min(values[:late])

    expected = None
    for end in range(1, len(smooth)):
        if rests(smooth, no_minimum, end):
            expected = end, "stop_no_minimum"
        elif rests([math.floor(value) for value in smooth], same_integer, end):
            expected = end, "stop_same_integer"
        if expected:
            break
    assert stopped_at(losses, recipe, vocabulary=5) == expected


def test_patience_counts_evaluations_without_a_new_best():
    recipe, watch = MODERN.with_(patience=2), Watch.begin(MODERN, 65)
    reasons = []
    for loss in (3.0, 2.0, 2.5, 1.9, 1.9, float("nan")):
        watch.train(100.0, 0.9)
        reasons.append((watch.evaluate(loss), watch.reason(recipe)))
    assert reasons == [
        (True, None),
        (True, None),
        (False, None),
        (True, None),
        (False, None),
        (False, "patience"),
    ]
    assert (watch.best, watch.best_step, watch.evaluated_step) == (1.9, 4, 6)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 1e9])
def test_divergence(loss):
    watch = Watch.begin(MODERN, 65)
    for _ in range(50):
        watch.train(1.2 * 64 * math.log(65), 0.99)
        assert not watch.diverged(MODERN, 65)
    watch.train(loss, 0.99)
    assert watch.diverged(MODERN, 65)


def test_a_vocabulary_of_one_character_is_no_divergence():
    watch = Watch.begin(CLASSIC, 1)
    watch.train(1e-9, 0.999)
    assert not watch.diverged(CLASSIC, 1)


def test_the_budget_that_ends_first_counts():
    recipe = MODERN.with_(steps=100, epochs=1.5, minutes=2)
    assert budget_used(recipe, 10, 20, 6.0) == ("epochs", 10 / 30)
    assert budget_used(recipe, 10, 200, 6.0) == ("steps", 0.1)
    assert budget_used(recipe, 10, 200, 90.0) == ("minutes", 0.75)
    assert budget_used(CLASSIC, 10, 200, 90.0) is None
