"""Tables, equations and figures as HTML."""

import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recurra
from recurra.view import number, table
from recurra.view.equations import typeset
from recurra.view.figures import Curve, Estimate, curves, intervals
from recurra.view.heatmaps import heat_map

NUMBERS = st.floats(-1e9, 1e9)
SVG = "{http://www.w3.org/2000/svg}"


def read(html):
    """As XML, which everything here is too."""
    return ElementTree.fromstring(html)


def plain(html):
    return "".join(read(html).itertext())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"), (0.5, "0.500"), (0.004, "0.004"), (3e-5, "3e-05"),
        (2000.4, "2,000"), (None, "–"), (math.nan, "–"), (-math.inf, "–"), (True, "true"),
        ("<b>", "<b>"), (0.0, "0.000"),
    ],
)  # fmt: skip
def test_numbers(value, shown):
    assert number(value) == shown


def test_columns_of_numbers_are_flush_right_and_text_is_escaped():
    made = read(table(["a", "b<"], [[1, "x&"], [None, "2"]]))
    assert [cell.get("class") for cell in made.iter("td")] == ["n", None, "n", None]
    assert [cell.get("class") for cell in made.iter("th")] == ["n", None]
    assert [cell.text for cell in made.iter("td")] == ["1", "x&", "–", "2"]


def test_equations_as_on_paper():
    html = typeset("# a comment\nf1 = tanh\na[t] = f1(U @ x[t] - W.T @ a[t-12] * s1)\n")
    assert plain(html) == "f1 = tanhat = f1(U xt − W⊤ at−12 ⊙ s1)"
    assert "<b><i>a</i></b><sub><i>t</i>−12</sub>" in html
    assert "<i>f</i><sub>1</sub>" in html
    assert "<i>U</i><sub><i>z</i></sub> " in typeset("z[t] = sigmoid(Uz @ x[t])")


@pytest.mark.parametrize("name", recurra.library())
def test_every_network_can_be_typeset(name):
    source = recurra.load_network(name).source
    html = typeset(source)
    assert "[t" not in plain(html)
    assert "@" not in plain(html)
    lines = [line for line in source.splitlines() if not line.startswith("#")]
    assert len(read(html)) == len(lines)


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


def test_labels_at_the_ends_do_not_overlap():
    lines = [Curve([0, 1], [5, 1 + i / 1000], i, f"network{i}") for i in range(6)]
    made = read(curves(lines, "x", "y"))
    places = [float(t.get("y")) for t in made.iter(f"{SVG}text") if "network" in (t.text or "")]
    assert len(places) == 6
    assert min(b - a for a, b in zip(sorted(places), sorted(places)[1:], strict=False)) >= 14.9
    assert max(places) < float(made.get("viewBox").split()[3])


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


def test_a_heat_map_is_darkest_where_the_loss_is_lowest():
    losses = [[2.5, 3.0], [math.nan, math.inf]]
    drawn = read(heat_map([16, 32], ["tanh", "a<b"], losses, "hidden", "f1", "nats"))
    cells = {cell.find(f"{SVG}title").text: cell for cell in drawn.iter(f"{SVG}rect")}
    assert list(cells) == ["16, tanh: 2.500", "16, a<b: 3.000", "32, a<b: –"]  # no cell for NaN
    light = [sum(map(int, c.get("fill")[4:-1].split(","))) for c in cells.values()]
    assert light[0] < light[1] <= light[2]
    y = [float(cell.get("y")) for cell in cells.values()]
    assert y[0] == y[1] > y[2]  # the first row lies at the bottom
    assert {"hidden", "f1", "16", "32", "tanh", "2.50", "3.00"} <= {*drawn.itertext()}


def test_a_heat_map_of_nothing_is_empty_and_one_of_equals_is_dark():
    assert heat_map([1], [2], [[math.inf]], "a", "b", "c") == ""
    (cell,) = read(heat_map([1], [2], [[1.5]], "a", "b", "c")).iter(f"{SVG}rect")
    assert cell.get("fill") == "rgb(8,64,129)"


@given(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=25))
def test_everything_of_a_heat_map_lies_inside_of_it(losses):
    names = [f"a long name {i}" for i in range(3)]
    drawn = read(heat_map(range(len(losses)), names, losses, "x", "y", "z"))
    height = float(drawn.get("viewBox").split()[3])
    for cell in drawn.iter(f"{SVG}rect"):
        assert float(cell.get("x")) >= 0
        assert float(cell.get("x")) + float(cell.get("width")) <= 460
        assert 0 <= float(cell.get("y")) <= height - float(cell.get("height"))
