"""Curves keep what a screen can show of them."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recurra.view.axes import LEFT, WIDTH
from recurra.view.charts import Curve, curves
from recurra.view.thinning import thin

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)


def of_column(x, y, columns):
    """The lowest and highest of every column, written out."""
    found = {}
    for one, other in zip(x, y, strict=True):
        place = min(int((one - x[0]) / ((x[-1] - x[0]) or 1.0) * columns), columns - 1)
        low, high = found.get(place, (other, other))
        found[place] = min(low, other), max(high, other)
    return found


@given(VALUES, st.integers(1, 64))
def test_the_lowest_and_highest_of_every_column_stay(y, columns):
    x = np.arange(len(y), dtype=float)
    short = thin(x, y, columns)
    assert len(short[0]) <= 4 * columns
    assert set(zip(*short, strict=True)) <= set(zip(x, y, strict=True))
    assert (np.diff(short[0]) > 0).all()
    assert (short[0][0], short[0][-1]) == (x[0], x[-1])
    kept, whole = of_column(*short, columns), of_column(x, y, columns)
    if len(y) <= 4 * columns:
        assert short[1].tolist() == y
    else:
        assert kept.values() == whole.values() or list(kept.values()) == list(whole.values())


def test_a_drawing_of_a_million_points_is_small_and_shows_every_spike():
    x = np.arange(1_000_000.0)
    y = 2.0 + 1.0 / (1.0 + x / 1000)
    y[::5] += 0.01
    y[123_456] = 2.5
    drawn = curves([Curve(x, y, label="rnn")], "x", "y", marks=False)
    assert len(drawn) < 40_000
    (path,) = re.findall('<polyline points="([^"]*)"', drawn)
    places = [tuple(map(float, point.split(","))) for point in path.split()]
    spike = LEFT + 0.123456 * (WIDTH - LEFT - 16 - 24)
    near = [place for place in places if abs(place[0] - spike) < 1.0]
    assert min(place[1] for place in near) < min(place[1] for place in places[600:]) - 20
