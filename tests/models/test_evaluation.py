"""Evaluation against a loop that reads one character at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.compute.gradcheck import load_parameters
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.errors import TextError
from recurra.lang.library import load_network
from recurra.lang.shape_solver import ShapeSolver
from recurra.models.evaluation import Loss, cut, evaluate

VOCABULARY = 7


@pytest.fixture(scope="module", params=["wrnn", "lag2"])
def model(request):
    network = load_network(request.param)
    shapes = ShapeSolver(network).shapes(VOCABULARY, 5)
    rng = np.random.default_rng(3)
    parameters = {n: rng.standard_normal(shape) for n, shape in shapes.parameters.items()}
    engine = make_engine("reference", make_plan(network), shapes, np.float64)
    load_parameters(engine, parameters)
    return engine


def texts_of(*lengths):
    rng = np.random.default_rng(4)
    return tuple(rng.integers(0, VOCABULARY, n, dtype=np.int32) for n in lengths)


def one_at_a_time(engine, texts, windows=10**9):
    nats = 0.0
    for text in texts:
        for i in range(len(text) - 1):
            if i % windows == 0:
                state = engine.zero_state(1)
            log_p, state = engine.next_log_probabilities(text[i : i + 1], state)
            nats -= log_p[0, text[i + 1]]
    return nats


@pytest.mark.parametrize(
    "lengths",
    [(2,), (30,), (2500,), (40, 7, 40, 1, 0, 2, 23), tuple(range(2, 90))],
    ids=["two characters", "one file", "long file", "files of all lengths", "many files"],
)
def test_streamed_carries_the_state_through_each_file(model, lengths):
    texts, told = texts_of(*lengths), []
    loss = evaluate(model, texts, progress=told.append)
    assert loss.characters == sum(max(n - 1, 0) for n in lengths) == told[-1]
    assert told == sorted(set(told))  # ever more of them
    assert loss.nats == pytest.approx(one_at_a_time(model, texts), rel=1e-12)


@pytest.mark.parametrize("windows", [1, 5, 8, 39, 64])
def test_windows_start_cold_every_so_many_characters(model, windows):
    texts = texts_of(40, 7, 41, 1)
    loss = evaluate(model, texts, windows)
    assert loss.characters == 39 + 6 + 40
    expected = one_at_a_time(model, texts, windows)
    assert loss.nats == pytest.approx(expected, rel=1e-12)


def test_a_model_that_guesses_has_the_logarithm_of_the_vocabulary(model):
    zeros = {
        name.replace("parameter", "best"): 0 * p for name, p in model.dump("parameter").items()
    }
    model.load(zeros)
    loss = evaluate(model, texts_of(50), weights="best")
    assert loss.nats_per_char == pytest.approx(math.log(VOCABULARY))
    assert loss.bits_per_char == pytest.approx(math.log2(VOCABULARY))
    assert loss.perplexity == pytest.approx(VOCABULARY)
    assert Loss(1e6, 1).perplexity > 1e300


@pytest.mark.parametrize("lengths", [(), (0,), (1, 1)])
@pytest.mark.parametrize("windows", [None, 4])
def test_a_text_too_short_to_predict_anything_is_refused(model, lengths, windows):
    with pytest.raises(TextError, match="fewer than two characters"):
        evaluate(model, texts_of(*lengths), windows)


@given(st.lists(st.integers(0, 50), max_size=5), st.integers(1, 20))
def test_pieces_predict_every_character_once(lengths, length):
    texts = [np.arange(n, dtype=np.int32) + 1000 * i for i, n in enumerate(lengths)]
    pieces = cut(texts, length)
    assert all(2 <= len(piece) <= length + 1 for piece in pieces)
    predicted = [int(c) for piece in pieces for c in piece[1:]]
    assert predicted == [int(c) for text in texts for c in text[1:]]


@given(st.integers(2, 300), st.integers(1, 20), st.integers(1, 400))
def test_a_limit_keeps_pieces_from_all_over_the_text(n, length, limit):
    text = np.arange(n, dtype=np.int32)
    pieces, every = cut([text], length, limit), cut([text], length)
    assert len(pieces) == min(len(every), max(1, limit // length))
    starts = [int(piece[0]) for piece in pieces]
    assert starts == sorted(set(starts))
    gaps = np.diff([*starts, len(every) * length]) // length
    assert gaps.max() - gaps.min() <= 1
