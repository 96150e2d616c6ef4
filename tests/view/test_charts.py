"""Charts and heat maps as SVG."""

import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.view import palette
from recurra.view.axes import Scale
from recurra.view.charts import Curve, Estimate, bars, curves, intervals
from recurra.view.heatmaps import Setting, heat_map

NUMBERS = st.floats(-1e9, 1e9)
SVG = "{http://www.w3.org/2000/svg}"


def read(html):
    """As XML, which everything here is too."""
    return ElementTree.fromstring(html)


@given(
    st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5), max_size=4),
    st.booleans(),
)
def test_curves_stay_inside_their_frame(paths, marks):
    lines = []
    for colour, path in enumerate(paths):
        x, y = zip(*sorted(path), strict=True)
        lines.append(Curve(x, y, colour, f"<{colour}>"))
    drawn = curves(lines, "x & y", "y", marks=marks)
    if not paths:
        assert drawn == ""
        return
    made = read(drawn)
    _, _, width, height = map(float, made.get("viewBox").split())
    for text in made.iter(f"{SVG}text"):
        if text.get("x"):
            assert 0 <= float(text.get("x")) <= width
            assert 0 <= float(text.get("y")) <= height
    assert len(list(made.iter(f"{SVG}polyline"))) == len(paths)
    inner = made.find(f"{SVG}svg")  # what cuts off all that is outside of the frame
    assert float(inner.get("x")) + float(inner.get("width")) <= width


def test_a_chart_that_is_cut_says_so_and_others_show_all():
    line = [Curve(range(100), [50.0, *(1.0 + n / 100 for n in range(99))])]
    for above, shows_all in (("up to {highest} above", False), ("", True)):
        texts = [text.text for text in read(curves(line, "x", "y", above=above)).iter(f"{SVG}text")]
        assert ("50" in texts) == shows_all  # a number of the y axis
        assert ("up to 50 above" in texts) != shows_all
    flat = [Curve(range(100), [1.0 + n / 100 for n in range(100)])]
    assert "above" not in curves(flat, "x", "y", above="up to {highest} above")


def test_labels_at_the_ends_do_not_overlap():
    lines = [Curve([0, 1], [5, 1 + i / 1000], i, f"network{i}") for i in range(6)]
    made = read(curves(lines, "x", "y"))
    places = [float(t.get("y")) for t in made.iter(f"{SVG}text") if "network" in (t.text or "")]
    assert len(places) == 6
    assert min(b - a for a, b in zip(sorted(places), sorted(places)[1:], strict=False)) >= 14.9
    assert max(places) < float(made.get("viewBox").split()[3])


@pytest.mark.parametrize("name", ["run", "a" * 255, "长" * 300, "lstm-a-long-name-of-a-novel-012"])
def test_a_long_name_leaves_room_for_the_drawing(name):
    many = np.arange(3000.0)
    curve = read(curves([Curve(many, many, 0, name)], "x", "y"))
    drawn = [
        float(x) for x in re.findall(r"([\d.]+),", curve.find(f".//{SVG}polyline").get("points"))
    ]
    assert drawn[-1] - drawn[0] > 100
    bar = read(bars([(name, 1.0)], "x"))
    assert float(bar.find(f"{SVG}rect").get("width")) > 100
    for figure in (curve, bar):
        (shown,) = (t.text for t in figure.iter(f"{SVG}text") if (t.text or "")[:3] == name[:3])
        start, cut, end = shown.partition("…")
        assert name.startswith(start)
        assert name.endswith(end)
        assert bool(cut) == (len(name) > 30)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=4), st.booleans())
def test_intervals_hold_their_means(triples, zero):
    estimates = [Estimate("a", *sorted(t)[1:2], *sorted(t)[::2]) for t in triples]
    drawn = intervals(estimates, "x", zero=zero)
    if not triples:
        assert drawn == ""
        return
    made = read(drawn)
    bars = [line for line in made.iter(f"{SVG}line") if line.get("stroke-width") == "2.5"]
    dots = [dot for dot in made.iter(f"{SVG}circle") if dot.get("r") == "5.5"]
    assert len(bars) == len(dots) == len(triples)
    for bar, dot in zip(bars, dots, strict=True):
        assert float(bar.get("x1")) <= float(dot.get("cx")) <= float(bar.get("x2"))
        assert 0 <= float(bar.get("x1")) <= float(bar.get("x2")) <= 460


def test_an_infinite_interval_is_not_drawn():
    made = read(intervals([Estimate("a", 1.0, -math.inf, math.inf, values=[0.5, 1.5])], "x"))
    assert len(list(made.iter(f"{SVG}circle"))) == 3
    assert not [line for line in made.iter(f"{SVG}line") if line.get("stroke-width") == "2.5"]


def cells(drawn):
    return {rect.find(f"{SVG}title").text: rect for rect in read(drawn).iter(f"{SVG}rect")}


