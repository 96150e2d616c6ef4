"""Diagrams: every arrow is there, nothing overlaps, whatever the network."""

import xml.etree.ElementTree as ET
from functools import cache
from itertools import combinations, pairwise
from math import dist

import pytest
from hypothesis import given, settings

import recurra
from equations_list import LIBRARY, VALID, Valid
from recurra.explain.arrows import LONGEST, MARGIN, Router, distance
from recurra.explain.diagram import draw
from recurra.explain.graph import label_width, make_graph
from recurra.explain.labels import label_of, place_labels
from recurra.explain.layout import make_layout
from strategies import networks

SVG = "{http://www.w3.org/2000/svg}"
COLUMNS = range(3)


def arrows(text: str) -> list[str]:
    """The arrows of a time step, such as ``h1 -W-> h``: from h at lag 1 through W to h."""
    graph = make_graph(recurra.parse(text + "o[t] = softmax(Q @ h[t] + q)\n"))
    found = []
    for arrow in graph.arrows:
        label = "".join(mark.letter + mark.below + mark.above for mark in arrow.label)
        found.append(f"{arrow.source}{arrow.lag or ''} -{label}-> {arrow.target}")
    return [arrow for arrow in found if not arrow.endswith("> o")]


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ("tanh(U @ x[t] + W @ h[t-1] + s)", ["x -U-> h", "h1 -W-> h"]),
        ("tanh(U @ x[t] + W1 @ h[t-1] + W2 @ h[t-2])", ["x -U-> h", "h1 -W1-> h", "h2 -W2-> h"]),
        ("tanh(U @ x[t] + u * h[t-1])", ["x -U-> h", "h1 -u⊙-> h"]),
        ("U @ x[t] - A @ B.T @ h[t-1] / 2", ["x -U-> h", "h1 -−1/2ABT-> h"]),
        ("U @ x[t] + W @ (h[t-1] + h[t-2])", ["x -U-> h", "+1 -W-> h", "h1 --> +1", "h2 --> +1"]),
        ("U @ x[t] + W @ (h[t-1] * h[t-2])", ["x -U-> h", "⊙1 -W-> h", "h1 --> ⊙1", "h2 --> ⊙1"]),
        ("tanh(U @ x[t]) * (1 - h[t-1])", ["⊙1 --> h", "x -tanhU-> ⊙1", "h1 -1−-> ⊙1"]),
        ("U @ x[t] / (1 + h[t-1])", ["÷1 --> h", "x -U-> ÷1", "+2 -1/-> ÷1", "h1 -1+-> +2"]),
        ("U @ x[t] / (h[t-1] - 2)", ["÷1 --> h", "x -U-> ÷1", "+2 -1/-> ÷1", "h1 -−2+-> +2"]),
        ("tanh(U @ x[t]) * (h[t-1] + 1)", ["⊙1 --> h", "x -tanhU-> ⊙1", "h1 -1+-> ⊙1"]),
        ("U @ x[t] + W @ (h[t-1] - 0.5)", ["x -U-> h", "+1 -W-> h", "h1 -−0.5+-> +1"]),
        ("U @ x[t] + W @ (h[t-1] + 1e-06)", ["x -U-> h", "+1 -W-> h", "h1 -10−6+-> +1"]),
        ("U @ x[t] + W @ (2.5e20 * h[t-1])", ["x -U-> h", "h1 -W2.5·1020-> h"]),
        ("tanh(U @ x[t]) * (1 - g1)", ["x -(1−g1)tanhU-> h"]),
        ("U @ x[t] * h[t-1] * h[t-2]", ["⊙1 --> h", "x -U-> ⊙1", "h1 --> ⊙1", "h2 --> ⊙1"]),
        ("U @ x[t] + U @ x[t]", ["x -U-> h"]),
    ],
)  # fmt: skip
def test_arrows(right: str, expected: list[str]) -> None:
    if right.startswith(("U @ x[t] /", "U @ x[t] *")):
        right = f"({right[:8]}){right[8:]}"
    assert sorted(arrows(f"h[t] = {right}\n")) == sorted(expected)


