"""How parameters start, and a model around them."""

import numpy as np
import pytest

from equations_list import HIDDEN, OUTPUT
from recurra.compute.base import Parameters
from recurra.compute.gradcheck import load_parameters
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.errors import SettingError
from recurra.lang.library import library, load_network
from recurra.lang.network import INITIALISATIONS, Network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import ShapeSolver
from recurra.models.initialisation import default_rate, initialise
from recurra.models.model import Model
from recurra.text.vocabulary import Vocabulary

VOCABULARY = 65
HIDDEN_SIZE = 96


def start(
    network: Network, how: str = "scaled", seed: int = 0, dtype: type = np.float64
) -> Parameters:
    shapes = ShapeSolver(network).shapes(VOCABULARY, HIDDEN_SIZE)
    return initialise(make_plan(network), shapes, np.random.default_rng(seed), how, dtype)


def is_orthogonal(matrix: np.ndarray) -> bool:
    return np.allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-12)


def test_blocks_start_as_matrices_of_their_size() -> None:
    lines = "h[t] = tanh(U @ x[t] + A @ h[t-1] + B @ g[t] + C @ h[t-2] + D @ h[t-1] + E @ g[t])\n"
    structures = "A: blocks(4)\nB: blocks(4)\nC: blocks(3) = identity(2)\nD: diagonal\n"
    text = "g[t] = V @ x[t]\n" + lines + OUTPUT + structures
    scaled = start(parse(text + "E: diagonal = identity(0.5)\n"))
    assert all(map(is_orthogonal, scaled["A"].reshape(4, 24, 24)))
    assert not np.allclose(scaled["A"][:24], scaled["A"][24:48])
    assert scaled["B"].std() == pytest.approx(24**-0.5, rel=0.05)  # fan-in 24
    np.testing.assert_array_equal(scaled["C"], np.tile(2 * np.eye(32), (3, 1)))
    assert (scaled["D"] == 1).all()
    assert (scaled["E"] == 0.5).all()
    classic = start(parse(text + "E: diagonal = normal(3)\n"), "classic")
    assert [classic[name].std() for name in "ABD"] == pytest.approx([0.01] * 3, rel=0.2)
    assert classic["E"].std() == pytest.approx(3, rel=0.3)


@pytest.mark.parametrize("how", INITIALISATIONS)
@pytest.mark.parametrize("name", library())
def test_layout_and_determinism(name: str, how: str) -> None:
    network = load_network(name)
    shapes = ShapeSolver(network).shapes(VOCABULARY, HIDDEN_SIZE)
    first = start(network, how, dtype=np.float32)
    assert list(first) == list(network.parameters)
    assert {key: value.shape for key, value in first.items()} == shapes.parameters
    assert all(v.dtype == np.float32 and v.flags.c_contiguous for v in first.values())
    again, other = start(network, how, dtype=np.float32), start(network, how, 1, np.float32)
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert any(not np.array_equal(first[key], other[key]) for key in first)
    # the same numbers in either type
    double = start(network, how)
    assert all(np.array_equal(first[key], double[key].astype(np.float32)) for key in first)


def test_classic() -> None:
    """N(0, 0.01^2) and zeros, as in the original."""
    parameters = start(load_network("wrnn"), "classic")
    weights = np.concatenate([v.ravel() for v in parameters.values() if v.ndim == 2])
    assert weights.std() == pytest.approx(0.01, rel=0.01)
    assert weights.mean() == pytest.approx(0.0, abs=1e-4)
    assert all((v == 0).all() for v in parameters.values() if v.ndim == 1)


def first_guess(network: Network, how: str, counts: np.ndarray, engine: str) -> np.ndarray:
    """Probabilities before any training, at a state of zeros."""
    shapes = ShapeSolver(network).shapes(len(counts), 8)
    plan, rng = make_plan(network), np.random.default_rng(0)
    parameters = initialise(plan, shapes, rng, how, np.float64, counts)
    for name, value in parameters.items():
        if name not in network.biases:
            value[:] = 0.0
    made = make_engine(engine, plan, shapes, np.float64, 1)
    load_parameters(made, parameters)
    log_p, _ = made.next_log_probabilities(np.array([0]), made.zero_state(1))
    return np.exp(log_p[0])


@pytest.mark.parametrize(
    ("equations", "reach"),
    [
        ("h[t] = tanh(U @ x[t] + W @ h[t-1])\no[t] = softmax(V @ h[t])", 200),
        ("h[t] = tanh(U @ x[t] + W @ h[t-1] + R @ h[t-2])\no[t] = softmax(V @ h[t])", 200 * 2**0.5),
        ("h[t] = tanh(U @ x[t] + A @ B @ h[t-1])\no[t] = softmax(V @ h[t])", 200),
        (
            "h[t] = tanh(U @ x[t] + A @ B.T @ h[t-1] + B @ h[t-1])\no[t] = softmax(V @ h[t])",
            200 * 2**0.5,
        ),
        ("e[t] = E @ x[t]\no[t] = softmax(E.T @ e[t])", 200),
    ],
)
def test_the_learning_rate_falls_with_the_numbers_that_are_summed(
    equations: str, reach: float
) -> None:
    network = parse(equations)
    shapes = ShapeSolver(network).shapes(VOCABULARY, 200)
    assert default_rate(make_plan(network), shapes) == pytest.approx(2 / reach)


