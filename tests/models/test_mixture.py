"""Mixtures of networks and counts against loops over dictionaries."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.lang.library import load_network
from recurra.lang.shape_solver import ShapeSolver
from recurra.models.adaptation.base import Adaptation
from recurra.models.adaptation.reader import AdaptiveReader, adaptive_loss
from recurra.models.evaluation import character_losses, evaluate
from recurra.models.mixture import CONTEXTS, Member, Mixture, decisions
from recurra.text.vocabulary import Vocabulary

CHARACTERS = " etaon"
NETWORK = load_network("rnn")
SHAPES = ShapeSolver(NETWORK).shapes(len(CHARACTERS), 4)


def engine_of(seed, engine="reference"):
    rng = np.random.default_rng(seed)
    made = make_engine(engine, make_plan(NETWORK), SHAPES, np.float64, 1)
    made.load({f"parameter/{n}": rng.standard_normal(s) for n, s in SHAPES.parameters.items()})
    return made


def text_of(length, seed=1):
    rng = np.random.default_rng(seed)
    words = [np.array(w, np.int32) for w in ([1, 2, 3, 0], [2, 3, 0], [4, 5, 1, 0], [5, 0])]
    return np.concatenate([words[i] for i in rng.choice(4, length, p=[0.4, 0.3, 0.2, 0.1])])[
        :length
    ]


def is_letter(number):
    return CHARACTERS[number].isalpha()


def word_before(text, end):
    """Where the word that ends there begins."""
    first = end
    while first > 0 and end - first < 32 and is_letter(text[first - 1]):
        first -= 1
    return first


def context_of(text, t, kind):
    characters, skipped, word = kind
    if word < 0:
        return kind, tuple(text[max(0, t - skipped - characters) : t - skipped])
    first = word_before(text, t)
    found, end = [kind, tuple(text[first:t])], first
    for _ in range(word):
        end = first
        while end > 0 and first - end < 8 and not is_letter(text[end - 1]):
            end -= 1
        first = word_before(text, end)
    if word:
        found.append(tuple(text[first:end]))
        end = first
    return *found, tuple(text[max(0, end - characters) : end])


def logit(p, certain):
    p = min(max(p, certain), 1.0 - certain)
    return math.log(p / (1.0 - p))


def logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


class ByHand:
    """The mixture in plain loops; contexts are tuples, tables are dictionaries."""

    def __init__(self, tree, kinds, networks):
        self.tree, self.kinds, self.networks = tree, kinds, networks
        self.counts, self.maps = {}, {}
        share, count = 0.5 if kinds else 1.0, 2 * len(kinds)
        start = [1.75 / max(1, count)] * count
        start += [share / max(1, networks)] * networks + [0.0]
        self.weights = {"length": {}, "node": {}, "last": {}}
        self.start, self.clock, self.learns = start, 0, True

    def quieter(self):
        n = 2 * len(self.kinds)
        for sets in self.weights.values():
            for of in sets.values():
                of[:n] = [0.5 * w for w in of[:n]]
        self.start = [0.5 * w for w in self.start[:n]] + self.start[n:]

    def losses(self, text, predictions=None):
        """Predictions: one (n - 1, V) of probabilities for each network."""
        found = []
        for t in range(1, len(text)):
            rate = max(0.002, 0.02 / (1 + 1e-4 * self.clock))
            self.clock += 1
            low, high, node, nats = 0, len(CHARACTERS), 0, 0.0
            while node >= 0:
                _, middle, _, first, second = self.tree[node]
                bit = int(text[t] >= middle)
                keys = [(context_of(text.tolist(), t, kind), node) for kind in self.kinds]
                x, steady, known, states = [], [], 0, []
                for c, key in enumerate(keys):
                    a, b = self.counts.get(key, (0, 0))
                    states.append((c, a, b))
                    known += a + b > 0
                    p, _ = self.maps.get((c, a, b), ((b + 0.4) / (a + b + 0.8), 0))
                    x.append(logit(p, 1 / 4096) if a + b else 0.0)
                    steady.append(4 * p - 2 if a + b else 0.0)
                x += steady
                for k in range(self.networks):
                    if predictions is None:
                        x.append(0.0)
                    else:
                        p = predictions[k][t - 1]
                        x.append(logit(p[middle:high].sum() / p[low:high].sum(), 1e-5))
                x.append(0.3)
                mixers = [
                    self.weights["length"].setdefault(known, list(self.start)),
                    self.weights["node"].setdefault(node, list(self.start)),
                    self.weights["last"].setdefault(int(text[t - 1]), list(self.start)),
                ]
                dots = [sum(w * v for w, v in zip(of, x, strict=True)) for of in mixers]
                p = logistic(sum(dots) / 3)
                nats -= math.log(p if bit else 1 - p)
                low, high = (middle, high) if bit else (low, middle)
                node = second if bit else first
                if not self.learns:
                    continue
                for of, dot in zip(mixers, dots, strict=True):
                    error = bit - logistic(dot)
                    of[:] = [w + rate * error * v for w, v in zip(of, x, strict=True)]
                for key, (c, a, b) in zip(keys, states, strict=True):
                    if a + b:
                        p, uses = self.maps.get((c, a, b), ((b + 0.4) / (a + b + 0.8), 0))
                        self.maps[c, a, b] = p + (bit - p) / (uses + 1.5), uses + 1
                    new = [a, b]
                    new[bit] = min(40, new[bit] + 1)
                    if new[1 - bit] > 2:
                        new[1 - bit] = new[1 - bit] // 2 + 1
                    self.counts[key] = tuple(new)
            found.append(nats)
        return np.array(found)


TRAINING, TEXT = text_of(700), text_of(400, seed=2)


@pytest.mark.parametrize("networks", [0, 1, 2])
@pytest.mark.parametrize("with_counts", [True, False])
def test_a_mixture_is_its_formulas(networks, with_counts):
    if not networks and not with_counts:
        return
    engines = [engine_of(seed) for seed in range(networks)]
    members = [Member(engine, np.arange(len(CHARACTERS))) for engine in engines]
    training = [TRAINING] if with_counts else None
    mixture = Mixture(Vocabulary(CHARACTERS), members, training)
    frequency = np.bincount(TRAINING, minlength=len(CHARACTERS))
    tree = decisions(frequency if with_counts else 0 * frequency)
    hand = ByHand(tree.tolist(), CONTEXTS if with_counts else (), networks)
    if with_counts:
        hand.losses(TRAINING)
        if networks:
            hand.quieter()
    predictions = [
        np.exp(engine.log_probabilities(TEXT[:-1], engine.zero_state(1))[0]) for engine in engines
    ]
    expected = hand.losses(TEXT, predictions)
    assert mixture.loss([TEXT]).nats == pytest.approx(expected.sum(), rel=1e-7)
    # again from the beginning, in pieces of another size: frozen networks do not notice
    mixture.piece = 7
    np.testing.assert_allclose(mixture.losses(TEXT), expected, rtol=1e-7)


def mixture_of(seed):
    member = Member(engine_of(seed), np.arange(len(CHARACTERS)))
    return Mixture(Vocabulary(CHARACTERS), [member], [TRAINING])


@pytest.mark.parametrize("read", [1, 2, 150])
def test_what_comes_next_is_said_without_learning(read):
    engine, text, mixture = engine_of(4), TEXT[:read], mixture_of(4)
    predictions = [np.exp(engine.log_probabilities(text, engine.zero_state(1))[0])]
    frequency = np.bincount(TRAINING, minlength=len(CHARACTERS))
    hand = ByHand(decisions(frequency).tolist(), CONTEXTS, 1)
    hand.losses(TRAINING)
    hand.quieter()
    hand.losses(text, predictions)
    hand.learns = False
    expected = [-hand.losses(np.append(text, c), predictions)[-1] for c in range(len(CHARACTERS))]
    mixture.losses(text)
    before = [array.copy() for array in mixture._learned]
    found = mixture.log_probabilities(text)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    assert np.exp(found).sum() == pytest.approx(1.0, rel=1e-9)
    for array, kept in zip(mixture._learned, before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_the_probabilities_of_all_characters_add_up_to_one():
    sums = []
    for begin in (1, 20, 150):
        total = 0.0
        for c in range(len(CHARACTERS)):
            text = np.append(TEXT[:begin], np.int32(c))
            total += math.exp(-mixture_of(4).losses(text)[-1])
        sums.append(total)
    assert sums == pytest.approx([1.0, 1.0, 1.0], rel=1e-9)


def test_reading_on_is_reading():
    whole, parts = mixture_of(4), mixture_of(4)
    expected = whole.losses(TEXT)
    found = [parts.losses(TEXT[:150]), parts.read(TEXT[:151], 150), parts.read(TEXT[50:], 101)]
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-12)


def test_no_prediction_knows_its_character_and_all_repeats():
    def mixture():
        engine = engine_of(5)
        reader = AdaptiveReader(engine, Adaptation(rule="sgd", rate=0.3, step=10))
        member = Member(engine, np.arange(6), reader)
        return Mixture(Vocabulary(CHARACTERS), [member], [TRAINING], piece=10)

    one = mixture()
    first = one.loss([TEXT])
    assert one.loss([TEXT]) == first == mixture().loss([TEXT])
    other = TEXT.copy()
    other[300:] = 5
    np.testing.assert_array_equal(mixture().losses(TEXT)[:290], mixture().losses(other)[:290])


def test_a_text_of_one_character_costs_nothing():
    text = np.zeros(50, np.int32)
    assert Mixture(Vocabulary("a"), (), [text]).loss([text]).nats == 0.0


def test_it_beats_its_members():
    text = text_of(3000, seed=3)
    engine = engine_of(6, "compiled")
    reader = AdaptiveReader(engine, Adaptation(rule="sgd", rate=0.3))
    alone = adaptive_loss(reader, [text]).nats
    counts = Mixture(Vocabulary(CHARACTERS), (), [TRAINING]).loss([text])
    members = [Member(engine, np.arange(6), reader)]
    both = Mixture(Vocabulary(CHARACTERS), members, [TRAINING], piece=20)
    loss = both.loss([text])
    assert loss.characters == counts.characters == 2999
    assert loss.nats < 1.03 * min(alone, counts.nats)


def test_members_may_number_characters_their_own_way():
    numbers = np.array([3, 1, 0, 5, 4, 2])
    engine = engine_of(7)
    member = Member(engine, numbers)
    own = numbers[TEXT].astype(np.int32)
    log_p = member.predict(TEXT)
    found = -log_p[np.arange(len(TEXT) - 1), TEXT[1:]]
    np.testing.assert_allclose(found, character_losses(engine, [own])[0], rtol=1e-9)
    assert evaluate(engine, [own]).nats == pytest.approx(found.sum())


def test_the_mean_of_networks_is_that_of_their_probabilities():
    ways = [np.arange(6), np.array([3, 1, 0, 5, 4, 2])]
    members = [Member(engine_of(seed), numbers) for seed, numbers in enumerate(ways, 7)]
    mixture = Mixture(Vocabulary(CHARACTERS), members, [TRAINING])
    before, nats = mixture.losses(TEXT), 0.0
    mixture = Mixture(Vocabulary(CHARACTERS), members, [TRAINING])
    texts = [TEXT[:200], TEXT[200:]]
    found = mixture.mean_loss(texts)
    for text in texts:
        states = [member.engine.zero_state(1) for member in members]
        for last, following in pairwise(text):
            p = 0.0
            for i, (member, numbers) in enumerate(zip(members, ways, strict=True)):
                one = np.array([numbers[last]], np.int32)
                log_p, states[i] = member.engine.next_log_probabilities(one, states[i])
                p += math.exp(log_p[0, numbers[following]]) / 2
            nats -= math.log(p)
    assert found.nats == pytest.approx(nats)
    assert found.characters == len(TEXT) - 2
    np.testing.assert_array_equal(mixture.losses(TEXT), before)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=50))
def test_decisions_lead_to_every_character_once(frequency):
    tree = decisions(np.array(frequency)).tolist()
    assert len(tree) == len(frequency) - 1
    for character in range(len(frequency)):
        node, low, high = 0, 0, len(frequency)
        while node >= 0:
            assert (tree[node][0], tree[node][2]) == (low, high)
            low, middle, high, first, second = tree[node]
            assert low < middle < high
            if character >= middle:
                node, low = second, middle
            else:
                node, high = first, middle
        assert (-1 - node, low, high) == (character, character, character + 1)


def test_frequent_characters_need_few_decisions():
    tree = decisions(np.array([1000, 500, 250, 125, 60, 30, 15, 15])).tolist()
    depths, waiting = {}, [(0, 0)]
    while waiting:
        node, depth = waiting.pop()
        for answer in tree[node][3:]:
            if answer < 0:
                depths[-1 - answer] = depth + 1
            else:
                waiting.append((answer, depth + 1))
    assert [depths[c] for c in range(8)] == [1, 2, 3, 4, 5, 6, 7, 7]
    assert all(a <= b for a, b in pairwise(depths[c] for c in range(8)))


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_predictions_of_a_piece_are_those_of_its_characters(engine):
    made = engine_of(8, engine)
    log_p, state = made.log_probabilities(TEXT[:23], made.zero_state(1))
    other = made.zero_state(1)
    for row, number in zip(log_p, TEXT[:23], strict=True):
        expected, other = made.next_log_probabilities(np.array([number], np.int32), other)
        np.testing.assert_allclose(row, expected[0], rtol=1e-9)
    for name, value in made.dump_state(state).items():
        np.testing.assert_allclose(value, made.dump_state(other)[name], rtol=1e-9)
