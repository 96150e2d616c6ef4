"""Runs that begin with the weights of another run."""

import json
import shutil
import signal
import subprocess

import numpy as np
import pytest

import recurra
from command_line import RECURRA, SMALL, process
from recurra.errors import RequestError, RunError, SettingError
from recurra.training.records import Finished
from recurra.training.request import TrainRequest

RECIPE = recurra.MODERN.with_(
    hidden={"a": 5, "b": 7}, batch=2, seq_len=8, steps=30, warmup=5, record_every=5,
    evaluate_every=10, sample_every=0, lr=0.01, optimizer="adam",
)  # fmt: skip
OLD, NEW = "to be, or not to be?\n" * 40, "nobody zooms in the book.\n" * 40
CLASSES = """shortlist = 4
a[t] = tanh(V @ x[t] + W @ a[t-1] + b)
p[t] = softmax(U @ a[t] + c, shortlist)
"""


@pytest.fixture
def texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("old", OLD), ("new", NEW)):
        (tmp_path / f"{name}.txt").write_text(text, "utf-8")
    return tmp_path


def train_old(network, recipe=RECIPE, out="old"):
    trainer = recurra.start(["old.txt"], network, recipe, out=out, engine="reference", threads=1)
    list(trainer.records())
    return recurra.Run.open(out)


def begin(run, **options):
    options = {"engine": "reference", "threads": 1, "out": "new", **options}
    return recurra.start_from(run, ["new.txt"], **options)


def bytes_of(folder):
    return [(folder / f"{name}.safetensors").read_bytes() for name in ("last", "best")]


def test_a_character_keeps_its_numbers_and_a_new_one_begins_as_in_any_training(texts):
    """All but the bias of the output, which is fitted to the new text."""
    run = train_old(recurra.load_network("wrnn"))
    old = recurra.load_model(run)
    trainer = begin(run)
    new = trainer.model
    fresh = recurra.Trainer(new.network, trainer.corpus, trainer.recipe, engine="reference").model
    assert trainer.recipe == RECIPE
    compared = set()
    for name, value in new.parameters.items():
        if name == "s3":
            continue
        paper, before, start = (m.matrix(name) for m in (new, old, fresh))
        assert value.dtype == np.float32
        wide = [axis for axis, n in enumerate(paper.shape) if n == len(new.vocabulary)]
        if not wide:
            np.testing.assert_array_equal(paper, before)
            continue
        for number, character in enumerate(new.vocabulary.characters):
            source, place = (before, old.vocabulary.characters.find(character))
            expected = start.take(number, wide[0]) if place < 0 else source.take(place, wide[0])
            np.testing.assert_array_equal(paper.take(number, wide[0]), expected)
            compared.add((place < 0, len(paper.shape)))
    assert compared == {(True, 2), (False, 2)}


def mean_prediction(model, text):
    """The mean of p over a text, read in one go."""
    engine, numbers = model.engine("reference"), model.vocabulary.encode(text)
    state, total = engine.zero_state(1), 0.0
    for number in numbers[:-1]:
        found, state = engine.next_log_probabilities(numbers.dtype.type([number]), state)
        total += np.exp(found[0])
    return total / (len(numbers) - 1)


@pytest.mark.parametrize("network", ["wrnn", CLASSES])
def test_every_character_is_predicted_as_often_as_the_new_text_has_it(texts, network):
    chosen = recurra.parse(network, "own") if network == CLASSES else recurra.load_network(network)
    run = train_old(chosen, RECIPE.with_(hidden=6, lr=0.05))
    trainer = begin(run)
    text = "".join(trainer.model.vocabulary.decode(part) for part in trainer.corpus.train)
    characters = trainer.model.vocabulary.characters
    frequency = np.array([text.count(one) / len(text) for one in characters])
    found = mean_prediction(trainer.model, text)
    before = mean_prediction(recurra.load_model(run), "".join(c for c in text if c in OLD))
    known = [characters.index(one) for one in recurra.load_model(run).vocabulary.characters]
    assert 2 * np.abs(found - frequency).sum() < np.abs(before - frequency[known]).sum()
    assert found.min() > 0.0


