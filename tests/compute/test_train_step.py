"""A fused training step against the readable one: gradients, then the NumPy optimiser."""

import numpy as np
import pytest

from recurra.compute.base import Engine, StepSettings
from recurra.compute.gradcheck import load_parameters, random_problem
from recurra.compute.numba import output_layer, step
from recurra.compute.optimizers.base import OptimizerSettings
from recurra.compute.optimizers.registry import make_optimizer
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.errors import SettingError, TextError
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import ShapeSolver

SETTINGS = [
    OptimizerSettings("adagrad", eps_inside_root=True, clip_value=0.5),
    OptimizerSettings("adagrad", weight_decay=0.1, clip_norm=1.0),
    OptimizerSettings("adagrad", clip_norm=1.0, clip_value=0.3),
    OptimizerSettings("adagrad", eps=1e-3, weight_decay=0.1),
    OptimizerSettings("sgd"),
    OptimizerSettings("sgd", momentum=0.9, clip_norm=0.1),
    OptimizerSettings("sgd", clip_norm=0.1),
    OptimizerSettings("rmsprop", eps=1e-3),
    OptimizerSettings("rmsprop", eps=1e-3, momentum=0.5, weight_decay=0.1),
    OptimizerSettings("adam", weight_decay=0.1),
    OptimizerSettings("adamw", weight_decay=0.1, clip_norm=1.0, clip_value=0.2),
    OptimizerSettings("adamw", eps_inside_root=True),
    OptimizerSettings("muon", weight_decay=0.1, clip_norm=1.0, clip_value=0.2),
]
NAMES = [f"{s.kind}{i}" for i, s in enumerate(SETTINGS)]


def trained(
    engine: Engine, settings: OptimizerSettings, batch: int, dropout: float = 0.0
) -> dict[str, np.ndarray]:
    """Parameters, slots, losses and last state after a few steps on random text."""
    steps, seq_len, rng = 4, 5, np.random.default_rng(3)
    problem = random_problem(engine, seq_len, batch, rng)
    load_parameters(engine, problem.parameters)
    optimizer = make_optimizer(settings)
    engine.prepare(StepSettings(optimizer, batch, seq_len, scale=0.5, dropout=dropout))
    engine.load({f"state/{name}": past for name, past in problem.state.items()})
    losses, norms, engine.measures = [], [], True
    for update in range(1, steps + 1):
        text = rng.integers(0, engine.shapes.vocabulary, (seq_len + 1, batch)).astype(np.int32)
        losses.append(
            engine.step(text[:-1], text[1:], 0.05, update=update, restarted=False, rng=rng)
        )
        norms.append(engine.gradient_norm)
    found = {"losses": np.array(losses), "norms": np.array(norms, float)}
    return engine.dump("parameter", "optimizer", "state") | found


def check(
    network: str | Network,
    settings: OptimizerSettings,
    batch: int,
    threads: int,
    vocabulary: int = 7,
    hidden: int = 6,
    choices: dict[str, str | float] | None = None,
    dropout: float = 0.0,
) -> dict[str, np.ndarray]:
    """What training gave, after it was seen that both engines agree."""
    loaded = load_network(network, choices) if isinstance(network, str) else network
    shapes = ShapeSolver(loaded).shapes(vocabulary, hidden)
    want, got = (
        trained(
            make_engine(name, make_plan(loaded), shapes, np.float64, threads),
            settings,
            batch,
            dropout,
        )
        for name in ("reference", "compiled")
    )
    assert got.keys() == want.keys()
    if np.isnan(got["norms"]).all():  # the output layer has taken its step on the way
        want["norms"] = got["norms"]
    for name, value in want.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-8, atol=1e-9, err_msg=name)
    return got


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("settings", SETTINGS, ids=NAMES)
def test_step(settings: OptimizerSettings, batch: int, threads: int) -> None:
    check("wrnn", settings, batch, threads)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("settings", [SETTINGS[3], SETTINGS[10]], ids=[NAMES[3], NAMES[10]])
