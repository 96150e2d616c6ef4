"""Every engine against the oracle and finite differences."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equations_list import COMPILED, LIBRARY, OUTPUT, VALID, Valid
from gradient_tasks import ENGINES, EXACT, check, engines, error, make_task
from recurra.compute.gradcheck import (
    check_gradients,
    load_parameters,
)
from recurra.lang.functions import FUNCTIONS
from recurra.lang.library import library, load_network
from recurra.lang.parser import parse
from strategies import POSITIVE, networks, sizes

# In the short suite each engine sees all constructs, the compiled one in few equations and
# networks: it compiles each of them for seconds. `pytest -m long` runs the rest. A memory is
# compiled and checked in `numba/test_codegen.py`.
SHORT = ("output reads a lag", "product of a parameter", "norm of a norm, twice", "slstm", "wrnn")


def kept(name: str, *case: object, short: bool = True) -> Any:
    marks = [] if short or name != "compiled" else [pytest.mark.long]
    return pytest.param(name, *case, marks=marks)


def library_networks(*short: str) -> pytest.MarkDecorator:
    # what the others are made of is compiled with the equations of the list
    cases = [(n, e) for e in library() for n in (ENGINES if e in COMPILED else ENGINES[:1])]
    return pytest.mark.parametrize(
        ("name", "network"), [kept(n, e, short=e in short) for n, e in cases]
    )


# -------------------------------------------------------------------------------------- the oracle


@pytest.mark.parametrize(
    ("name", "case"),
    [kept(n, c, short=c.name in SHORT) for n in ENGINES for c in VALID],
    ids=[f"{n}-{c.name}" for n in ENGINES for c in VALID],
)
def test_valid(name: str, case: Valid) -> None:
    check(make_task(name, parse(case.text)))


@library_networks(*SHORT)
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (2, 3), (6, 2)])
def test_library(name: str, network: str, steps: int, batch: int) -> None:
    check(make_task(name, load_network(network), steps=steps, batch=batch))


@pytest.mark.parametrize(
    ("name", "function"),
    [kept(n, f, short=f == "log") for n in ENGINES for f in FUNCTIONS],
)
def test_functions(name: str, function: str) -> None:
    text = (
        "f = identity\n"
        "c = 0\n"
        "a[t] = f(c + 1.4 * sin(U @ x[t] + W @ a[t-1] + s1))\n"
        "b[t] = tanh(V @ a[t]) * f(c + sin(R @ a[t-1] + f(c + sin(a[t])) * s1))\n"
        "o[t] = softmax(Q @ b[t])\n"
    )
    c = 1.5 * (function in POSITIVE)
    check(make_task(name, parse(text, choices={"f": function, "c": c})))


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("name", "lag"), [kept(n, lag, short=lag == 3) for n in ENGINES for lag in (1, 2, 3)]
)
def test_lags(name: str, lag: int, steps: int) -> None:
    text = (
        f"a[t] = tanh(U @ x[t] + W @ a[t-{lag}] + u * a[t-1])\n"
        f"b[t] = sigmoid(V @ a[t-{lag}] + T @ (a[t-1] * b[t-{lag}])) + a[t-{lag}]\n"
        "o[t] = softmax(Q @ b[t] + R @ a[t-3])\n"
    )
    task = make_task(name, parse(text), steps=steps)
    assert {len(past) for past in task.problem.state.values()} == {3, lag}
    check(task)


@engines
@pytest.mark.parametrize("scale", [0.25, 1 / 3, 100.0])
def test_scale(name: str, scale: float) -> None:
    check(make_task(name, load_network("wrnn")), scale)


@engines
def test_sizes_of_one_and_a_vocabulary_smaller_than_a_vector(name: str) -> None:
    for network in ("lstm", "large", "tied", "indrnn"):
        check(make_task(name, load_network(network), hidden=1, batch=1))
    check(make_task(name, load_network("wrnn"), hidden={"a": 9, "b": 2}))


@given(networks(structured=True), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_random_networks(text: str, steps: int, batch: int, seed: int) -> None:
    check(make_task("reference", parse(text), sizes(text), steps, batch, seed=seed))


@given(networks(structured=True), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_random_networks_on_tensors(text: str, steps: int, batch: int, seed: int) -> None:
    check(make_task("torch:cpu", parse(text), sizes(text), steps, batch, seed=seed))


@pytest.mark.long
@settings(max_examples=settings.default.max_examples // 16)  # each compiles for seconds
@given(networks(structured=True), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_random_networks_compiled(text: str, steps: int, batch: int, seed: int) -> None:
    check(make_task("compiled", parse(text), sizes(text), steps, batch, seed=seed))


@engines
def test_a_text_in_two_parts_is_the_text(name: str) -> None:
    task = make_task(name, load_network("lag2"), steps=5)
    p, engine = task.problem, task.engine
    whole, end = engine.losses(p.inputs, p.targets, task.state)
    first, middle = engine.losses(p.inputs[:1], p.targets[:1], task.state)
    second, last = engine.losses(p.inputs[1:], p.targets[1:], middle)
    assert error({"l": np.concatenate([first, second])}, {"l": whole}) <= EXACT
    assert error(engine.dump_state(last), engine.dump_state(end)) <= EXACT


@engines
def test_nothing_passed_in_is_modified_nor_kept(name: str) -> None:
    task = make_task(name, load_network("lstm"), steps=3)
    p, engine = task.problem, task.engine
    masks = engine.dropout_masks(0.5, 3, 2, np.random.default_rng(0))
    assert masks is not None
    state = task.state
    given = {**p.parameters, **p.state, "inputs": p.inputs, "targets": p.targets, **masks.arrays}
    before = {key: value.copy() for key, value in given.items()}
    for value in given.values():
        value.flags.writeable = False
    first = engine.loss_and_gradients(p.inputs, p.targets, state, masks=masks)
    after = engine.dump_state(first[2])
    copies = {key: value.copy() for key, value in first[1].items()}
    engine.loss_and_gradients(p.inputs[::-1], p.targets[::-1], first[2], scale=2.0)
    engine.losses(p.inputs, p.targets, state)
    engine.next_log_probabilities(p.inputs[0], state)
    assert all(np.array_equal(given[key], before[key]) for key in given)
    assert all(np.array_equal(a, p.state[key]) for key, a in engine.dump_state(state).items())
    assert all(np.array_equal(first[1][key], copies[key]) for key in copies)
    assert all(np.array_equal(engine.dump_state(first[2])[key], after[key]) for key in after)


@library_networks("wrnn")
def test_float32(name: str, network: str) -> None:
    task = make_task(name, load_network(network), hidden=32, steps=8, batch=4)
    p, want = task.problem, task.oracle()
    small = make_task(name, task.network, hidden=32, steps=8, batch=4, dtype=np.float32)
    load_parameters(small.engine, p.parameters)
    state = small.state
    loss, gradients, after = small.engine.loss_and_gradients(p.inputs, p.targets, state)
    losses, _ = small.engine.losses(p.inputs, p.targets, state)
    after = small.engine.dump_state(after)
    assert {a.dtype for a in [*gradients.values(), *after.values(), losses]} == {np.dtype("f4")}
    assert loss == pytest.approx(want.losses.sum(), rel=1e-5)
    assert error(gradients, want.gradients) <= 1e-4
    assert error(after, want.state) <= 1e-5


@engines
def test_large_float32_logits(name: str) -> None:
    """Logits of thousands: probabilities of 0 and 1, finite losses, right gradients."""
    task = make_task(name, load_network("rnn"), dtype=np.float32)
    task.problem.parameters["V"] *= 1e4
    p, want = task.problem, task.oracle()
    load_parameters(task.engine, p.parameters)
    state = task.state
    loss, gradients, _ = task.engine.loss_and_gradients(p.inputs, p.targets, state)
    assert want.losses.max() > 1000
    assert loss == pytest.approx(want.losses.sum(), rel=1e-4)
    assert error(gradients, want.gradients) <= 1e-3


@engines
def test_a_diverging_network_is_seen_by_its_loss(name: str) -> None:
    """Not by warnings, which would be errors here."""
    network = parse("h[t] = relu(U @ x[t] + W @ h[t-1]) / c[t]\nc[t] = 0 * h[t-1]\n" + OUTPUT)
    task = make_task(name, network, dtype=np.float32)
    p = task.problem
    load_parameters(task.engine, {key: np.full(v.shape, 1e30) for key, v in p.parameters.items()})
    state = task.state
    loss, _, _ = task.engine.loss_and_gradients(p.inputs, p.targets, state)
    losses, state = task.engine.losses(p.inputs, p.targets, state)
    log_p, _ = task.engine.next_log_probabilities(p.inputs[0], state)
    assert not np.isfinite(loss)
    assert not np.isfinite(losses).all()
    assert not np.isfinite(log_p).all()


# ----------------------------------------------------------------------------------------- dropout

# Dropout is written out: what products outside the block read is times m (mask times scale).
DROPPED = {
    "wrnn": (
        "a[t] = tanh(U @ x[t] + W @ a[t-1] + s1)\n"
        "b[t] = tanh(V @ (m_a[t] * a[t]) + R @ (m_a[t-1] * a[t-1]) + T @ b[t-1] + s2)\n"
        "o[t] = softmax(Q @ (m_b[t] * b[t]) + s3)\n"
    ),
    "lstm": (
        "i[t] = sigmoid(Ui @ x[t] + Wi @ h[t-1] + bi)\n"
        "f[t] = sigmoid(Uf @ x[t] + Wf @ h[t-1] + bf)\n"
        "g[t] = tanh(Ug @ x[t] + Wg @ h[t-1] + bg)\n"
        "q[t] = sigmoid(Uq @ x[t] + Wq @ h[t-1] + bq)\n"
        "c[t] = f[t] * c[t-1] + i[t] * g[t]\n"
        "h[t] = q[t] * tanh(c[t])\n"
        "o[t] = softmax(V @ (m_h[t] * h[t]) + s)\n"
    ),
    "tied": (
        "e[t] = E @ x[t]\n"
        "h[t] = tanh(U @ (m_e[t] * e[t]) + W @ h[t-1] + s1)\n"
        "p[t] = P @ (m_h[t] * h[t]) + s2\n"
        "o[t] = softmax(E.T @ (m_p[t] * p[t]) + s3)\n"
    ),
}


@engines
@pytest.mark.parametrize("network", DROPPED)
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout(name: str, network: str, rate: float) -> None:
    task = make_task(name, load_network(network), steps=5, batch=3)
    p, engine = task.problem, task.engine
    masks = engine.dropout_masks(rate, 5, 3, np.random.default_rng(1))
    assert masks is not None
    known = {f"m_{key}": array * masks.scale for key, array in masks.arrays.items()}
    want = task.oracle(DROPPED[network], scale=0.5, known=known)
    loss, gradients, state = engine.loss_and_gradients(
        p.inputs, p.targets, task.state, scale=0.5, masks=masks
    )
    assert loss == pytest.approx(want.losses.sum(), rel=EXACT)
    assert error(gradients, want.gradients) <= EXACT
    assert error(engine.dump_state(state), want.state) <= EXACT


# The same for edges that the equations name; the masks come in the order of the text.
EDGES = "a[t] = tanh({} * (U @ x[t]) + W @ ({} * a[t-1]) + s)\n" + (
    "h[t] = a[t] + {} * norm(V @ ({} * a[t]) + T @ h[t-1])\no[t] = softmax(Q @ ({} * h[t]) + q)\n"
)
NAMED = (
    "a[t] = tanh(dropout(U @ x[t]) + W @ dropout(a[t-1], 0.25) + s)\n"
    "h[t] = a[t] + dropout(norm(V @ dropout(a[t], 0) + T @ h[t-1]), 0.5)\n"
    "o[t] = softmax(Q @ dropout(h[t]) + q)\n"
)


@engines
@pytest.mark.parametrize("same_over_time", [False, True])
def test_dropout_edges(name: str, same_over_time: bool) -> None:
    task = make_task(name, parse(NAMED), steps=5, batch=3)
    p, engine = task.problem, task.engine
    masks = engine.dropout_masks(0.5, 5, 3, np.random.default_rng(1), same_over_time=same_over_time)
    assert masks is not None
    assert not masks.arrays
    edges = engine.plan.edges
    assert sorted(edges[name].rate or 0.5 for name in masks.edges) == [0.25, 0.5, 0.5, 0.5]
    repeated = [bool((m == m[0]).all()) for m in masks.edges.values()]
    assert repeated == [same_over_time] * 4
    written = dict.fromkeys(range(5), "1")
    order = [{"a": 0, "a.0": 1, "h": 2, "h.2": 3, "o.3": 4}[e.owner] for e in edges.values()]
    for place, mask in zip(order, edges, strict=True):
        if mask in masks.edges:
            written[place] = f"m{place}[t]"
    known = {
        f"m{place}": masks.edges[n]
        for place, n in zip(order, edges, strict=True)
        if n in masks.edges
    }
    want = task.oracle(EDGES.format(*written.values()), scale=0.5, known=known)
    loss, gradients, state = engine.loss_and_gradients(
        p.inputs, p.targets, task.state, scale=0.5, masks=masks
    )
    assert loss == pytest.approx(want.losses.sum(), rel=EXACT)
    assert error(gradients, want.gradients) <= EXACT
    assert error(engine.dump_state(state), want.state) <= EXACT
    check(task)  # nothing is dropped when nobody asks for it


@engines
def test_dropout_keeps_what_it_says(name: str) -> None:
    engine = make_task(name, load_network("wrnn"), hidden=50).engine
    assert engine.dropout_masks(0.0, 5, 3, np.random.default_rng(1)) is None
    masks = engine.dropout_masks(0.25, 40, 10, np.random.default_rng(1))
    again = engine.dropout_masks(0.25, 40, 10, np.random.default_rng(1))
    assert masks is not None
    assert again is not None
    assert masks.scale == pytest.approx(4 / 3)
    assert {key: array.shape for key, array in masks.arrays.items()} == {
        "a": (41, 10, 50),
        "b": (41, 10, 50),
    }
    for key, array in masks.arrays.items():
        assert array.mean() == pytest.approx(0.75, abs=0.01)
        assert set(np.unique(array)) == {0, 1}
        assert np.array_equal(array, again.arrays[key])
    nearly_all = engine.dropout_masks(0.999, 40, 10, np.random.default_rng(1))
    assert nearly_all is not None
    assert all(array.any() for array in nearly_all.arrays.values())


# ------------------------------------------------------------------------------ finite differences


@pytest.mark.parametrize(
    "name", [ENGINES[0], *(pytest.param(n, marks=pytest.mark.long) for n in ENGINES[1:])]
)
@pytest.mark.parametrize("network", LIBRARY)
def test_finite_differences(name: str, network: str) -> None:
    rows = check_gradients(load_network(network), name, entries=6)
    assert all(row.passed and row.error <= 1e-7 for row in rows), rows
    assert {row.parameter for row in rows} == set(load_network(network).parameters)


def test_no_head_is_checked_with_two_numbers() -> None:
    """The norm of two is 1 and -1: differences of it are too small for their last digits."""
    rows = check_gradients(parse("h[t] = norm(U @ x[t] + W @ h[t-1], 4)\n" + OUTPUT), ENGINES[0])
    assert {row.parameter: row.shape for row in rows}["W"] == (12, 12)
    assert all(row.passed for row in rows)


# ---------------------------------------------------------------------------- far out in float32


@engines
def test_logarithms_of_exponentials_neither_over_nor_underflow(name: str) -> None:
    """Arguments of hundreds, where exp and sigmoid are 0 or infinite in float32."""
    text = (
        "a[t] = 300 * (U @ x[t] + W @ h[t-1])\n"
        "h[t] = tanh((log(sigmoid(a[t])) + log(1 + exp(a[t])) + log(1 - sigmoid(a[t]))"
        " + log(exp(a[t]) + exp(-a[t]))) / 99)\n" + OUTPUT
    )
    task = make_task(name, parse(text), dtype=np.float32)
    p = task.problem
    loss, gradients, _ = task.engine.loss_and_gradients(p.inputs, p.targets, task.state)
    exact = make_task("reference", task.network)  # in float64 nothing overflows at 300
    load_parameters(exact.engine, p.parameters)
    want, right, _ = exact.engine.loss_and_gradients(p.inputs, p.targets, exact.state)
    assert loss == pytest.approx(want, rel=1e-4)
    assert error(gradients, right) <= 1e-2
