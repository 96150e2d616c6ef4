"""Dynamic evaluation against loops written by hand, and what it promises."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest

import recurra
from recurra.compute.optimizers.base import OptimizerSettings
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.errors import SettingError
from recurra.lang.library import load_network
from recurra.lang.shape_solver import ShapeSolver
from recurra.models.adaptation.base import CLIP_NORM, Adaptation, GradientSquares
from recurra.models.adaptation.reader import AdaptiveReader, adaptive_loss
from recurra.models.adaptation.registry import RULES
from recurra.models.adaptation.rms import DecayedSteps
from recurra.models.adaptation.search import find_settings
from recurra.models.evaluation import character_losses, evaluate
from recurra.models.model import Model
from recurra.models.writer import Writer
from recurra.text.corpus import load_corpus
from recurra.text.vocabulary import Vocabulary
from recurra.training.finished_run import FinishedRun
from toy_training import SMALL, babble, trainer_of

VOCABULARY, HIDDEN, STEP = 6, 4, 5
NETWORK = load_network("rnn")
SHAPES = ShapeSolver(NETWORK).shapes(VOCABULARY, HIDDEN)
RATES = {"rms": 0.02, "sgd": 0.3}


def parameters():
    rng = np.random.default_rng(3)
    return {name: 0.5 * rng.standard_normal(s) for name, s in SHAPES.parameters.items()}


def squares():
    rng = np.random.default_rng(4)
    means = {name: rng.exponential(0.01, s) for name, s in SHAPES.parameters.items()}
    return GradientSquares(means, 80)


def reader_of(rule, engine="reference", **settings):
    made = make_engine(engine, make_plan(NETWORK), SHAPES, np.float64, 1)
    made.load({f"parameter/{name}": value for name, value in parameters().items()})
    settings = {"rate": RATES[rule], "decay": 0.1, "step": STEP, **settings}
    return AdaptiveReader(made, Adaptation(rule=rule, **settings), squares())


def text_of(length, seed=5):
    """Two characters out of six that take turns, and some noise: there is much to learn."""
    rng = np.random.default_rng(seed)
    text = np.resize(np.array([1, 4], np.int32), length)
    noise = rng.random(length) < 0.2
    text[noise] = rng.integers(0, VOCABULARY, noise.sum())
    return text


def by_hand(rule, texts, rate, decay, carry=True):
    """All of it in loops: the network, its gradient through time, clipping, both rules."""
    begin = parameters()
    # as on paper: what the library stores transposed, too
    p = {n: (v.T if n in SHAPES.transposed else v).copy() for n, v in begin.items()}
    r = {n: np.sqrt(80 / STEP * v) for n, v in squares().means.items()}
    r = {n: v.T if n in SHAPES.transposed else v for n, v in r.items()}
    start = {n: v.copy() for n, v in p.items()}
    mean_r = np.concatenate([v.ravel() for v in r.values()]).mean()
    nats = 0.0
    for text in texts:
        h = np.zeros(HIDDEN)
        if not carry:
            p = {n: v.copy() for n, v in start.items()}
        for begin_at in range(0, len(text) - 1, STEP):
            end = min(begin_at + STEP, len(text) - 1)
            hs, probabilities = [h], []
            for t in range(begin_at, end):
                h = np.tanh(p["U"][:, text[t]] + p["W"] @ h + p["s1"])
                logits = p["V"] @ h + p["s2"]
                q = np.exp(logits - logits.max())
                q /= q.sum()
                nats -= math.log(q[text[t + 1]])
                hs.append(h)
                probabilities.append(q)
            if end - begin_at < STEP:
                break
            g = {n: np.zeros_like(v) for n, v in p.items()}
            dh = np.zeros(HIDDEN)
            for t in reversed(range(begin_at, end)):
                q, now = probabilities[t - begin_at].copy(), hs[t - begin_at + 1]
                q[text[t + 1]] -= 1.0
                q /= STEP
                g["V"] += np.outer(q, now)
                g["s2"] += q
                da = (p["V"].T @ q + dh) * (1.0 - now**2)
                g["U"][:, text[t]] += da
                g["W"] += np.outer(da, hs[t - begin_at])
                g["s1"] += da
                dh = p["W"].T @ da
            norm = math.sqrt(sum((v**2).sum() for v in g.values()))
            for n, v in p.items():
                step = g[n] * min(1.0, CLIP_NORM / norm)
                if rule == "sgd":
                    v -= rate * step
                else:
                    pull = np.minimum(1.0, decay * r[n] / mean_r)
                    v += pull * (start[n] - v) - rate * step / (r[n] + 0.3 * mean_r)
    return nats


@pytest.mark.parametrize("carry", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_both_rules_are_their_formulas(rule, carry):
    texts = [text_of(43), text_of(2), text_of(STEP + 1), text_of(64, seed=6)]
    loss = adaptive_loss(reader_of(rule, carry=carry), texts)
    assert loss.characters == 42 + 1 + STEP + 63
    assert loss.nats == pytest.approx(by_hand(rule, texts, RATES[rule], 0.1, carry), rel=1e-10)


@pytest.mark.parametrize("rule", RULES)
def test_it_learns_what_a_frozen_network_does_not(rule):
    text = text_of(2000)
    reader = reader_of(rule)
    frozen = evaluate(reader.engine, [text])
    assert adaptive_loss(reader, [text]).nats < 0.8 * frozen.nats


@pytest.mark.parametrize("rule", RULES)
def test_the_kernels_are_the_formulas(rule):
    losses = [
        adaptive_loss(reader_of(rule, engine), [text_of(303)]).nats
        for engine in ("reference", "compiled")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_no_prediction_knows_its_character(rule):
    """Two futures: up to where they part all is equal, and the first of them pays its price."""
    past, length = text_of(10 * STEP + 1), 10 * STEP
    futures = [np.append(past, np.full(STEP, c, np.int32)) for c in (2, 3)]
    nats, weights = [], []
    for text in (past, *(future for future in futures)):
        reader = reader_of(rule)
        nats.append(reader.read(text[: length + 1], reader.engine.zero_state(1))[0])
        weights.append(reader.engine.dump("parameter"))
    assert nats[0] == nats[1] == nats[2]
    for future in futures:
        # the step that meets it predicts it with the weights that the past alone has left
        reader = reader_of(rule)
        _, state = reader.read(past, reader.engine.zero_state(1))
        (expected,) = [
            reader.engine.losses(part[:-1], part[1:], state)[0].sum()
            for part in [future[length:, None]]
        ]
        got, _ = reader.read(future[length:], state)
        assert got == pytest.approx(expected, rel=1e-12)


def test_no_step_learns_from_what_follows_it():
    """Whatever follows, the weights after a step are those of the text so far."""
    text = text_of(4 * STEP + 1)
    for cut in range(1, 5):
        whole, part = reader_of("rms"), reader_of("rms")
        state = whole.engine.zero_state(1)
        nats = 0.0
        for start in range(0, cut * STEP, STEP):
            more, state = whole.read(text[start : start + STEP + 1], state)
            nats += more
        assert part.read(text[: cut * STEP + 1], part.engine.zero_state(1))[0] == nats
        for name, value in whole.engine.dump("parameter").items():
            np.testing.assert_array_equal(value, part.engine.dump("parameter")[name])


@pytest.mark.parametrize("rule", RULES)
def test_it_repeats_byte_for_byte_and_forgets(rule):
    reader = reader_of(rule)
    text = text_of(200)
    first = adaptive_loss(reader, [text])
    learned = reader.engine.dump("parameter")
    again = adaptive_loss(reader, [text])
    assert first == again
    for name, value in reader.engine.dump("parameter").items():
        assert value.tobytes() == learned[name].tobytes()
    reader.restart()
    for name, value in parameters().items():
        np.testing.assert_array_equal(reader.engine.dump("parameter")[f"parameter/{name}"], value)


@pytest.mark.parametrize("rule", RULES)
def test_a_rate_of_zero_is_the_frozen_network(rule):
    reader = reader_of(rule, rate=0.0)
    text = text_of(83)
    frozen = character_losses(reader.engine, [text])[0].sum()
    assert adaptive_loss(reader, [text]).nats == pytest.approx(frozen, rel=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_a_rate_that_breaks_the_network_is_told(rule):
    with pytest.raises(SettingError, match=r"at the rate 1e\+308: give a lower one"):
        adaptive_loss(reader_of(rule, rate=1e308), [text_of(400)])


def test_the_search_takes_what_predicts_validation_text_best():
    text = [text_of(600), text_of(600, seed=8)]
    asked = Adaptation(step=STEP)
    read = []

    def reader_with(settings):
        read.append(settings)
        return reader_of("rms", rate=settings.rate, decay=settings.decay)

    found = find_settings(asked, text, reader_with, characters=800)
    rule = RULES["rms"]

    def nats(rate, decay):
        beginning = [text[0], text[1][:201]]
        return adaptive_loss(reader_of("rms", rate=rate, decay=decay), beginning).nats

    rate = min(rule.rates, key=lambda rate: nats(rate, rule.decays[0]))
    assert found == replace(asked, rate=rate, decay=min(rule.decays, key=lambda d: nats(rate, d)))
    assert found.rate != rule.rates[0]
    read.clear()
    given = replace(asked, rate=0.5, decay=0.25)
    assert find_settings(given, text, reader_with) == given
    assert read == []


@pytest.mark.parametrize("rule", RULES)
def test_where_all_rates_break_the_network_lower_ones_are_tried(rule, monkeypatch):
    monkeypatch.setattr(RULES[rule], "rates", (1e307, 1e308))
    text = [text_of(400)]
    found = find_settings(
        Adaptation(rule=rule, decay=0.0, step=STEP), text,
        lambda settings: reader_of(rule, rate=settings.rate, decay=settings.decay),
    )  # fmt: skip
    assert 0.0 < found.rate < 1e307
    assert math.isfinite(adaptive_loss(reader_of(rule, rate=found.rate, decay=0.0), text).nats)


def test_settings_have_types_and_rules():
    assert Adaptation(rate=1, step=np.int64(10)) == Adaptation(rate=1.0, step=10)
    for wrong in (
        {"rate": "fast"}, {"rate": -1.0}, {"rate": math.nan}, {"decay": math.inf}, {"step": 0},
        {"step": 2.5}, {"step": True}, {"rule": 3.0}, {"carry": "perhaps"},
    ):  # fmt: skip
        (name,) = wrong
        with pytest.raises(SettingError, match=f"^{name} has to be "):
            Adaptation(**wrong)
    with pytest.raises(SettingError, match="no rule adam: choose one of rms, sgd"):
        AdaptiveReader(reader_of("sgd").engine, Adaptation(rule="adam"))
    with pytest.raises(SettingError, match="give rule=sgd"):
        AdaptiveReader(reader_of("sgd").engine, Adaptation())


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop", "adagrad", "sgd"])
def test_statistics_of_training_are_those_of_its_gradients(tmp_path, optimizer, reduction):
    (tmp_path / "text.txt").write_text(babble(1500), "utf-8")
    recipe = SMALL.with_(
        steps=1, optimizer=optimizer, reduction=reduction, dropout=0.0, weight_decay=0.0,
        clip_norm=None, dtype="float64", eps=1e-12,
    )  # fmt: skip
    corpus = load_corpus([tmp_path / "text.txt"])
    trainer = recurra.start([tmp_path / "text.txt"], NETWORK, recipe, out=tmp_path / "run",
                            engine="reference", threads=1)  # fmt: skip
    other = trainer_of(NETWORK, corpus, recipe)
    inputs, targets, _ = other.streams.next()
    size = recipe.batch * recipe.seq_len
    _, gradients, _ = other.engine.loss_and_gradients(
        inputs, targets, other.engine.zero_state(recipe.batch), scale=1.0 / size
    )
    list(trainer.records())
    found = FinishedRun.open(tmp_path / "run").gradient_squares
    if optimizer == "sgd":
        assert found is None
        return
    assert found.characters == size
    for name, gradient in gradients.items():
        np.testing.assert_allclose(found.means[name], gradient**2, rtol=1e-9, atol=1e-20)


def test_score_gives_both_figures_and_leaves_the_run_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(babble(3000), "utf-8")
    result = recurra.train(["text.txt"], "rnn", SMALL, engine="reference")
    run = recurra.Run.open(result.run)

    def digests():
        return {p.name: hashlib.sha256(p.read_bytes()).digest() for p in run.folder.iterdir()}

    with pytest.raises(SettingError, match="no rule best"):  # told before anything is computed
        next(recurra.score(run, engine="none", adapt=Adaptation(rule="best")))
    before = digests()
    frozen = list(recurra.score(run, engine="reference", windows=9))
    settings = Adaptation(step=7)
    scores = list(recurra.score(run, engine="reference", windows=9, adapt=settings))
    assert digests() == before
    assert [s.loss for s in scores] == [s.loss for s in frozen]
    assert [s.adaptive is None for s in scores] == [False, True, False, True]
    found = scores[0].adaptation
    assert found is not None
    assert found == scores[2].adaptation
    opened = FinishedRun(run)
    reader = AdaptiveReader(opened.best.engine("reference"), found, opened.gradient_squares)
    corpus = load_corpus(["text.txt"])
    assert scores[2].adaptive == adaptive_loss(reader, corpus.test)
    # of another text the settings come from the run's own validation text all the same
    (tmp_path / "other.txt").write_text(babble(900, seed=9), "utf-8")
    (other,) = recurra.score(run, ["other.txt"], engine="reference", adapt=settings)
    assert other.adaptation == found
    (tmp_path / "text.txt").unlink()
    (other,) = recurra.score(run, ["other.txt"], engine="reference", adapt=settings)
    assert (other.adaptation.rate, other.adaptation.decay) == (
        RULES["rms"].rates[0], RULES["rms"].decays[0],
    )  # fmt: skip


def test_the_optimizer_keeps_its_definition():
    optimizer = DecayedSteps(OptimizerSettings(DecayedSteps.name))
    slots = {s: np.array([v]) for s, v in zip(optimizer.slots, (2.0, 0.5, 3.0), strict=True)}
    assert optimizer.direction(np.array([5.0]), slots, 1) == pytest.approx([8.5])
    assert slots["moved"] == pytest.approx([11.5])


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_writer_goes_on_as_the_learned_weights_would(engine):
    vocabulary = Vocabulary("abcdef")
    model = Model(NETWORK, vocabulary, SHAPES, parameters())
    before = {name: value.copy() for name, value in model.parameters.items()}
    pages = vocabulary.decode(text_of(153))
    settings = Adaptation(rule="rms", rate=0.02, decay=0.1, step=STEP)

    def writer(seed=2):
        return Writer(
            model, seed=seed, reader=AdaptiveReader(model.engine(engine), settings, squares())
        )

    one, other, frozen = writer(), writer(), Writer(model, seed=2, engine=model.engine(engine))
    for each in (one, other, frozen):
        each.read(pages)
    written = "".join(one.write(200))
    assert written == "".join(other.write(200)) != "".join(frozen.write(200))
    # the same by a reader, and an engine that begins with what it learned
    reader = AdaptiveReader(model.engine(engine), settings, squares())
    _, state = reader.read(vocabulary.encode(pages), reader.engine.zero_state(1))
    learned = make_engine(engine, make_plan(NETWORK), SHAPES, np.float64, 1)
    learned.load(reader.engine.dump("parameter"))
    expected = Writer(model, seed=2, engine=learned)
    expected._last, expected._state = int(vocabulary.encode(pages)[-1]), state
    assert written == "".join(expected.write(200))
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(value, before[name])
    # read in two parts: the second begins with what the first has taught
    parts = writer()
    parts.read(pages[: 10 * STEP + 1])
    parts.read(pages[10 * STEP + 1 :])
    assert "".join(parts.write(200)) == written