def lightness(shape):
    return sum(map(int, shape.get("fill")[4:-1].split(",")))


def test_a_heat_map_is_darkest_where_the_loss_is_lowest():
    x, y = Setting("f1", ["tanh", "a<b", "a<b", "tanh"]), Setting("hidden", [16, 16, 32, 16])
    drawn = heat_map(x, y, [2.5, 3.0, math.inf, 2.75], "nats")
    found = cells(drawn)
    # one cell for each pair, of two losses the lower
    assert sorted(found) == ["16, a<b: 3.0000", "16, tanh: 2.5000", "32, a<b: –"]
    dark, light, none = (
        found[key] for key in ("16, tanh: 2.5000", "16, a<b: 3.0000", "32, a<b: –")
    )
    assert lightness(dark) < lightness(light) <= lightness(none)
    assert float(dark.get("y")) == float(light.get("y")) > float(none.get("y"))
    assert {"hidden", "f1", "16", "32", "tanh", "2.5000", "3.0000"} <= {*read(drawn).itertext()}


def test_a_heat_map_of_nothing_is_empty_and_one_of_equals_is_dark():
    one = Setting("a", [1])
    assert heat_map(one, one, [math.inf], "c") == ""
    (cell,) = cells(heat_map(one, one, [1.5], "c")).values()
    assert cell.get("fill") == palette.blend(1.0)


def test_values_of_a_range_are_points_on_a_log_axis_with_round_ticks():
    rates = [10 ** (-5 + 4 * (0.618 * n % 1)) for n in range(12)]
    x, y = Setting("lr", rates, log=True), Setting("hidden", [8 * (1 + n % 3) for n in range(12)])
    made = read(heat_map(x, y, [float(n) for n in range(12)], "nats"))
    points = list(made.iter(f"{SVG}circle"))
    assert len(points) == 12
    across = sorted((rate, float(p.get("cx"))) for rate, p in zip(rates[::-1], points, strict=True))
    assert [place for _, place in across] == sorted(place for _, place in across)
    ticks = [text.text for text in made.iter(f"{SVG}text")]
    assert {"0.0001", "0.001", "0.01"} <= {*ticks}
    assert max(map(len, ticks)) <= 7
    assert len(list(made.iter(f"{SVG}rect"))) == 0


def test_a_heat_map_takes_time_that_grows_with_its_losses_and_not_their_square():
    class Counted(list):
        passes = 0

        def __iter__(self):
            Counted.passes += 1
            return super().__iter__()

    rows = Counted(range(300))
    heat_map(Setting("x", rows, continuous=True), Setting("y", rows), [1.0] * 300, "z")
    assert Counted.passes < 20


VALUE = st.one_of(
    st.floats(1e-5, 1e5), st.integers(0, 10**6), st.sampled_from(["a long name", "b"])
)


@given(
    st.lists(st.tuples(VALUE, VALUE, st.floats(0.0, 9.0)), min_size=1, max_size=40), st.booleans()
)
def test_everything_of_a_heat_map_lies_inside_of_it(rows, log):
    one, other, losses = zip(*rows, strict=True)
    made = read(heat_map(Setting("x", one, log, log), Setting("y", other, log=log), losses, "z"))
    height = float(made.get("viewBox").split()[3])
    for cell in made.iter(f"{SVG}rect"):
        assert float(cell.get("x")) >= 0
        assert float(cell.get("x")) + float(cell.get("width")) <= 460
        assert 0 <= float(cell.get("y")) <= height - float(cell.get("height"))
    for point in made.iter(f"{SVG}circle"):
        assert 0 <= float(point.get("cx")) <= 460
        assert 0 <= float(point.get("cy")) <= height
    texts = [text.text for text in made.iter(f"{SVG}text")]
    assert max(map(len, texts)) <= 12


@given(st.floats(-1e6, 1e6), st.floats(1e-2, 1e9), st.booleans())
def test_ticks_are_short_and_few(low, width, log):
    scale = Scale([low, low + width], 0, 400, log=log)
    ticks = scale.ticks()
    assert len(ticks) <= 20
    for value, text in ticks:
        assert -1 <= scale(value) <= 401
        assert len(text) <= 12
    assert log or len({text for _, text in ticks}) == len(ticks)


def test_bars_are_as_long_as_their_shares():
    made = read(bars([("lr<", 0.5), ("hidden", 1.0), ("f", 0.0)], "part"))
    widths = [float(bar.get("width")) for bar in made.iter(f"{SVG}rect")]
    assert widths[0] * 2 == widths[1]
    assert widths[2] == 0
    assert {"lr<", "0.50", "1.00", "0.00"} <= {*made.itertext()}
    assert bars([], "part") == ""


def test_a_single_point_is_seen():
    made = read(curves([Curve([7.0], [1.0], label="a")], "x", "y"))
    assert len(list(made.iter(f"{SVG}circle"))) == 1
