"""A mixture that writes, against the mixture and NumPy."""

import numpy as np
import pytest

from recurra.compute.plan import make_plan
from recurra.compute.sampling import Sampling
from recurra.lang.library import load_network
from recurra.lang.shape_solver import ShapeSolver
from recurra.models.adaptation.base import Adaptation
from recurra.models.adaptation.reader import AdaptiveReader
from recurra.models.initialisation import initialise
from recurra.models.mixed_writer import MixedWriter
from recurra.models.mixture import Member, Mixture
from recurra.models.model import Model
from recurra.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary("e taon\n")
TEXT = "to eat, tea to note: a neat toe, ten tent o net " * 12
PROMPT = "eat a note to a ten neat tent"


def model_of():
    network = load_network("rnn")
    shapes = ShapeSolver(network).shapes(len(VOCABULARY), 5)
    parameters = initialise(make_plan(network), shapes, np.random.default_rng(0), dtype=np.float64)
    return Model(network, VOCABULARY, shapes, {n: 3.0 * value for n, value in parameters.items()})


def mixture_of(model, adapt=None):
    engine = model.engine("reference", 1)
    reader = AdaptiveReader(engine, adapt) if adapt else None
    member = Member(engine, np.arange(len(VOCABULARY)), reader)
    return Mixture(VOCABULARY, [member], [VOCABULARY.encode(VOCABULARY.known(TEXT))], piece=4)


def writer_of(seed=1, adapt=None, sampling=None):
    model = model_of()
    return MixedWriter(model, mixture_of(model, adapt), sampling, seed)


def test_it_draws_from_what_the_mixture_says():
    """Teach the mixture the prompt, then draw each character from its probabilities by hand."""
    mixture, text = mixture_of(model_of()), VOCABULARY.encode(PROMPT)
    mixture.losses(text)
    rng, written = np.random.default_rng(1), ""
    for _ in range(40):
        p = np.exp(mixture.log_probabilities(text) / 0.7)
        number = int(np.searchsorted(np.cumsum(p) / p.sum(), rng.random()))
        text = np.append(text, np.int32(number))
        written += VOCABULARY.characters[number]
    writer = writer_of(sampling=Sampling(temperature=0.7))
    writer.read(PROMPT)
    assert "".join(writer.write(40)) == written


@pytest.mark.parametrize("adapt", [None, Adaptation(rule="sgd", rate=0.5, step=4)])
def test_a_prompt_may_come_in_pieces(adapt):
    # pieces of the prompt end where a network learns, so that it learns from the same steps
    whole, parts = writer_of(adapt=adapt), writer_of(adapt=adapt)
    whole.read("e" + PROMPT[:12])
    whole.read(PROMPT[12:])
    parts.read("e" + PROMPT[:4])
    parts.read(PROMPT[4:12])
    parts.read(PROMPT[12:])
    assert "".join(whole.write(60)) == "".join(parts.write(60))


def test_what_is_written_teaches_nothing_and_a_long_text_is_as_good_as_its_end():
    writer = writer_of()
    writer.read(PROMPT)
    learned = [array.copy() for array in writer._mixture._learned]
    assert len("".join(writer.write(400))) == 400
    for array, before in zip(writer._mixture._learned, learned, strict=True):
        np.testing.assert_array_equal(array, before)


def test_a_text_without_a_beginning():
    assert len("".join(writer_of().write(20))) == 20
    assert "".join(writer_of().write(20)) == "".join(writer_of().write(20))
