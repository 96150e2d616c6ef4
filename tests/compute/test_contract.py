"""The contract that every registered engine and every registered optimiser keeps."""

import numpy as np
import pytest

from recurra.compute.base import Engine, StepSettings
from recurra.compute.gradcheck import check_gradients, load_parameters, random_problem
from recurra.compute.optimizers.base import OptimizerSettings
from recurra.compute.optimizers.registry import OPTIMIZERS, make_optimizer
from recurra.compute.plan import make_plan
from recurra.compute.registry import ENGINES, make_engine
from recurra.errors import SettingError
from recurra.lang.library import load_network
from recurra.lang.shape_solver import ShapeSolver

VOCABULARY, HIDDEN, STEPS, BATCH = 9, 6, 5, 3

engines = pytest.mark.parametrize("name", list(ENGINES))
optimizers = pytest.mark.parametrize("kind", list(OPTIMIZERS))


def make(name: str) -> Engine:
    loaded = load_network("wrnn")
    shapes = ShapeSolver(loaded).shapes(VOCABULARY, HIDDEN)
    engine = make_engine(name, make_plan(loaded), shapes, np.float64, 2)
    load_parameters(
        engine, random_problem(engine, STEPS, BATCH, np.random.default_rng(0)).parameters
    )
    return engine


def prepared(name: str, kind: str = "adamw", **settings: float) -> Engine:
    engine = make(name)
    optimizer = make_optimizer(OptimizerSettings(kind, **settings))
    engine.prepare(StepSettings(optimizer, BATCH, STEPS, scale=0.1, dropout=0.25))
    return engine


def train(engine: Engine, first: int, last: int) -> list[float]:
    """Losses of the steps from one update to another; each has a text of its own."""
    losses = []
    for update in range(first, last + 1):
        rng = np.random.default_rng(update)
        text = rng.integers(0, VOCABULARY, (STEPS + 1, BATCH)).astype(np.int32)
        facts = {"update": update, "restarted": update == 3, "rng": rng}
        losses.append(engine.step(text[:-1], text[1:], 0.1, **facts))
    return losses


def text() -> np.ndarray:
    return np.random.default_rng(5).integers(0, VOCABULARY, (STEPS + 1, BATCH)).astype(np.int32)


@engines
def test_gradients(name: str) -> None:
    assert all(row.passed for row in check_gradients(load_network("wrnn"), name, entries=4))


@engines
@optimizers
def test_steps_equal_those_of_the_reference(name: str, kind: str) -> None:
    settings = {"weight_decay": 0.1, "momentum": 0.5, "clip_value": 0.2, "clip_norm": 0.5}
    ours, reference = (prepared(n, kind, eps=1e-3, **settings) for n in (name, "reference"))
    assert train(ours, 1, 6) == pytest.approx(train(reference, 1, 6), rel=1e-9)
    got, want = (e.dump("parameter", "optimizer", "state") for e in (ours, reference))
    assert got.keys() == want.keys()
    for array in want:
        np.testing.assert_allclose(got[array], want[array], rtol=1e-8, atol=1e-9, err_msg=array)


@engines
@pytest.mark.parametrize("settings", [{}, {"clip_norm": 1e-3}, {"clip_value": 0.02}], ids=str)
def test_the_norm_of_a_step_is_that_of_its_gradients(name: str, settings: dict[str, float]) -> None:
    engine, characters = prepared(name, "adagrad", **settings), text()
    assert engine.gradient_norm is None
    engine.measures = True
    masks, scale = engine.step_masks(np.random.default_rng(2)), engine.settings.scale
    _, gradients, _ = engine.loss_and_gradients(
        characters[:-1], characters[1:], engine.zero_state(BATCH), masks=masks, scale=scale
    )
    limit = settings.get("clip_value", np.inf)
    flat = np.concatenate([gradient.ravel() for gradient in gradients.values()])
    engine.step(
        characters[:-1], characters[1:], 0.1, update=1, restarted=True, rng=np.random.default_rng(2)
    )
    assert engine.gradient_norm == pytest.approx(np.linalg.norm(flat.clip(-limit, limit)))