@pytest.mark.parametrize("shortlist", [0, 4, 6])
def test_shortlist(shortlist: int, settings: OptimizerSettings, threads: int) -> None:
    check("large", settings, 4, threads, choices={"shortlist": shortlist})


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize(
    "network", ["wrnn", pytest.param("glstm", marks=pytest.mark.long), "large"]
)
def test_dropout(network: str, batch: int, threads: int) -> None:
    dropped = check(network, SETTINGS[10], batch, threads, dropout=0.5)
    whole = check(network, SETTINGS[10], batch, threads)
    assert not np.allclose(dropped["losses"], whole["losses"])


@pytest.mark.parametrize("network", ["tied", "scrn", "indrnn"])
@pytest.mark.parametrize("batch", [1, 3])
def test_networks_with_shared_or_several_output_matrices(network: str, batch: int) -> None:
    check(network, SETTINGS[0], batch, threads=2)


BLOCKS = parse(
    "h[t] = tanh(U @ x[t] + A @ h[t-1] + B @ h[t-2])\nA: blocks(4)\no[t] = softmax(Q @ h[t])\n"
)


@pytest.mark.parametrize(
    "network",
    ["tied", BLOCKS, pytest.param("griffin", marks=pytest.mark.long)],
    ids=["tied", "blocks", "griffin"],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_matrices_updated_as_a_whole(network: str | Network, threads: int) -> None:
    check(network, SETTINGS[-1], 3, threads, hidden=8)


@pytest.mark.parametrize(
    "settings", [SETTINGS[0], SETTINGS[3], SETTINGS[4], OptimizerSettings("muon")], ids=str
)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_parameters_and_the_vocabulary(
    settings: OptimizerSettings, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step.OptimizerStep.__init__, "__defaults__", (10,))
    monkeypatch.setattr(output_layer.OutputLayer.__init__, "__defaults__", (10,))
    check("wrnn", settings, 1, threads, vocabulary=300)


def test_the_same_threads_give_the_same_bytes() -> None:
    loaded = load_network("wrnn")
    shapes = ShapeSolver(loaded).shapes(50, 24)
    first, second = (
        trained(make_engine("compiled", make_plan(loaded), shapes, np.float64, 2), SETTINGS[10], 6)
        for _ in range(2)
    )
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", ["reference", "compiled"])
@pytest.mark.parametrize("damage", ["transposed", "too small", "missing", "extra"])
def test_parameters_of_another_network(damage: str, name: str) -> None:
    loaded = load_network("rnn")
    shapes = ShapeSolver(loaded).shapes(7, 6)
    engine = make_engine(name, make_plan(loaded), shapes, np.float64)
    problem = random_problem(engine, 3, 2, np.random.default_rng(0))
    parameters = dict(problem.parameters)
    u = parameters.pop("U")
    if damage == "extra":
        parameters |= {"U": u, "more": u}
    elif damage != "missing":
        parameters["U"] = {"transposed": u.T, "too small": u[1:]}[damage]
    with pytest.raises(SettingError, match=r"parameter U|parameter more"):
        load_parameters(engine, parameters)


@pytest.mark.parametrize("number", [7, -1, 2**31 - 1])
@pytest.mark.parametrize("place", ["inputs", "targets"])
def test_characters_outside_of_the_vocabulary(number: int, place: str) -> None:
    loaded = load_network("wrnn")
    shapes = ShapeSolver(loaded).shapes(7, 6)
    engine = make_engine("compiled", make_plan(loaded), shapes, np.float64)
    rng = np.random.default_rng(0)
    problem = random_problem(engine, 3, 2, rng)
    load_parameters(engine, problem.parameters)
    texts = {"inputs": problem.inputs, "targets": problem.targets}
    texts[place][1, 1] = number
    with pytest.raises(TextError, match="outside of the vocabulary of 7"):
        engine.loss_and_gradients(*texts.values(), problem.state)
