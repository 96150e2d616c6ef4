"""Every line of a tiny network: numbers that agree with each other and with the engine."""

import numpy as np
import pytest

import recurra
from recurra.compute.gradcheck import load_parameters
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.explain.walkthrough import walk_through


@pytest.mark.parametrize("name", recurra.library())
def test_library(name: str) -> None:
    network = recurra.load_network(name)
    walk = walk_through(network)
    example, shapes = walk.example, walk.example.shapes
    engine = make_engine("reference", make_plan(network), shapes, np.float64)
    stored = {n: a.T if n in shapes.transposed else a for n, a in example.parameters.items()}
    load_parameters(engine, stored)
    text = np.array(example.text, np.int32)[:, None]
    state = {n: np.array(past)[:, None] for n, past in example.past.items()}
    loss, gradients, _ = engine.loss_and_gradients(text[:-1], text[1:], state)
    losses = [line.value for line in walk.lines if line.phase == "loss"]
    assert sum(losses) == pytest.approx(0.0 if network.shortlist else loss)
    totals = [line.value for line in walk.lines if line.phase == "gradient" and not line.time]
    for total, parameter in zip(totals, network.parameters, strict=True):
        expected = gradients[parameter]
        expected = expected.T if parameter in shapes.transposed else expected
        np.testing.assert_allclose(total, expected, rtol=1e-9, atol=1e-12)
    assert {line.time for line in walk.lines} == {0, 1, 2, 3}
    assert not [line.latex for line in walk.lines if "+ -" in line.latex]


def test_formulas_name_their_time_steps() -> None:
    lines = walk_through(recurra.load_network("rnn")).lines
    formulas = [line.latex for line in lines if line.time == 2]
    assert r"\bar h_{2} &= U\,x_{2} + W\,h_{1} + s_{1}" in formulas[0]
    assert r"\delta h_{2} &= W^\top\,\delta \bar h_{3}" in " ".join(formulas)
    last = [line.latex for line in lines if line.time == 3 and line.phase == "backward"]
    assert not any("_{4}" in formula for formula in last)