@engines
@optimizers
def test_loaded_it_goes_on_to_the_same_bytes(name: str, kind: str) -> None:
    whole, first, second = (prepared(name, kind, momentum=0.5) for _ in range(3))
    train(whole, 1, 8)
    train(first, 1, 4)
    second.load(first.dump("parameter", "optimizer", "state"))
    train(second, 5, 8)
    want, got = (e.dump("parameter", "optimizer", "state") for e in (whole, second))
    assert want.keys() == got.keys()
    assert all(want[array].tobytes() == got[array].tobytes() for array in want)


@engines
def test_arrays_cross_by_copy(name: str) -> None:
    engine, other = prepared(name), prepared(name)
    given = engine.dump("parameter", "optimizer", "state")
    other.load(given)
    for array in given.values():
        array[...] = np.nan
    assert other.all_finite()
    assert all(np.isfinite(array).all() for array in other.dump("parameter", "state").values())
    assert all(np.isfinite(array).all() for array in engine.dump("parameter", "state").values())


@engines
def test_sets_of_parameters(name: str) -> None:
    engine = prepared(name)
    assert engine.dump("average", "best") == {}
    engine.copy("parameter", "average")
    train(engine, 1, 1)
    engine.copy("average", "best")
    engine.average(0.25)
    sets = engine.dump("parameter", "average", "best")
    for array in engine.shapes.parameters:
        start, now = sets[f"best/{array}"], sets[f"parameter/{array}"]
        np.testing.assert_allclose(sets[f"average/{array}"], start + 0.25 * (now - start))
    # reading can look at each
    zero, characters = engine.zero_state(BATCH), text()
    read = {
        weights: engine.losses(characters[:-1], characters[1:], zero, weights)[0].sum()
        for weights in ("parameter", "average", "best")
    }
    assert len(set(read.values())) == 3
    engine.copy("best", "parameter")
    assert engine.losses(characters[:-1], characters[1:], zero)[0].sum() == read["best"]


@engines
def test_numbers_that_are_none_are_seen(name: str) -> None:
    engine = make(name)
    assert engine.all_finite()
    engine.load({"parameter/s1": np.array([0.0] * (HIDDEN - 1) + [np.inf])})
    assert not engine.all_finite()


@engines
def test_what_is_read_does_not_depend_on_how(name: str) -> None:
    engine, characters = make(name), text()
    whole, end = engine.losses(characters[:-1], characters[1:], engine.zero_state(BATCH))
    state = engine.zero_state(BATCH)
    for inputs, targets, losses in zip(characters[:-1], characters[1:], whole, strict=True):
        log_p, state = engine.next_log_probabilities(inputs, state)
        np.testing.assert_allclose(-log_p[np.arange(BATCH), targets], losses, rtol=1e-9)
    for vector, past in engine.dump_state(end).items():
        np.testing.assert_allclose(engine.dump_state(state)[vector], past, rtol=1e-9)
    # a state of more streams serves the first of them
    fewer = engine.losses(characters[:-1, :2], characters[1:, :2], engine.zero_state(BATCH))[0]
    np.testing.assert_allclose(fewer, whole[:, :2], rtol=1e-9)
    again = engine.load_state(engine.dump_state(end))
    one, other = (engine.losses(characters[:-1], characters[1:], s)[0] for s in (end, again))
    assert np.array_equal(one, other)


@engines
def test_what_does_not_belong_is_refused(name: str) -> None:
    engine = make(name)
    for arrays in ({"parameter/no": np.zeros(3)}, {"parameter/s1": np.zeros(HIDDEN + 1)}):
        with pytest.raises(SettingError, match="parameter"):
            engine.load(arrays)
    with pytest.raises(SettingError, match="prepared"):
        train(make(name), 1, 1)


def test_a_forgotten_method_fails_when_constructed() -> None:
    with pytest.raises(TypeError, match="abstract"):
        type("Forgetful", (Engine,), {})(None, None)  # type: ignore[abstract]
