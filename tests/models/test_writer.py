"""Writing: the distribution that is drawn from, and the state that a text leaves behind."""

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recurra.compute.base import Engine
from recurra.compute.numba.kernels.jit import jit
from recurra.compute.numba.kernels.sampling import draw
from recurra.compute.plan import make_plan
from recurra.compute.sampling import Sampling
from recurra.errors import RunError, SettingError, TextError
from recurra.lang.library import load_network
from recurra.lang.shape_solver import ShapeSolver
from recurra.lang.syntax import Number
from recurra.models.initialisation import initialise
from recurra.models.model import Model
from recurra.models.writer import Writer
from recurra.text.vocabulary import Vocabulary
from recurra.training.write_request import write

LETTERS = "\n abcdefgh宝玉"


@jit
def compiled_draw(log_p, uniform, temperature, top_k, top_p):
    return draw(log_p, uniform, temperature, top_k, top_p)


def make_model(characters=LETTERS, network="lag2", seed=1, shortlist=0):
    """A model whose predictions depend on what it has read, and are far from even."""
    vocabulary = Vocabulary("".join(sorted(characters)))
    loaded = load_network(network)
    if shortlist:
        loaded = replace(loaded, shortlist=Number(float(shortlist)))
    shapes = ShapeSolver(loaded).shapes(len(vocabulary), 7)
    rng = np.random.default_rng(seed)
    parameters = initialise(make_plan(loaded), shapes, rng, dtype=np.float64)
    return Model(
        loaded, vocabulary, shapes, {name: 3.0 * value for name, value in parameters.items()}
    )


def text_of(model, *arguments, **options):
    return "".join(write(model, *arguments, **options))


def log_probabilities(model, text):
    """What follows a text, by one step of the engine for each of its characters."""
    engine = model.engine("reference")
    state = engine.zero_state(1)
    for number in model.vocabulary.encode(text):
        log_p, state = engine.next_log_probabilities(np.array([number]), state)
    return log_p[0]


# -- the distribution

logits = arrays.arrays(np.float64, st.integers(1, 12), elements=st.floats(-30, 30))


def log_softmax(values):
    return values - values.max() - math.log(np.exp(values - values.max()).sum())


@given(logits)
def test_temperature_one_is_the_model(values):
    log_p = log_softmax(values)
    np.testing.assert_allclose(Sampling(1.0).probabilities(log_p), np.exp(log_p), rtol=1e-12)


@given(logits, st.floats(0.05, 20))
def test_temperature_divides_the_odds(values, temperature):
    log_p = log_softmax(values)
    expected = np.exp(log_softmax(log_p / temperature))
    np.testing.assert_allclose(
        Sampling(temperature).probabilities(log_p), expected, rtol=1e-9, atol=1e-300
    )


@given(logits, st.none() | st.integers(1, 15), st.none() | st.floats(0.01, 1.0))
def test_top_k_and_top_p_keep_the_likeliest(values, k, p):
    """Against the definition, spelled out: walk down from the likeliest until enough is kept."""
    given_p = Sampling(1.0).probabilities(log_softmax(values))
    ranked = sorted(range(len(values)), key=lambda i: (-given_p[i], i))[:k]
    total, kept, reached = sum(given_p[i] for i in ranked), [], 0.0
    for i in ranked:
        if p is not None and reached >= p * total * (1.0 + 1e-12):
            break
        kept.append(i)
        reached += given_p[i]
    result = Sampling(1.0, k, p).probabilities(log_softmax(values))
    assert result.sum() == pytest.approx(1.0)
    # where the sum reaches top_p to the last bit, rounding may keep one more or fewer
    edge = p is not None and any(
        abs(sum(given_p[i] for i in ranked[:n]) - p * total) < 1e-9 for n in range(len(ranked))
    )
    if not edge:
        expected = np.zeros(len(values))
        expected[kept] = given_p[kept] / given_p[kept].sum()
        np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-300)


def test_rows_are_drawn_from_as_each_alone():
    rows = np.log(np.random.default_rng(0).dirichlet(np.ones(9), (3, 4)))
    for sampling in (Sampling(0.0), Sampling(0.7), Sampling(2.0, 4), Sampling(1.0, 5, 0.6)):
        found = sampling.probabilities(rows)
        for index in np.ndindex(3, 4):
            np.testing.assert_array_equal(found[index], sampling.probabilities(rows[index]))


@given(logits)
def test_temperature_zero_takes_the_first_of_the_likeliest(values):
    probabilities = Sampling(0.0, top_k=3, top_p=0.5).probabilities(values)
    assert probabilities.tolist() == [float(i == values.argmax()) for i in range(len(values))]


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 2.0},
        {"top_p": math.nan},
    ],
)
def test_senseless_settings_are_refused(setting):
    with pytest.raises(SettingError, match=next(iter(setting))):
        Sampling(**setting)
    with pytest.raises(SettingError, match=next(iter(setting))):
        write(make_model(), "a", **setting)


def test_a_negative_seed_is_refused():
    with pytest.raises(SettingError, match="seed"):
        Writer(make_model(), seed=-1)


