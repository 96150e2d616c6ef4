"""Recurrences without a product in the loop of time: one pass, whose loop is of vectors."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import recurra
from gradient_tasks import check, make_task
from recurra.compute.base import StepSettings
from recurra.compute.gradcheck import load_parameters
from recurra.compute.numba.blocks import kernel_blocks
from recurra.compute.optimizers.base import OptimizerSettings
from recurra.compute.optimizers.registry import make_optimizer
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine

OUTPUT = "o[t] = softmax(Q @ h[t] + s)\n"
# what passes read and send: two lags of one vector, its own and another's, look-ups at a lag, an
# embedding that is multiplied and read itself, a pre-activation that its derivative needs
LAGS = (
    """
e[t] = E @ x[t]
a[t] = swish(A @ e[t] + k + u * h[t-1] - v * h[t-3]) * (B @ e[t] + C @ x[t-1])
h[t] = tanh(a[t] + e[t-2] * a[t-1]) + e[t] * (D @ x[t])
"""
    + OUTPUT
)
# products between passes, two matrices on one embedding at different times, and tied weights
LAYERS = """
e[t] = E @ x[t]
z[t] = sigmoid(Z @ e[t] + R @ e[t-1] + b)
a[t] = z[t] * a[t-1] + (1 - z[t]) * e[t]
g[t] = sigmoid(G @ a[t] + S @ a[t-1])
h[t] = g[t] * h[t-1] + (1 - g[t]) * (F @ a[t])
o[t] = softmax(E.T @ h[t] + s)
"""
NETWORKS = {"lags": LAGS, "layers": LAYERS}
NETWORKS |= {name: recurra.load_network(name).source for name in ("mingru", "sru", "rglru")}
# 7 characters: in texts of 4 rows a product of each row, in texts of 20 one of each character
STEPS = pytest.mark.parametrize("steps", [1, 4, 20])


def blocks(equations: str) -> list[set[str]]:
    plan = make_plan(recurra.parse(equations))
    return [{stage.vector for stage in block.stages} for block in kernel_blocks(plan)]


def test_what_is_one_pass() -> None:
    assert blocks(NETWORKS["mingru"]) == [{"e"}, {"z", "g", "h"}]
    assert blocks(NETWORKS["sru"]) == [{"e"}, {"f", "c", "r", "h"}]
    # a product waits for all of its operand
    assert blocks(LAYERS) == [{"e"}, {"z", "a"}, {"g", "h"}]
    # vectors that never meet may have other lengths
    apart = "a[t] = tanh(U @ x[t])\nb[t] = tanh(V @ x[t])\no[t] = softmax(P @ a[t] + Q @ b[t])"
    assert sorted(map(sorted, blocks(apart))) == [["a"], ["b"]]
    # a product in the loop, or a function of the whole row
    lstm = {stage.vector for stage in make_plan(recurra.load_network("lstm")).blocks[0].stages}
    assert lstm in blocks(recurra.load_network("lstm").source)
    assert {"h"} in blocks("a[t] = U @ x[t]\nh[t] = norm(a[t] + h[t-1])\n" + OUTPUT)


@STEPS
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients(name: str, steps: int) -> None:
    check(make_task("compiled", recurra.parse(NETWORKS[name]), steps=steps))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["lags", "layers", "sru"])
def test_training_with_dropout(name: str, threads: int) -> None:
    """Rows of an embedding that have dropped something are no rows of it any more."""
    network = recurra.parse(NETWORKS[name])
    text = np.random.default_rng(1).integers(0, 7, (2, 21, 2), np.int32)
    results = []
    for engine_name in ("compiled", "reference"):
        task = make_task(engine_name, network, steps=20)
        engine = make_engine(engine_name, make_plan(network), task.shapes, np.float64, threads)
        optimizer = make_optimizer(OptimizerSettings("adamw"))
        engine.prepare(StepSettings(optimizer, batch=2, seq_len=20, scale=0.1, dropout=0.25))
        load_parameters(engine, task.problem.parameters)
        rng = np.random.default_rng(2)
        for update, rows in enumerate(text, 1):
            facts = {"update": update, "restarted": False, "rng": rng}
            engine.step(rows[:-1], rows[1:], 0.01, **facts)  # type: ignore[arg-type]
        results.append(engine.dump("parameter", "state"))
    for array, expected in results[1].items():
        np.testing.assert_allclose(results[0][array], expected, rtol=1e-8, atol=1e-9, err_msg=array)


@pytest.mark.parametrize("name", ["sru", "rglru", "lags"])
def test_passes_are_of_vectors(name: str) -> None:
    """Of so many arrays LLVM compares no two, and of the rows of one array those of a time step."""
    task = make_task("compiled", recurra.parse(NETWORKS[name]))
    # of no module of ours, so that they are compiled: code from disk cannot be looked into
    text, names = task.engine.source.text, {"__name__": "generated"}  # type: ignore[attr-defined]
    exec(text, names)
    vars(task.engine)["_kernels"] = SimpleNamespace(**names)
    task.engine.loss_and_gradients(task.problem.inputs, task.problem.targets, task.state)
    for function in ("forward_2_pass", "backward_pass"):
        compiled: Any = names[function]
        (made,) = compiled.linked.overloads.values()
        code = str(made.library._get_module_for_linking())
        assert re.search(r"fmul [a-z ]*<\d+ x double>", code), function
