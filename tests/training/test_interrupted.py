"""Ctrl-C in the midst of a step, as in a notebook, and then the same trainer again."""

import itertools

import pytest

from recurra.compute.numba.step import OptimizerStep
from recurra.errors import RunError
from recurra.lang.library import load_network
from recurra.storage.runs import Run
from recurra.text.corpus import load_corpus
from recurra.training.recipe import MODERN
from recurra.training.records import Finished
from recurra.training.trainer import Trainer

RECIPE = MODERN.with_(hidden=8, batch=3, seq_len=7, steps=9, evaluate_every=3, dropout=0.2)


@pytest.fixture
def trainer_in(tmp_path):
    (tmp_path / "text.txt").write_text("To be, or not to be: that is the question.\n" * 50, "utf-8")
    corpus, network = load_corpus([tmp_path / "text.txt"], split=(80, 20, 0)), load_network("rnn")

    def trainer(name):
        run = Run.create(tmp_path / name, {}, network.source, "".join(corpus.vocabulary.characters))
        return Trainer(network, corpus, RECIPE, run=run, threads=1)

    return trainer


@pytest.mark.parametrize("steps", [2, 5])
def test_it_goes_on_from_what_was_saved_or_refuses(trainer_in, monkeypatch, steps):
    whole, trainer = trainer_in("whole"), trainer_in("interrupted")
    *_, end = whole.records()
    take, calls = OptimizerStep.take, itertools.count()

    def interrupted(*arguments):
        if next(calls) == steps:
            raise KeyboardInterrupt
        return take(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(OptimizerStep, "take", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(trainer.records())
    if steps < RECIPE.evaluate_every:  # the first save
        with pytest.raises(RunError, match="begin anew"):
            list(trainer.records())
        return
    *_, again = trainer.records()
    assert isinstance(again, Finished)
    assert again.val_nats_per_char == end.val_nats_per_char
    saved = [t.run.folder.joinpath("last.safetensors").read_bytes() for t in (whole, trainer)]
    assert saved[0] == saved[1]
