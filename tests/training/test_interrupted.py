"""Ctrl-C in the midst of a step, as in a notebook, and then the same trainer again."""

import itertools

import pytest

from recurra.compute.numba.step import OptimizerStep
from recurra.errors import RunError
from recurra.lang.library import load_network
from recurra.storage.runs import Run
from recurra.text.corpus import load_corpus
from recurra.training.recipe import MODERN
from recurra.training.records import Finished, Progress
from recurra.training.trainer import Trainer

RECIPE = MODERN.with_(
    hidden=8, batch=3, seq_len=7, steps=9, dropout=0.2, record_every=1, evaluate_every=3,
    sample_every=2, sample_characters=20,
)  # fmt: skip


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

    def interrupted(*arguments, **options):
        if next(calls) == steps:
            raise KeyboardInterrupt
        return take(*arguments, **options)

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


@pytest.mark.parametrize("stopped_at", [3, 4, 9])
def test_what_a_stop_cuts_short_is_made_when_the_run_goes_on(trainer_in, monkeypatch, stopped_at):
    whole, trainer = trainer_in("whole"), trainer_in("stopped")
    *_, end = whole.records()
    monkeypatch.setattr("recurra.training.stopping.GRACE", -1.0)  # at the first character
    stopped = [stop_at(trainer, record, stopped_at) for record in trainer.records()][-1]
    assert (stopped.stopped_by, stopped.steps) == ("interrupted", stopped_at)
    kinds = [(r["kind"], r["step"]) for r in trainer.run.metrics()]
    assert ("evaluation", stopped_at) not in kinds
    assert ("sample", stopped_at) not in kinds
    run = Run.open(trainer.run.folder)
    again = Trainer(trainer.model.network, trainer.corpus, RECIPE, run=run, threads=1)
    *_, finished = again.records()
    assert finished.val_nats_per_char == end.val_nats_per_char
    saved = [t.run.folder.joinpath("last.safetensors").read_bytes() for t in (whole, trainer)]
    assert saved[0] == saved[1]
    evaluations = [
        [r["step"] for r in t.run.metrics() if r["kind"] == "evaluation"] for t in (whole, trainer)
    ]
    assert evaluations[0] == evaluations[1] == [3, 6, 9]


def stop_at(trainer, record, step):
    """Ask for a stop as soon as a step is recorded, before what is due after it."""
    if isinstance(record, Progress) and record.step == step:
        trainer.stop()
    return record
