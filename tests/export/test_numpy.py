"""Exported NumPy programs: run as they are, they compute what the reference engine computes."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from equations_list import VALID
from hypothesis import HealthCheck, given, settings
from strategies import networks, sizes

import recurra
from recurra.compute.engines import make_engine
from recurra.compute.plan import make_plan
from recurra.export.base import Export
from recurra.export.numpy import NumpyProgram
from recurra.lang.shapes import ShapeSolver

TEXTS = [(case.name, case.text) for case in VALID]
TEXTS += [(name, recurra.load_network(name).source) for name in recurra.library()]
V, T, B = 7, 6, 2


def program_of(network, folder, hidden=3, recipe=recurra.CLASSIC):
    """The exported program of a network, imported."""
    path = folder / "program.py"
    NumpyProgram().write(Export(network, recipe.with_(hidden=hidden)), path)
    spec = importlib.util.spec_from_file_location("program", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_equal(text, folder, hidden=3):
    network = recurra.parse(text, "net")
    shapes = ShapeSolver(network).shapes(V, hidden)
    engine = make_engine("reference", make_plan(network), shapes, np.float64)
    rng = np.random.default_rng(3)
    parameters = {n: rng.normal(0, 0.5, shape) for n, shape in shapes.parameters.items()}
    state = {n: rng.normal(0, 0.5, s.shape) for n, s in engine.zero_state(B).items()}
    x, y = rng.integers(V, size=(2, T, B)).astype(np.int32)
    loss, gradients, after = engine.loss_and_gradients(parameters, x, y, state)

    program = program_of(network, folder, hidden)
    paper = {
        n: (a.T if n in shapes.transposed else a) if a.ndim > 1 else a[:, None]
        for n, a in parameters.items()
    }
    initial = program.initial(V, rng, np.ones(V))
    assert {n: a.shape for n, a in initial.items()} == {n: a.shape for n, a in paper.items()}
    # vectors that a plan reads at a lag, and a program does not, are its operands: W @ (h[t-1] * 2)
    start = program.start(paper, B)
    past = {n: {-k: state[n][-k].T for k in lags} for n, lags in start_lags(start).items()}
    logp, series, ends = program.forward(paper, x, past)
    assert program.loss(logp, y) == pytest.approx(loss, rel=1e-12)
    found = program.backward(paper, x, y, logp, series)
    for name, gradient in gradients.items():
        expected = gradient.T if name in shapes.transposed else gradient
        np.testing.assert_allclose(
            found[name].reshape(expected.shape), expected, rtol=1e-9, atol=1e-11, err_msg=name
        )
    for name, lags in start_lags(ends).items():
        for k in lags:
            np.testing.assert_allclose(ends[name][-k], after[name][-k].T, atol=1e-12)


def start_lags(start):
    return {name: [-lag for lag in past] for name, past in start.items()}


@pytest.mark.parametrize(("name", "text"), TEXTS, ids=[name for name, _ in TEXTS])
def test_loss_and_gradients_are_those_of_the_reference_engine(name, text, tmp_path):
    check_equal(text, tmp_path)


@given(text=networks())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_networks(text, tmp_path):
    check_equal(text, tmp_path, sizes(text))
