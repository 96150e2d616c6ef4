"""Sizes by unification, how parameters are stored, and sizes that make no sense."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equations_list import HIDDEN, OUTPUT, VALID
from recurra.errors import SettingError
from recurra.lang.expansion import expand
from recurra.lang.library import library, load_network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import ShapeSolver
from recurra.lang.shapes import Shapes
from strategies import LOW_RANK, SIZES, networks, sizes

V = 11


def shapes_of(text: str, hidden: int | dict[str, int] = 4) -> Shapes:
    return ShapeSolver(parse(text)).shapes(V, hidden)


def test_wrnn() -> None:
    shapes = ShapeSolver(load_network("wrnn")).shapes(V, {"a": 3, "b": 5})
    assert shapes.vectors == {"a": 3, "b": 5}
    # a row of a stored matrix with a vocabulary side is a character
    assert shapes.parameters == {
        "U": (V, 3), "W": (3, 3), "V": (5, 3), "R": (5, 3), "T": (5, 5), "Q": (V, 5),
        "s1": (3,), "s2": (5,), "s3": (V,),
    }  # fmt: skip
    assert shapes.transposed == {"U"}
    assert shapes.paper("U") == (3, V)
    assert shapes.paper("Q") == (V, 5)
    assert shapes.paper("s3") == (V,)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("rnn", lambda h, v: 2 * v * h + h * h + h + v),
        ("rnn2", lambda h, v: 2 * v * h + 3 * h * h + 2 * h + v),
        ("wrnn", lambda h, v: 2 * v * h + 4 * h * h + 2 * h + v),
        ("lstm", lambda h, v: 4 * (v * h + h * h + h) + v * h + v),
        ("gru", lambda h, v: 3 * (v * h + h * h + h) + v * h + v),
        ("mgu", lambda h, v: 2 * (v * h + h * h + h) + v * h + v),
        ("indrnn", lambda h, v: 2 * v * h + h * h + 4 * h + v),
        ("tied", lambda h, v: v * h + 3 * h * h + 2 * h + v),
    ],
)
@pytest.mark.parametrize(("h", "v"), [(1, 1), (100, 65), (512, 4825)])
def test_count(name: str, count: object, h: int, v: int) -> None:
    assert callable(count)
    assert ShapeSolver(load_network(name)).shapes(v, h).count == count(h, v)


@pytest.mark.parametrize(
    ("tied", "stored", "transposed"),
    [
        ("h[t] = tanh(E @ x[t])\no[t] = softmax(E.T @ h[t])\n", (V, 4), {"E"}),
        ("h[t] = tanh(E.T @ x[t])\no[t] = softmax(E @ h[t])\n", (V, 4), set()),
    ],
)
def test_tied(tied: str, stored: tuple[int, int], transposed: set[str]) -> None:
    shapes = shapes_of(tied)
    assert shapes.parameters == {"E": stored}
    assert shapes.transposed == transposed


def test_element_wise_meetings_join_sizes() -> None:
    shapes = shapes_of(
        "a[t] = tanh(U @ x[t]) * u\nb[t] = V @ a[t]\nc[t] = b[t] + v\nd[t] = f[t] / c[t]\n"
        "f[t] = Z @ s\no[t] = softmax(Q @ d[t])\n",
        {"a": 2, "d": 3, "": 5},
    )
    assert shapes.vectors == {"a": 2, "b": 3, "c": 3, "d": 3, "f": 3}
    assert shapes.parameters["u"] == (2,)
    assert shapes.parameters["v"] == (3,)
    assert shapes.parameters["Z"] == (3, 5)
    assert shapes.parameters["s"] == (5,)


def test_low_rank_by_the_name_of_a_matrix() -> None:
    text = "h[t] = tanh(U @ x[t] + A @ B @ h[t-1])\n" + OUTPUT
    shapes = shapes_of(text, {"h": 9, "B": 2})
    assert shapes.parameters["A"] == (9, 2)
    assert shapes.parameters["B"] == (2, 9)


def test_low_rank_embedding() -> None:
    shapes = shapes_of("h[t] = tanh(A @ B @ x[t])\n" + OUTPUT, {"h": 9, "": 2})
    assert shapes.parameters["B"] == (V, 2)
    assert shapes.parameters["A"] == (9, 2)
    assert shapes.transposed == {"B"}


@pytest.mark.parametrize("case", VALID, ids=[case.name for case in VALID])
def test_every_size_is_there(case: object) -> None:
    network = parse(case.text)  # type: ignore[attr-defined]
    shapes = ShapeSolver(network).shapes(V, 4)
    assert shapes.parameters.keys() == set(network.parameters)
    assert shapes.vectors.keys() == {e.name for e in expand(network).equations}
    if not any(word in case.text for word in ("sum(", "mean(", "dot(", "concat(", "blocks(")):  # type: ignore[attr-defined]
        assert {n for shape in shapes.parameters.values() for n in shape} <= {V, shapes.scores, 4}
    assert all(shape[0] == V for shape in shapes.parameters.values() if V in shape)


@given(networks(structured=True))
def test_sizes_of_random_networks(text: str) -> None:
    shapes = ShapeSolver(parse(text)).shapes(V, sizes(text))
    every = {V, LOW_RANK, *SIZES.values(), 1}
    plain = [shape for name, shape in shapes.parameters.items() if name[0] != "K"]  # of no concat
    assert {n for shape in plain for n in shape} <= every
    assert all(shapes.vectors[name] == size for name, size in sizes(text).items() if name)


# --------------------------------------------------------------------------------- sizes refused


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        (0, ["--hidden 0", "from 1 to 1,000,000"]),
        (-1, ["--hidden -1"]),
        (10**7, ["--hidden 10000000", "1,000,000"]),
        ({"a": 0, "b": 2}, ["--hidden a=0"]),
        ({"c": 3, "": 2}, ["--hidden c=3", "no vector c", "a, b"]),
        ({"a": 3}, ["no size for b", "--hidden b="]),
        ({}, ["no size for a", "--hidden a="]),
        ({"U": 3, "a": 4, "b": 5}, ["clashes", "a", "U"]),
        ({"Q": 3, "a": 4, "b": 5}, ["--hidden Q=3", "vocabulary"]),
    ],
)
def test_sizes_refused(hidden: int | dict[str, int], words: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        ShapeSolver(load_network("wrnn")).shapes(V, hidden)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_clash_names_both_equations() -> None:
    with pytest.raises(SettingError) as caught:
        ShapeSolver(load_network("lstm")).shapes(V, {"c": 4, "h": 5, "": 3})
    message = str(caught.value)
    assert "--hidden h=5 clashes with c=4" in message
    assert "lines 7 and 8" in message


@pytest.mark.parametrize("name", library())
def test_any_size_at_all(name: str) -> None:
    network = load_network(name)
    solver = ShapeSolver(network)
    for vocabulary, hidden in [(1, 1), (1, 3), (3, 1), (5, 5)]:
        size = network.fitting_size(hidden)
        assert solver.shapes(vocabulary, size).vocabulary == vocabulary


def test_one_description_for_many_sizes() -> None:
    solver = ShapeSolver(parse(HIDDEN + OUTPUT))
    first, second = solver.shapes(V, 2), solver.shapes(3, 7)
    assert first.parameters["W"] == (2, 2)
    assert second.parameters["U"] == (3, 7)


@pytest.mark.parametrize(
    ("product", "words"),
    [
        ("A @ B @ h[t-1]", "no size for B: add it, as in --hidden B="),
        ("A @ (s * 2)", "no size for A: add a plain one, as in --hidden 128"),
    ],
)
def test_a_missing_size_is_named_so_that_it_can_be_given(product: str, words: str) -> None:
    network = parse(f"h[t] = tanh(U @ x[t] + {product})\no[t] = softmax(Q @ h[t])\n")
    with pytest.raises(SettingError, match=words):
        ShapeSolver(network).shapes(V, {"h": 3})


@given(st.integers(1, 300), st.integers(0, 310))
def test_classes_hold_what_is_not_on_the_shortlist_once(vocabulary: int, shortlist: int) -> None:
    network = parse(HIDDEN + f"o[t] = softmax(Q @ h[t] + q, {shortlist})\n")
    shapes = ShapeSolver(network).shapes(vocabulary, 3)
    others = [c for bounds in shapes.class_bounds for c in range(*bounds)]
    assert others == list(range(min(shortlist, vocabulary), vocabulary))
    assert [(c - shortlist) // shapes.class_size for c in others] == [
        n for n, bounds in enumerate(shapes.class_bounds) for _ in range(*bounds)
    ]
    assert shapes.parameters["Q"] == (vocabulary + shapes.classes, 3)
    assert shapes.classes <= shapes.class_size == math.ceil(math.sqrt(len(others)))


def test_numbers_and_longer_vectors() -> None:
    """What is made of sums is one number; a concat is as long as its parts together."""
    shapes = shapes_of(
        "e[t] = U @ x[t]\nf[t] = sigmoid(dot(w, e[t]) + b)\nn[t] = f[t] * n[t-1] + f[t] * c\n"
        "h[t] = f[t] * h[t-1] + W @ concat(e[t], n[t], h[t-1]) + d\no[t] = softmax(Q @ h[t])\n",
        {"e": 3, "h": 5},
    )
    assert shapes.vectors == {"e": 3, "f": 1, "n": 1, "h": 5}
    assert shapes.parameters == {
        "U": (V, 3), "W": (5, 9), "Q": (V, 5), "w": (3,), "b": (1,), "c": (1,), "d": (5,),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"": 4, "f": 2}, "f is one number"),
        ({"": 4, "c": 5}, "the concat on line 3 of .* 8 numbers"),
    ],
)
def test_sizes_that_numbers_and_concats_cannot_have(sizes: dict[str, int], words: str) -> None:
    text = "a[t] = U @ x[t]\nf[t] = sum(a[t])\nc[t] = concat(a[t], a[t-1])\n"
    with pytest.raises(SettingError, match=words):
        shapes_of(text + "o[t] = softmax(Q @ (c[t] * f[t]))\n", sizes)


def test_matrices_over_time() -> None:
    shapes = shapes_of(
        "e[t] = U @ x[t]\nk[t] = K @ e[t]\nC[t] = C[t-1] + outer(e[t], k[t])\n"
        "o[t] = softmax(Q @ C[t] @ k[t])\n",
        {"e": 3, "k": 5},
    )
    assert shapes.grids == {"C": (1, 3, 5)}
    assert shapes.vectors == {"e": 3, "k": 5, "C": 15}


def test_numbers_inside_a_concat_have_vectors_of_one_size():
    network = parse(
        "a[t] = tanh(U @ x[t])\nb[t] = K @ concat(a[t], dot(a[t], p))\no[t] = softmax(Q @ b[t])"
    )
    shapes = ShapeSolver(network).shapes(5, {"": 2, "a": 3})
    assert shapes.parameters["p"] == (3,)


def test_matrices_of_blocks_and_diagonals() -> None:
    shapes = shapes_of(
        "a[t] = tanh(U @ x[t] + A @ a[t-1])\nb[t] = tanh(B @ a[t] + C.T @ b[t-1] + D @ b[t-2])\n"
        "A: diagonal\nB: blocks(2)\nC: blocks(3)\nD: blocks(1)\no[t] = softmax(Q @ b[t])\n",
        {"a": 4, "b": 6},
    )
    assert shapes.parameters == {
        "U": (V, 4), "B": (6, 2), "C": (6, 2), "D": (6, 6), "Q": (V, 6), "A": (4,),
    }  # fmt: skip
    assert shapes.count == 10 * V + 4 + 12 + 12 + 36
    assert [shapes.sides(name) for name in "BCD"] == [(6, 4), (6, 6), (6, 6)]
    assert [shapes.block(name) for name in "BCD"] == [(3, 2), (2, 2), (6, 6)]
    stored = np.arange(1.0, 13).reshape(6, 2)
    whole = shapes.whole("B", stored)
    np.testing.assert_array_equal(whole[:3, :2], stored[:3])
    np.testing.assert_array_equal(whole[3:, 2:], stored[3:])
    assert (whole == 0).sum() == 12
    np.testing.assert_array_equal(shapes.stored("B", whole), stored)


def test_memories_of_blocks() -> None:
    text = (
        "e[t] = U @ x[t]\nk[t] = K @ e[t]\nf[t] = sigmoid(F @ e[t])\n"
        "C[t] = f[t] * C[t-1] + outer(e[t], k[t])\no[t] = softmax(Q @ C[t] @ k[t])\n"
        "C: blocks(3)\n"
    )
    shapes = shapes_of(text, {"e": 12, "k": 6})
    assert shapes.grids == {"C": (3, 4, 2)}
    assert shapes.vectors == {"e": 12, "k": 6, "f": 3, "C": 24}
    assert shapes.parameters["F"] == (3, 12)
    with pytest.raises(SettingError, match="C is 12 x 8, which 3 blocks cannot divide"):
        shapes_of(text, {"e": 12, "k": 8})
    with pytest.raises(SettingError, match="f=5 clashes with the number of blocks=3"):
        shapes_of(text, {"": 12, "f": 5})
    other = "G[t] = f[t] * G[t-1] + outer(e[t], k[t])\nG: blocks(2)\n"
    with pytest.raises(SettingError, match="matrices of 3 and of 2 blocks"):
        shapes_of(text.replace("Q @ C", "R @ G[t] @ k[t] + Q @ C") + other, 12)


def test_blocks_that_do_not_divide_a_size() -> None:
    text = "n = 4\n" + HIDDEN + OUTPUT + "W: blocks(n)\n"
    with pytest.raises(SettingError, match="W is 50 x 50, which 4 blocks cannot divide"):
        shapes_of(text, 50)
    network = parse(text, choices={"n": 6})
    assert (network.fitting_size(1), network.fitting_size(6), network.fitting_size(7)) == (6, 6, 12)
    assert ShapeSolver(network).shapes(V, 12).parameters["W"] == (12, 2)
    assert parse(network.source) == network


@pytest.mark.parametrize("name", ["norm", "softmax", "sum", "mean"])
def test_heads_divide_a_vector(name: str) -> None:
    network = parse(f"heads = 4\nh[t] = {name}(U @ x[t], heads)\no[t] = softmax(Q @ h[t])\n")
    assert network.fitting_size(50) == 52
    assert ShapeSolver(network).shapes(V, 52).vectors == {"h": 52}
    with pytest.raises(SettingError, match=rf"{name} on line 2 of network has 4 heads.* 50 num"):
        ShapeSolver(network).shapes(V, 50)