def test_with_the_optimiser_kept_only_new_characters_are_fitted(texts):
    run = train_old(recurra.load_network("wrnn"))
    old, new = recurra.load_model(run), begin(run, keep_optimizer=True).model
    for one in set(OLD):
        before, after = (m.parameters["s3"][m.vocabulary.characters.index(one)] for m in (old, new))
        assert after == before


def test_it_predicts_the_old_text_as_well_as_before(texts):
    """Where all characters are known, by an order of its own, no loss changes."""
    run = train_old(recurra.load_network("lstm"), RECIPE.with_(hidden=6))
    (texts / "new.txt").write_text("".join(sorted(OLD)), "utf-8")
    trainer = begin(run, keep_optimizer=True)
    assert trainer.model.vocabulary != recurra.load_model(run).vocabulary
    text = OLD[:200]
    losses = []
    for model in (recurra.load_model(run), trainer.model):
        numbers = model.vocabulary.encode(text)
        losses.append(recurra.evaluate(model.engine("reference"), [numbers]).nats)
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def test_with_classes_the_scores_of_characters_are_matched(texts):
    run = train_old(recurra.parse(CLASSES, "own"), RECIPE.with_(hidden=6))
    old, new = recurra.load_model(run), begin(run).model
    assert new.shapes.classes != old.shapes.classes
    for one in "to b?":
        before, after = (model.vocabulary.characters.index(one) for model in (old, new))
        np.testing.assert_array_equal(new.matrix("U")[after], old.matrix("U")[before])
        np.testing.assert_array_equal(new.matrix("V")[:, after], old.matrix("V")[:, before])
    np.testing.assert_array_equal(new.matrix("W"), old.matrix("W"))


def test_the_origin_is_kept_and_characters_of_both_texts_are_known(texts):
    run = train_old(recurra.load_network("rnn"), RECIPE.with_(hidden=6))
    trainer = begin(run)
    *_, end = trainer.records()
    assert end.steps == 30
    config = json.loads((texts / "new" / "config.json").read_text("utf-8"))
    _, meta = run.load("best")
    assert config["origin"] == {
        "run": str(texts / "old"),
        "checkpoint": "best",
        "step": meta["step"],
        "keep_optimizer": False,
    }
    assert {*OLD + NEW} == {*recurra.Run.open("new").vocabulary}
    shutil.rmtree("old")
    assert recurra.resume(recurra.Run.open("new")).recipe == trainer.recipe
    assert "origin" not in json.loads(train_config(texts))


def train_config(texts):
    train_old(recurra.load_network("rnn"), RECIPE.with_(hidden=6), "plain")
    return (texts / "plain" / "config.json").read_text("utf-8")


@pytest.mark.parametrize("keep", [False, True])
def test_it_is_resumed_to_the_same_bytes_without_its_origin(texts, keep):
    run = train_old(recurra.load_network("rnn"), RECIPE.with_(hidden=6, average=0.5))
    list(begin(run, keep_optimizer=keep, out="once").records())
    begin(run, keep_optimizer=keep, out="often")
    shutil.rmtree("old")
    for kill in range(200):
        trainer = recurra.resume(recurra.Run.open("often"))
        trainer.save_seconds = [0.0, 1e9][kill % 2]
        for count, record in enumerate(trainer.records()):
            over = isinstance(record, Finished)
            if over or count > 1 + kill % 5:
                break
        if over:
            break
    assert kill > 2
    once, often = (json.loads((texts / n / "config.json").read_text()) for n in ("once", "often"))
    assert once == often
    assert bytes_of(texts / "often") == bytes_of(texts / "once")