# -- reading


# longer than a piece of 256, but not by much: in this model a rounding error grows a thousandfold
# every hundred characters
@pytest.mark.parametrize("text", ["a", "ab", "abc dea\n宝玉" * 30])
def test_a_text_is_continued_from_where_it_ends(text):
    model = make_model()
    expected = model.vocabulary.decode([log_probabilities(model, text).argmax()])
    assert text_of(model, text, 1, temperature=0.0) == expected


@pytest.mark.parametrize("taken", [1, 5, 64, 70])
@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_whoever_stops_in_the_midst_goes_on_from_there(taken, engine):
    """Characters are drawn ahead; what nobody has taken has not been written."""
    model, more = make_model(), "宝玉 abc"
    stopped, plain = (Writer(model, seed=3, engine=model.engine(engine, 1)) for _ in range(2))
    stopped.read("dea")
    plain.read("dea")
    text = stopped.write(200)
    first = "".join(islice(text, taken))
    assert first == "".join(plain.write(taken))
    plain.read(more)
    stopped.read(more)
    expected = "".join(plain.write(100))
    assert "".join(islice(text, 30)) + "".join(stopped.write(70)) == expected


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_what_is_drawn_comes_with_what_the_model_said(engine):
    """Also across the ends of what is drawn ahead, and when others write or read in between."""
    model = make_model()
    drawing, plain = (Writer(model, seed=3, engine=model.engine(engine, 1)) for _ in range(2))
    pairs = drawing.draw(140)
    text = "".join(model.vocabulary.characters[next(pairs)[0]] for _ in range(5))
    text += "".join(islice(drawing.write(30), 3))
    for _ in range(135):
        number, log_p = next(pairs)
        if len(text) < 70:  # in this model a rounding error grows with the text
            expected = log_probabilities(model, "\n" + text)
            np.testing.assert_allclose(log_p, expected, rtol=1e-4, atol=1e-4)
        text += model.vocabulary.characters[number]
    assert text == "".join(plain.write(143))
    drawing.read("dea")
    plain.read("dea")
    assert "".join(drawing.write(20)) == "".join(plain.write(20))


@pytest.mark.parametrize(
    "network",
    ["lag2", "tied", *(pytest.param(name, marks=pytest.mark.long) for name in ("wrnn", "large"))],
)
@pytest.mark.parametrize(
    "sampling",
    [Sampling(), Sampling(0.0), Sampling(1.5, 4), Sampling(1.0, 9, 0.7), Sampling(1.0, 10**30)],
    ids=str,
)
def test_the_compiled_loop_writes_what_single_steps_write(network, sampling, monkeypatch):
    monkeypatch.setattr("recurra.compute.numba.engine.COMPILED_AFTER", 0.0)
    model = make_model("\n" + "".join(map(chr, range(97, 127))), network)
    engine = model.engine("compiled", 1)
    uniforms = np.random.default_rng(5).random(90)
    expected = Engine.sample(engine, 3, engine.zero_state(1), sampling, uniforms)
    text, predicted, state = engine.sample(3, engine.zero_state(1), sampling, uniforms)
    assert (text, len(text)) == (expected[0], 90)
    np.testing.assert_allclose(predicted, expected[1], atol=1e-5)
    for name, value in expected[2].items():
        np.testing.assert_array_equal(state[name], value)


def test_the_loop_is_compiled_once_it_pays(monkeypatch, tmp_path):
    monkeypatch.setattr("recurra.compute.numba.engine.COMPILED_AFTER", 1e-9)
    # as if no earlier process had left it
    monkeypatch.setattr("recurra.compute.numba.engine.is_kept", lambda kernel, _: kernel.overloads)
    own = tmp_path / "own.eq"  # no other test has compiled it in this process
    own.write_text("h[t] = tanh(U @ x[t] + W @ h[t-1] + 0.375 * b)\no[t] = softmax(Q @ h[t])\n")
    engine, uniforms = make_model(network=str(own)).engine("compiled", 1), np.arange(120) / 120
    expected, *_ = Engine.sample(engine, 3, engine.zero_state(1), Sampling(), uniforms)
    text, state, compiled = [3], engine.zero_state(1), []
    for part in np.split(uniforms, 3):
        written, _, state = engine.sample(text[-1], state, Sampling(), part)
        compiled.append(len(engine._kernels.write.overloads))
        text += written
    assert (text[1:], compiled) == (expected, [0, 1, 1])


def test_classes_and_the_end_of_finite_numbers(monkeypatch):
    """A shortlist's output layer; and a weight that is no number, from the first use on."""
    monkeypatch.setattr("recurra.compute.numba.engine.COMPILED_AFTER", 0.0)
    model = make_model("".join(map(chr, range(0x4E00, 0x4E00 + 40))), shortlist=10)
    uniforms = np.random.default_rng(5).random(30)
    for sampling in (Sampling(), Sampling(1.0, 5)):
        engine = model.engine("compiled", 1)
        expected, *_ = Engine.sample(engine, 1, engine.zero_state(1), sampling, uniforms)
        assert engine.sample(1, engine.zero_state(1), sampling, uniforms)[0] == expected
    broken = {name: np.full_like(value, np.nan) for name, value in model.parameters.items()}
    engine.load({f"parameter/{name}": value for name, value in broken.items()})
    assert engine.sample(1, engine.zero_state(1), Sampling(), uniforms)[0] == []