@pytest.mark.parametrize(
    ("engine", "name", "choices"),
    [
        ("reference", "wrnn", {}),
        ("reference", "large", {"shortlist": 0}),
        ("reference", "large", {"shortlist": 50}),
        ("compiled", "large", {"shortlist": 50}),
    ],
)
def test_scaled_networks_begin_with_the_frequencies(
    engine: str, name: str, choices: dict[str, str | float]
) -> None:
    counts = np.random.default_rng(1).integers(0, 1000, 300)
    counts[7] = 0
    found = first_guess(load_network(name, choices), "scaled", counts, engine)
    assert found == pytest.approx((counts + 1) / (counts + 1).sum(), rel=1e-9)


def test_other_biases_do_not_begin_with_the_frequencies() -> None:
    counts = np.arange(300)
    classic = first_guess(load_network("wrnn"), "classic", counts, "reference")
    assert classic == pytest.approx(1 / 300)
    own = "h[t] = tanh(U @ x[t] + W @ h[t-1])\no[t] = softmax(V @ h[t] + s)\ns: constant(0)\n"
    assert first_guess(parse(own), "scaled", counts, "reference") == pytest.approx(1 / 300)
    # of several, one is enough
    two = "h[t] = tanh(U @ x[t] + s1)\no[t] = softmax(V @ h[t] + s2 + s3)\n"
    found = first_guess(parse(two), "scaled", counts, "reference")
    assert found == pytest.approx((counts + 1) / (counts + 1).sum(), rel=1e-9)


def test_scaled() -> None:
    parameters = start(load_network("wrnn"))
    assert is_orthogonal(parameters["W"])
    assert is_orthogonal(parameters["T"])
    assert not is_orthogonal(parameters["V"])
    assert parameters["V"].std() == pytest.approx(HIDDEN_SIZE**-0.5, rel=0.05)
    assert parameters["Q"].std() == pytest.approx(0.1 * HIDDEN_SIZE**-0.5, rel=0.05)
    assert all((v == 0).all() for v in parameters.values() if v.ndim == 1)
    wider = start(load_network("wrnn", {"f2": "relu"}))
    assert wider["V"].std() == pytest.approx((2 / HIDDEN_SIZE) ** 0.5, rel=0.05)


def test_every_gate_of_an_lstm_recurs_orthogonally() -> None:
    parameters = start(load_network("lstm"))
    assert all(is_orthogonal(parameters[name]) for name in ("Wi", "Wf", "Wg", "Wq"))
    assert (parameters["bf"] == 1).all()


@pytest.mark.parametrize("name", library())
def test_an_untrained_network_knows_nothing(name: str) -> None:
    """Its loss is that of equal chances, ln V, or little more."""
    network = load_network(name)
    shapes = ShapeSolver(network).shapes(VOCABULARY, HIDDEN_SIZE)
    model = Model(
        network, Vocabulary("".join(map(chr, range(32, 32 + VOCABULARY)))), shapes, start(network)
    )
    engine = model.engine("reference")
    text = np.random.default_rng(5).integers(0, VOCABULARY, (51, 4), np.int32)
    losses, _ = engine.losses(text[:-1], text[1:], engine.zero_state(4))
    assert losses.mean() == pytest.approx(np.log(VOCABULARY), abs=0.2)


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ("W: identity", lambda p: np.array_equal(p["W"], np.eye(HIDDEN_SIZE))),
        ("W: identity(0.5)", lambda p: np.array_equal(p["W"], 0.5 * np.eye(HIDDEN_SIZE))),
        ("U: identity", lambda p: np.array_equal(p["U"], np.eye(VOCABULARY, HIDDEN_SIZE))),
        ("W: orthogonal(2)", lambda p: is_orthogonal(p["W"] / 2)),
        # 65 of 96 rows: on paper (H, V), its columns are orthonormal, stored its rows
        ("U: orthogonal", lambda p: is_orthogonal(p["U"])),
        ("Q: orthogonal", lambda p: is_orthogonal(p["Q"])),
        ("W: normal(0.3)", lambda p: abs(p["W"].std() - 0.3) < 0.01),
        ("W: normal", lambda p: abs(p["W"].std() - 0.01) < 0.001),
        ("s: uniform(2)", lambda p: 1.5 < p["s"].max() <= 2 and -2 <= p["s"].min() < -1.5),
        ("s: constant(-1.5)", lambda p: (p["s"] == -1.5).all()),
        ("W: constant", lambda p: (p["W"] == 0).all()),
    ],
)
@pytest.mark.parametrize("how", INITIALISATIONS)
def test_what_the_equations_say_wins(line: str, holds: object, how: str) -> None:
    assert callable(holds)
    assert holds(start(parse(f"{HIDDEN}{OUTPUT}{line}\n"), how))


def test_unknown() -> None:
    with pytest.raises(SettingError, match="no initialisation he: choose one of classic, scaled"):
        start(load_network("rnn"), "he")


def test_model() -> None:
    network = load_network("rnn")
    shapes = ShapeSolver(network).shapes(3, 5)
    parameters = initialise(make_plan(network), shapes, np.random.default_rng(0))
    model = Model(network, Vocabulary("abc"), shapes, parameters)
    assert model.dtype == np.float32
    assert model.engine("reference").dtype == np.float32
    assert parameters["U"].shape == (3, 5)
    assert model.matrix("U").shape == (5, 3)
    assert model.matrix("V").shape == (3, 5)
    assert np.shares_memory(model.matrix("U"), parameters["U"])