@cache
def picture(name: str, steps: int) -> str:
    return draw(recurra.load_network(name), steps)


def router(network: recurra.Network) -> Router:
    return Router(make_layout(make_graph(network)))


def check_circles(found: Router) -> None:
    """Nodes keep apart, and no line runs through a node that is not its end."""
    circles = list(found.circles(COLUMNS))
    for (_, one, radius), (_, other, another) in combinations(circles, 2):
        assert dist(one, other) > radius + another + 4.0
    for route in found.routes(COLUMNS):
        arrow = route.arrow
        if arrow.lag > LONGEST:
            continue
        ends = {
            found.centre(arrow.source, route.column - arrow.lag),
            found.centre(arrow.target, route.column),
        }
        for start, end in pairwise(route.points):
            for name, middle, radius in found.circles(range(-3, 4)):
                if middle not in ends:
                    assert distance(middle, start, end) > radius, (arrow, name)


@pytest.mark.parametrize("name", LIBRARY)
def test_library(name: str) -> None:
    found = router(recurra.load_network(name))
    check_circles(found)
    left, top, right, bottom = found.box(COLUMNS)
    boxes = []
    for route, (x, y) in place_labels(found, COLUMNS):
        half = label_width(label_of(route.arrow, found.graph.symbols)) / 2
        boxes.append((x - half, y - 7.0, x + half, y + 7.0))
        for _, (cx, cy), radius in found.circles(COLUMNS):
            nearest = min(max(cx, x - half), x + half), min(max(cy, y - 7.0), y + 7.0)
            assert dist((cx, cy), nearest) > radius, route.arrow
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    for box in boxes:
        assert left - MARGIN < box[0]
        assert box[2] < right + MARGIN
        assert top < box[1] < box[3] < bottom


@pytest.mark.parametrize("name", LIBRARY)
def test_one_step(name: str) -> None:
    one, three = (ET.fromstring(picture(name, steps)) for steps in (1, 3))
    assert len(three.findall(f"{SVG}circle")) == 3 * len(one.findall(f"{SVG}circle"))
    assert float(one.get("width")) < float(three.get("width"))
    assert one.get("height") == three.get("height")
    texts = {"".join(t.itertext()).replace("\u200b", "") for t in one.iter(f"{SVG}text")}
    assert {"xt", "ot"} <= texts
    assert not {"xt−1", "xt+1", "ot−1", "ot+1"} & texts


@pytest.mark.parametrize("name", LIBRARY)
def test_svg(name: str) -> None:
    network = recurra.load_network(name)
    root = ET.fromstring(picture(name, 3))
    graph = make_graph(network)
    assert len(root.findall(f"{SVG}circle")) >= 3 * len(graph.nodes)
    texts = ["".join(t.itertext()).replace("\u200b", "") for t in root.iter(f"{SVG}text")]
    for matrix in network.matrices:
        letter, below = graph.symbols[matrix]
        forms = letter + below, f"{letter}T{below}", f"(1−α){letter}"
        assert sum(any(form in text for form in forms) for text in texts) >= 3
    # several on one page do not share what an id names
    assert not [e for e in root.iter() if e.get("id")]
    for time in ("t−1", "t", "t+1"):
        assert f"x{time}" in texts
        assert f"o{time}" in texts
    assert not {"script", "image", "foreignObject"} & {e.tag.removeprefix(SVG) for e in root.iter()}


@pytest.mark.parametrize("case", VALID, ids=[case.name for case in VALID])
def test_valid(case: Valid) -> None:
    network = recurra.parse(case.text)
    check_circles(router(network))
    ET.fromstring(draw(network))


@given(networks(structured=True))
@settings(max_examples=settings.default.max_examples // 5)
def test_any_network(text: str) -> None:
    network = recurra.parse(text)
    check_circles(router(network))
    ET.fromstring(draw(network))


def test_names_are_text_not_markup() -> None:
    network = recurra.parse("h[t] = tanh(层 @ x[t])\no[t] = softmax(Q @ h[t])\n", "a<b&c")
    assert "层" in "".join(ET.fromstring(draw(network)).itertext())