def test_a_kept_optimiser_counts_on(texts):
    """After just once through the text, on the same text, it is the run that went on."""
    recipe = RECIPE.with_(hidden=6, final_lr=1.0, warmup=0, carry_state=False, epochs=1)
    (texts / "new.txt").write_text(OLD, "utf-8")
    run = train_old(recurra.load_network("rnn"), recipe)
    warm = begin(run, keep_optimizer=True)
    going_on, done = recurra.resume(run, budget={"epochs": 2}), warm.streams.steps_per_epoch
    ends = [list(warm.records(until=5))[-1], list(going_on.records(until=done + 5))[-1]]
    assert [end.steps for end in ends] == [5, done + 5]
    for name, value in going_on.model.parameters.items():
        np.testing.assert_array_equal(warm.model.parameters[name], value)
    _, meta = recurra.Run.open("new").load("last")
    assert (meta["step"], meta["updates"]) == (5, done + 5)


def test_another_optimiser_is_refused_before_there_is_a_folder(texts):
    run = train_old(recurra.load_network("rnn"), RECIPE.with_(hidden=6))
    with pytest.raises(SettingError, match="optimizer=adam"):
        begin(run, recipe=recurra.CLASSIC, keep_optimizer=True)
    assert not (texts / "new").exists()
    assert begin(run, recipe=recurra.CLASSIC.with_(steps=1)).recipe.hidden == 6


def test_killed_before_it_had_its_weights_it_begins_anew(texts):
    run = train_old(recurra.load_network("rnn"), RECIPE.with_(hidden=6))
    begin(run)
    (texts / "new" / "last.safetensors").unlink()
    with pytest.raises(RunError, match=r"begin anew, with --init-from"):
        recurra.resume(recurra.Run.open("new"))


@pytest.mark.parametrize(
    ("name", "count", "value"),
    [
        ("best", "step", None),
        ("best", "step", -1),
        ("last", "updates", 2**63),
        ("last", "step", []),
    ],
)
def test_a_checkpoint_with_other_counts_is_one_sentence(texts, name, count, value):
    """As in a folder of a stranger, whose checksums are right."""
    run = train_old(recurra.load_network("rnn"), RECIPE.with_(hidden=6))
    arrays, meta = run.load(name)
    changed = {key: value for key, value in {**meta, count: value}.items() if value is not None}
    run.save(name, arrays, changed)
    with pytest.raises(RunError, match=rf"^the checkpoint {name} of .*: .*{count} .*: restore"):
        begin(run, keep_optimizer=name == "last")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"texts": ("t",), "init_from": "r", "network": "rnn"}, "network"),
        ({"texts": ("t",), "init_from": "r", "settings": {"hidden": 3}}, "hidden"),
        ({"texts": ("t",), "init_from": "r", "preset": "fast"}, "preset"),
        ({"texts": ("t",), "keep_optimizer": True}, "keep_optimizer"),
        ({"init_from": "r"}, "texts"),
    ],
)
def test_what_does_not_go_together(asked, field):
    with pytest.raises(RequestError) as refused:
        TrainRequest(**asked)
    assert refused.value.field == field


@pytest.mark.long
def test_the_command_begins_and_goes_on_after_a_kill(texts):
    assert not process("train", "old.txt", "--network=rnn", "--out=old", *SMALL).returncode
    command = ["train", "new.txt", "--init-from=old", "--keep-optimizer", "--steps=400"]
    whole = process(*command, "--engine=reference", "--out=whole")
    assert not whole.returncode, whole.stderr
    assert b"of the 17 characters" in whole.stdout or b"characters;" in whole.stdout
    arguments = [*RECURRA, *command, "--engine=reference", "--out=killed"]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        while not (texts / "killed" / "best.safetensors").exists():
            assert one.poll() is None
        one.send_signal(signal.SIGKILL)
    assert not process("train", "--resume=killed", "-q").returncode
    assert bytes_of(texts / "killed") == bytes_of(texts / "whole")
    assert not process("report", "whole", "-o", "r.md").returncode
    assert "--init-from=old --keep-optimizer --recipe=modern" in (texts / "r.md").read_text("utf-8")
