"""First values and earlier characters, written out."""

import numpy as np
import pytest

import recurra
from equations_list import HIDDEN, OUTPUT
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.lang.expansion import expand
from recurra.lang.shape_solver import ShapeSolver

FIRST = HIDDEN + "h[0] = h0\n" + OUTPUT


def test_a_network_without_either_is_itself() -> None:
    network = recurra.parse(HIDDEN + OUTPUT)
    assert expand(network) is network


def test_what_is_written_out() -> None:
    text = "h_begun[t] = tanh(U @ x[t] + U @ x[t-2] + W @ h[t-1])\nh[t] = h_begun[t]\nh[0] = U_x\n"
    written = expand(recurra.parse(text + OUTPUT))
    assert written.source == (
        "U_x_[t] = U @ x[t]\nh_begun_[t] = 1\n"
        "h_begun[t] = tanh(U @ x[t] + U_x_[t-2] + W @ (h[t-1] + (1 - h_begun_[t-1]) * U_x))\n"
        "h[t] = h_begun[t]\no[t] = softmax(Q @ h[t] + q)\n"
    )
    assert expand(recurra.parse(written.source)).source == written.source
    network = recurra.parse(text + OUTPUT)
    assert written.parameters == network.parameters
    assert recurra.parse(network.source) == network


@pytest.mark.parametrize("name", ["reference", "compiled", "torch:cpu"])
def test_first_values_begin_texts_and_nothing_else(name: str) -> None:
    """At the beginning of a text the gradient reaches them; in its midst it does not."""
    plan = make_plan(recurra.parse(FIRST))
    shapes = ShapeSolver(plan.network).shapes(7, 4)
    engine = make_engine(name, plan, shapes, np.float64)
    rng = np.random.default_rng(0)
    engine.load({f"parameter/{n}": rng.normal(size=s) for n, s in shapes.parameters.items()})
    text = rng.integers(7, size=(9, 2)).astype(np.int32)
    fresh = engine.zero_state(2)
    _, first, middle = engine.loss_and_gradients(text[:4], text[1:5], fresh)
    _, second, _ = engine.loss_and_gradients(text[4:8], text[5:9], middle)
    assert np.abs(first["h0"]).min() > 1e-4
    assert not second["h0"].any()
    whole, _ = engine.losses(text[:8], text[1:], fresh)
    parts = [engine.losses(text[:4], text[1:5], fresh)[0]]
    parts.append(engine.losses(text[4:8], text[5:], middle)[0])
    np.testing.assert_allclose(whole, np.concatenate(parts), rtol=1e-13)
    # a number in the place of what was trained gives the same
    arrays = engine.dump("parameter")
    arrays["parameter/h0"][:] = 0.5
    engine.load(arrays)
    plan = make_plan(recurra.parse(FIRST.replace("h0", "0.5")))
    other = make_engine(name, plan, ShapeSolver(plan.network).shapes(7, 4), np.float64)
    del arrays["parameter/h0"]
    other.load(arrays)
    losses, number = (e.losses(text[:8], text[1:], e.zero_state(2))[0] for e in (engine, other))
    np.testing.assert_array_equal(losses, number)


def test_a_first_value_learns_where_every_sequence_begins_anew(tmp_path) -> None:
    """Trained, kept in a checkpoint, and where a text that is written begins."""
    path = tmp_path / "text.txt"
    path.write_text("to be or not to be, that is the question. " * 60, "utf-8")
    recipe = recurra.MODERN.with_(
        hidden=6, batch=2, seq_len=8, steps=20, carry_state=False, sample_every=0
    )
    options = {"engine": "reference", "threads": 1, "out": tmp_path / "run"}
    trainer = recurra.start([path], recurra.parse(FIRST), recipe, **options)
    list(trainer.records())
    model = recurra.load_model(tmp_path / "run", "last")
    first = model.parameters["h0"]
    assert np.abs(first).min() > 0.0
    engine = model.engine("reference")
    log_p, _ = engine.next_log_probabilities(np.array([3], np.int32), engine.zero_state(1))
    u, w, s, q, b = (model.parameters[name] for name in ("U", "W", "s", "Q", "q"))
    scores = q @ np.tanh(u[3] + w @ first + s) + b
    want = scores - np.log(np.exp(scores).sum())
    np.testing.assert_allclose(log_p[0], want, atol=1e-5)
