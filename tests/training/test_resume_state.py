"""What a checkpoint keeps beside arrays: read with its types, refused in one sentence."""

import copy

import numpy as np
import pytest

import recurra
from recurra.errors import RunError
from recurra.training.resume_state import ResumeState

RECIPE = recurra.MODERN.with_(
    hidden=4, batch=2, seq_len=8, steps=3, sample_every=0, dropout=0.1, evaluate_every=2
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "text.txt").write_text("to be or not to be, that is the question\n" * 30, "utf-8")
    network = recurra.load_network("rnn")
    options = {"engine": "reference", "threads": 1}
    trainer = recurra.start([folder / "text.txt"], network, RECIPE, out=folder / "run", **options)
    list(trainer.records())
    return trainer.run


def test_a_checkpoint_comes_back(run):
    _, meta = run.load("last")
    state = ResumeState.read(meta, run.folder)
    assert state.to_json() == meta
    assert (state.step, state.updates, state.watch.step) == (3, 3, 3)
    rng = np.random.default_rng(9)
    state.restore(rng)
    assert rng.bit_generator.state == meta["generator"]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("watch", None, "watch has to be an object, not None"),
        ("watch.smooth", "x", "watch.smooth has to be a number, not 'x'"),
        ("watch.step", 1.5, "watch.step has to be a whole number"),
        ("watch.more", 1, "watch.more is a field that Recurra does not know"),
        ("generator", 1.5, "generator has to be an object, not 1.5"),
        ("generator.bit_generator", "MT19937", "generator.bit_generator has to be one of PCG64"),
        ("generator.state", 1.5, "generator.state has to be an object"),
        ("generator.state.inc", 2**128, "is refused: generator.state.inc is out of bounds"),
        ("generator.has_uint32", -1, "is refused: generator.has_uint32 is out of bounds"),
        ("stream", -1, "is refused: stream is out of bounds"),
        ("updates", None, "updates has to be a whole number"),
    ],
)
def test_nonsense_is_one_sentence(run, path, value, sentence):
    arrays, good = run.load("last")
    meta = copy.deepcopy(good)
    *objects, name = path.split(".")
    part = meta
    for step in objects:
        part = part[step]
    part[name] = value
    try:
        with run.lock():
            run.save("last", arrays, meta)
        with pytest.raises(RunError, match=rf"last\.safetensors: .*{sentence}"):
            list(recurra.resume(recurra.Run.open(run.folder)).records())
    finally:
        with run.lock():
            run.save("last", arrays, good)
