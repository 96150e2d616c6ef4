"""A text with something to learn, and short trainings on it."""

import numpy as np

from recurra.training.recipe import CLASSIC, MODERN
from recurra.training.records import Finished
from recurra.training.trainer import Trainer

SMALL = MODERN.with_(
    hidden=8, batch=3, seq_len=7, steps=40, warmup=5, dropout=0.25, record_every=4,
    evaluate_every=6, evaluate_characters=100, sample_every=5, sample_characters=9, weight_decay=0.1
)  # fmt: skip
PLAIN = CLASSIC.with_(lr=0.1, hidden=6, seq_len=11, steps=400, record_every=1, dtype="float64")


def babble(characters, alphabet="abcde .\n", seed=5):
    """A text with something to learn: every character has two that often follow it."""
    rng = np.random.default_rng(seed)
    likely = rng.integers(0, len(alphabet), (len(alphabet), 2))
    numbers = [0]
    for _ in range(characters - 1):
        surprise = rng.random() < 0.2
        numbers.append(rng.integers(len(alphabet)) if surprise else rng.choice(likely[numbers[-1]]))
    return "".join(alphabet[int(n)] for n in numbers)


def trainer_of(network, corpus, recipe, engine="reference", **more):
    """Most tests take the engine that has nothing to compile."""
    return Trainer(network, corpus, recipe, engine=engine, threads=1, **more)


def finished(records):
    (end,) = [record for record in records if isinstance(record, Finished)]
    return end