@given(
    logits, st.floats(0.0, 3.0), st.none() | st.integers(1, 15), st.none() | st.floats(0.01, 1.0),
    st.floats(0.0, 1.0, exclude_max=True),
)  # fmt: skip
@settings(deadline=None)
def test_the_compiled_draw_is_the_draw(values, temperature, k, p, uniform):
    log_p, sampling = log_softmax(values), Sampling(temperature, k, p)
    drawn = compiled_draw(log_p, uniform, temperature, k or 0, p or 0.0)
    probabilities = sampling.probabilities(log_p)
    # where a sum meets the number to the last bits, either neighbour may be drawn
    low = sampling.draw(log_p, max(uniform - 1e-9, 0.0))
    high = sampling.draw(log_p, min(uniform + 1e-9, 1.0 - 1e-16))
    edge = p is not None and k is None
    assert low <= drawn <= high or edge
    assert probabilities[drawn] > 0.0 or edge


def test_what_is_written_is_read():
    model = make_model()
    written = text_of(model, "宝", 6, seed=3)
    after = log_probabilities(model, "宝" + written)
    writer = Writer(model, Sampling(0.0))
    writer.read("宝" + written)
    assert "".join(writer.write(1)) == model.vocabulary.decode([after.argmax()])
    # and a writer that goes on is where one that reads it all would be
    writer = Writer(model, Sampling(0.8), seed=3)
    writer.read("宝")
    assert "".join(writer.write(4)) + "".join(writer.write(2)) == written


def test_reading_in_parts_is_reading():
    model, whole = make_model(), "abcabd宝 fgh\n" * 50
    one, other = Writer(model, seed=1), Writer(model, seed=1)
    one.read(whole)
    for start in range(0, len(whole), 37):
        other.read(whole[start : start + 37])
        other.read("")
    assert list(one.write(30)) == list(other.write(30))


@pytest.mark.parametrize("network", ["wrnn", "lstm", "tied"])
def test_every_network_writes(network):
    assert len(text_of(make_model(network=network), "ab", 25)) == 25


def test_unknown_characters_are_named_and_skipped():
    model = make_model()
    writer = Writer(model, seed=1)
    assert writer.read("aéb道é") == ["é", "道"]
    assert "".join(writer.write(20)) == text_of(model, "ab", 20, seed=1)
    with pytest.raises(TextError, match=r"'é'.*U\+9053"):
        Writer(model).read("aéb道é", strict=True)
    with pytest.raises(TextError, match="'é'"):
        write(model, "é", strict=True)


@pytest.mark.parametrize("prompt", ["", "Ω"])
def test_without_a_prompt_a_text_begins_as_after_a_line_break(prompt):
    model = make_model()
    assert text_of(model, prompt, 20, seed=2) == text_of(model, "\n", 20, seed=2)


def test_without_a_prompt_or_line_breaks_a_text_begins_anyhow():
    model = make_model("abc")
    texts = {text_of(model, "", 20, seed=seed) for seed in range(5)}
    assert len(texts) == 5
    assert set("".join(texts)) == set("abc")


# -- drawing


def test_equal_seeds_write_equal_texts():
    model = make_model()
    assert text_of(model, "a", 50, seed=7) == text_of(model, "a", 50, seed=7)
    assert text_of(model, "a", 50, seed=7) != text_of(model, "a", 50, seed=8)
    assert text_of(model, "a", 50) != text_of(model, "a", 50)


def test_characters_are_drawn_as_often_as_the_model_says():
    model, draws = make_model(), 500
    p = np.exp(log_probabilities(model, "ab"))
    first = [next(write(model, "ab", 1, temperature=1.0, seed=seed)) for seed in range(draws)]
    counts = np.array([first.count(one) for one in model.vocabulary.characters])
    # seven standard deviations; the seeds are fixed, so that this never flickers
    assert (np.abs(counts - draws * p) < 7.0 * np.sqrt(draws * p * (1.0 - p)) + 1.0).all()


def test_a_text_is_streamed():
    endless = write(make_model(), "a", 10**15, seed=1)
    assert "".join(islice(endless, 10)) == text_of(make_model(), "a", 10, seed=1)


def test_a_model_without_finite_numbers_is_told():
    model = make_model()
    model.parameters[model.network.matrices[0]][:] = np.nan
    with pytest.raises(RunError, match="finite"):
        text_of(model, "ab", 5)


@given(st.integers(0, 5), st.text("\n ab", max_size=3))
def test_writing_ends_before_a_text_wherever_that_begins(seed, stop):
    model = make_model("\n ab")
    whole = text_of(model, "a", 40, seed=seed)
    expected = whole[: whole.index(stop)] if stop and stop in whole else whole
    assert text_of(model, "a", 40, seed=seed, stop=stop) == expected
