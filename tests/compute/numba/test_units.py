"""Threads that share the units of wide layers."""

import threading
from collections.abc import Callable

import numpy as np
import pytest

import recurra
from random_models import ALL
from recurra.compute.base import Engine, StepSettings
from recurra.compute.gradcheck import load_parameters, random_problem
from recurra.compute.numba import engine as compiled
from recurra.compute.numba.codegen import can_share_units
from recurra.compute.numba.kernels.tile import VECTOR_BYTES
from recurra.compute.numba.kernels.units import own_columns
from recurra.compute.optimizers.base import OptimizerSettings
from recurra.compute.optimizers.registry import make_optimizer
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.lang.network import Network
from recurra.lang.shape_solver import ShapeSolver

VOCABULARY, STEPS, BATCH = 11, 6, 5
# more than one vector of numbers, and no whole number of them
HIDDEN = VECTOR_BYTES // 8 * 2 + 5

TWO_LAGS = "h[t] = tanh(U @ x[t] + W @ h[t-1] + R @ h[t-3] + b)\no[t] = softmax(V @ h[t] + s)"
PEEPHOLE = """
g[t] = sigmoid(U @ x[t] + W @ h[t-1] + p * c[t-1] + b)
c[t] = g[t] * c[t-1] + (1 - g[t]) * tanh(Uc @ x[t] + R @ (g[t] * h[t-1]) + d)
h[t] = tanh(c[t])
k[t] = tanh(A @ h[t] + B @ k[t-1] + e)
o[t] = softmax(V @ k[t] + s)
"""
NO_PRODUCT_IN_THE_LOOP = """
e[t] = E @ x[t]
z[t] = sigmoid(Z @ e[t] + u * h[t-1] + b)
h[t] = z[t] * h[t-1] + (1 - z[t]) * (G @ e[t] + e[t-1])
k[t] = relu(K @ h[t] + v * k[t-2])
o[t] = softmax(V @ k[t] + s)
"""
NETWORKS = {"two lags": TWO_LAGS, "peephole": PEEPHOLE, "no product": NO_PRODUCT_IN_THE_LOOP}


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "OUTGROWN", -1)
    monkeypatch.setattr(compiled, "WORTH_SHARING", -1)


def make(name: str, network: Network, threads: int = 2, **settings: float) -> Engine:
    shapes = ShapeSolver(network).shapes(VOCABULARY, HIDDEN)
    engine = make_engine(name, make_plan(network), shapes, np.float64, threads)
    optimizer = make_optimizer(OptimizerSettings("adamw", clip_norm=0.1))
    engine.prepare(StepSettings(optimizer, BATCH, STEPS, scale=0.1, **settings))
    load_parameters(engine, random_problem(engine, STEPS, BATCH, rng()).parameters)
    return engine


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def check_gradients(network: Network, threads: int, steps: int = STEPS, batch: int = BATCH) -> None:
    ours, reference = (make(name, network, threads) for name in ("compiled", "reference"))
    problem = random_problem(reference, steps, batch, rng())
    results = []
    for engine in (ours, ours, reference):
        state = engine.load_state(problem.state)
        loss, gradients, state = engine.loss_and_gradients(problem.inputs, problem.targets, state)
        results.append({"loss": np.array(loss)} | gradients | {f"{n}[T]": state[n] for n in state})
    for name, expected in results[2].items():
        np.testing.assert_allclose(results[0][name], expected, rtol=0, atol=1e-10, err_msg=name)
        np.testing.assert_array_equal(results[0][name], results[1][name], err_msg=name)


# six threads are more than there are vectors of units: some own nothing
@pytest.mark.parametrize("threads", [2, 3, 6])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients(name: str, threads: int) -> None:
    check_gradients(recurra.parse(NETWORKS[name]), threads)


# 11 characters: products of each row, or of each character
@pytest.mark.parametrize("steps", [9, 40])
def test_one_stream(steps: int) -> None:
    check_gradients(recurra.parse(NO_PRODUCT_IN_THE_LOOP), 2, steps, batch=1)


def test_more_threads_than_rows() -> None:
    check_gradients(recurra.parse(TWO_LAGS), 7, steps=2, batch=2)


@pytest.mark.long
@pytest.mark.parametrize("name", ALL)
def test_gradients_of_all(name: str) -> None:
    network = recurra.parse(ALL[name])
    if can_share_units(make_plan(network)):
        check_gradients(network, 2)


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.25}], ids=str)
def test_training(settings: dict[str, float]) -> None:
    network = recurra.parse(PEEPHOLE)
    engines = [make(name, network, **settings) for name in ("compiled", "reference")]
    for update in range(1, 6):
        text = np.random.default_rng(update).integers(0, VOCABULARY, (STEPS + 1, BATCH), np.int32)
        facts = {"update": update, "restarted": update == 3}
        ours, reference = (
            e.step(text[:-1], text[1:], 0.1, rng=np.random.default_rng(update), **facts)
            for e in engines
        )
        assert ours == pytest.approx(reference, rel=1e-9)
    got, want = (e.dump("parameter", "optimizer", "state") for e in engines)
    for array in want:
        np.testing.assert_allclose(got[array], want[array], rtol=1e-8, atol=1e-9, err_msg=array)


@pytest.mark.parametrize("width", [1, 15, 16, 17, 64, 100, 1000])
@pytest.mark.parametrize("parts", [1, 2, 3, 16])
def test_every_column_has_one_owner(width: int, parts: int) -> None:
    array = np.zeros((1, width), np.float32)
    bounds = [own_columns.py_func(array, part, parts) for part in range(parts)]
    assert [j for first, end in bounds for j in range(first, end)] == list(range(width))
    assert all(first % (VECTOR_BYTES // 4) == 0 for first, end in bounds if first < end)


def test_who_shares_units() -> None:
    """Networks whose units meet elsewhere than in whole matrices keep to streams."""
    networks = {name: make_plan(recurra.load_network(name)) for name in recurra.library()}
    shares = {name for name, plan in networks.items() if can_share_units(plan)}
    assert shares >= {"rnn", "wrnn", "lstm", "gru", "gru2", "mgu", "scrn", "peephole"}
    assert not shares & {"lnlstm", "mlstm", "griffin", "rwkv7", "deltanet"}


def shares(
    hidden: int, batch: int, threads: int, name: str = "lstm", steps: int = 2, characters: int = 11
) -> bool:
    plan = make_plan(recurra.load_network(name))
    shapes = ShapeSolver(plan.network).shapes(characters, hidden)
    engine = compiled.CompiledEngine(plan, shapes, np.float32, threads)
    return engine._shards_for(steps, batch, training=True)[0].threads > 1


def test_when_units_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert shares(1024, 16, 2)
    assert shares(512, 32, 8)
    assert not shares(512, 32, 2)  # streams enough
    assert not shares(256, 16, 2)  # matrices that a cache holds
    assert not shares(1024, 16, 1)
    assert not shares(1024, 1, 2)  # the output layer's step is cut by vocabulary then


def test_when_units_of_one_stream_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert shares(512, 1, 2, "mingru", steps=64)
    assert not shares(512, 2, 2, "mingru", steps=64)  # streams enough
    assert shares(512, 2, 4, "mingru", steps=64)
    assert not shares(64, 1, 2, "mingru", steps=64)  # done before a thread is awake
    assert not shares(512, 1, 2, "mingru", steps=64, characters=5000)  # cut by vocabulary
    assert not shares(512, 1, 2, "qrnn", steps=64)  # no product but the output layer's


@pytest.mark.parametrize("part", [0, 1])
def test_a_thread_that_fails_keeps_nobody_waiting(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make("compiled", recurra.parse(TWO_LAGS))
    assert isinstance(engine, compiled.CompiledEngine)
    problem = random_problem(engine, STEPS, BATCH, rng())
    state = engine.load_state(problem.state)
    engine.loss_and_gradients(problem.inputs, problem.targets, state)
    whole: Callable[..., None] = engine._unit_kernels.forward

    def failing(number: int, *arguments: object) -> None:
        if number == part:
            raise KeyboardInterrupt
        whole(number, *arguments)

    monkeypatch.setattr(engine._unit_kernels, "forward", failing)
    ended = threading.Event()

    def run() -> None:
        with pytest.raises(KeyboardInterrupt):
            engine.loss_and_gradients(problem.inputs, problem.targets, state)
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    assert ended.wait(60)
