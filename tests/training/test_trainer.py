"""The loop against a plain one; resumed runs against uninterrupted ones, byte by byte."""

import itertools
import json
import math
import os
import signal
from dataclasses import asdict

import numpy as np
import pytest

from recurra.errors import RunError, SettingError
from recurra.lang.library import load_network
from recurra.models.evaluation import evaluate
from recurra.storage.runs import Run
from recurra.text.corpus import load_corpus
from recurra.training.clock import Clock
from recurra.training.recipe import CLASSIC
from recurra.training.records import (
    Evaluating,
    Evaluation,
    Finished,
    Lost,
    Progress,
    Sample,
    Saved,
)
from recurra.training.signals import stop_on_signals
from toy_training import PLAIN, SMALL, babble, finished, trainer_of

# -- the classic protocol, step by step


# -- resume


def start_run(folder, corpus, recipe):
    pieces = {"recipe": asdict(recipe)}, load_network("wrnn").source
    return Run.create(folder, *pieces, corpus.vocabulary.characters)


def bytes_of(run):
    return {
        name: (run.folder / f"{name}.safetensors").read_bytes()
        for name in ("last", "best")
        if run.has(name)
    }


def told(run):
    """The metrics but for the clock's figures."""
    clock = {"run", "seconds", "seconds_left", "chars_per_second"}
    return [{k: v for k, v in record.items() if k not in clock} for record in run.metrics()]


RECIPES = {
    "modern": SMALL,
    "classic": CLASSIC.with_(hidden=6, seq_len=9, steps=120, evaluate_every=15, record_every=10),
    "patience": SMALL.with_(lr=0.3, steps=1000, patience=3),
    "rmsprop": SMALL.with_(optimizer="rmsprop", momentum=0.5, lr=0.01, epochs=0.5),
    "averaged": SMALL.with_(average=0.9, dropout_same=True),
    "cold": SMALL.with_(optimizer="sgd", carry_state=False, dtype="float64"),
}


@pytest.mark.parametrize(
    ("name", "engine"), [*((name, "reference") for name in RECIPES), ("modern", "compiled")]
)
def test_killed_and_resumed_ends_in_the_same_bytes(corpus, tmp_path, name, engine):
    network, recipe = load_network("wrnn"), RECIPES[name]
    whole = start_run(tmp_path / "whole", corpus, recipe)
    end = finished(trainer_of(network, corpus, recipe, engine, run=whole).records())
    broken = start_run(tmp_path / "broken", corpus, recipe)
    rng = np.random.default_rng(8)
    again = None
    for kill in range(200):
        # Saves come at odd moments, and the process may end at any record, saved or not.
        trainer = trainer_of(
            network, corpus, recipe, engine, run=broken, save_seconds=float(rng.choice([0.0, 1e9]))
        )
        for count, record in enumerate(trainer.records(), 1):
            if isinstance(record, Finished):
                again = record
            elif kill < 20 and count > rng.integers(1, 12):
                break
        if again:
            break
    assert kill > 3
    assert bytes_of(broken) == bytes_of(whole)
    assert told(broken) == told(whole)
    same = ("stopped_by", "steps", "val_nats_per_char", "min_smooth_loss", "best_step")
    assert [getattr(again, name) for name in same] == [getattr(end, name) for name in same]


def test_killed_between_a_save_and_the_evaluation_of_its_step_it_evaluates_once(corpus, tmp_path):
    network, recipe = load_network("wrnn"), SMALL.with_(steps=17, evaluate_every=5)
    whole, broken = (start_run(tmp_path / name, corpus, recipe) for name in ("whole", "broken"))
    list(trainer_of(network, corpus, recipe, run=whole).records())
    for record in trainer_of(network, corpus, recipe, run=broken, save_seconds=0.0).records():
        if isinstance(record, Evaluation) and record.step == 17:
            break  # it is in the metrics; the last save was before it
    _, meta = broken.load("last")
    assert (meta["step"], meta["watch"]["evaluated_step"]) == (17, 15)
    list(trainer_of(network, corpus, recipe, run=broken).records())
    assert told(broken) == told(whole)
    assert bytes_of(broken) == bytes_of(whole)


def test_the_best_is_the_running_mean_of_the_parameters(corpus):
    """Written out: the evaluated weights are a mean over the past, and training never sees it."""
    network, recipe = load_network("wrnn"), SMALL.with_(evaluate_every=1)
    plain = trainer_of(network, corpus, recipe)
    averaged = trainer_of(network, corpus, recipe.with_(average=0.8))
    mean = {name: p.copy() for name, p in plain.model.parameters.items()}
    step = 0
    for record, _ in zip(plain.records(), averaged.records(), strict=True):
        if isinstance(record, Evaluation):
            decay = min(0.8, (1 + step) / (10 + step))
            step += 1
            for name, p in plain.model.parameters.items():
                mean[name] = decay * mean[name] + (1 - decay) * p
                assert np.array_equal(averaged.model.parameters[name], p)
                evaluated = averaged.engine.dump("average")[f"average/{name}"]
                np.testing.assert_allclose(evaluated, mean[name], rtol=1e-4, atol=1e-6)
    assert step == recipe.steps


def test_asked_to_stop_it_saves_and_goes_on_later(corpus, tmp_path):
    network = load_network("wrnn")
    whole, broken = (start_run(tmp_path / name, corpus, SMALL) for name in ("whole", "broken"))
    list(trainer_of(network, corpus, SMALL, run=whole).records())
    trainer = trainer_of(network, corpus, SMALL, run=broken)
    with stop_on_signals(trainer.stop):
        records = []
        for record in trainer.records():
            records.append(record)
            if isinstance(record, Progress) and record.step == 8:
                os.kill(os.getpid(), signal.SIGINT)
    assert records[-2] == Saved(8, "last")
    assert records[-1].stopped_by == "interrupted"
    assert records[-1].val_nats_per_char is None
    list(trainer_of(network, corpus, SMALL, run=broken).records())
    assert bytes_of(broken) == bytes_of(whole)


def stop_at_call(trainer, number):
    """Ask for a stop at a call of the engine that belongs to a look, none of which is a step."""
    calls = itertools.count()

    def heard(function):
        def call(*arguments, **options):
            if next(calls) == number:
                trainer.stop()
            return function(*arguments, **options)

        return call

    trainer.engine.losses = heard(trainer.engine.losses)
    trainer.engine.sample = heard(trainer.engine.sample)
    return calls


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("a sample", {"sample_every": 20, "sample_characters": 3000}),
        ("an evaluation", {"evaluate_every": 20, "evaluate_characters": 100_000}),
        ("the last evaluation", {"evaluate_every": 40, "sample_every": 0}),
    ],
)
@pytest.mark.parametrize("save_seconds", [0.0, 1e9])
def test_a_stop_is_heard_in_the_midst_of_a_look(
    corpus, tmp_path, monkeypatch, name, changes, save_seconds
):
    """And whoever goes on ends in the same bytes, the cut look included."""
    monkeypatch.setattr("recurra.training.stopping.GRACE", -1.0)
    network, recipe = load_network("wrnn"), SMALL.with_(**changes)
    whole, broken = (start_run(tmp_path / folder, corpus, recipe) for folder in ("a", "b"))
    list(trainer_of(network, corpus, recipe, run=whole).records())
    for stops in itertools.count():
        options = {"run": broken, "save_seconds": save_seconds}
        trainer = trainer_of(network, corpus, recipe, **options)
        calls = stop_at_call(trainer, 1 if stops < 3 else math.inf)
        *_, end = trainer.records()
        if end.stopped_by != "interrupted":
            break
        # not one more character or piece than was under way
        assert next(calls) <= 3
    assert stops >= 1
    assert bytes_of(broken) == bytes_of(whole)
    assert told(broken) == told(whole)


def test_a_finished_run_stays_as_it_is(corpus, tmp_path):
    run = start_run(tmp_path / "run", corpus, SMALL)
    list(trainer_of(load_network("wrnn"), corpus, SMALL, run=run).records())
    before = bytes_of(run), run.metrics()
    records = list(trainer_of(load_network("wrnn"), corpus, SMALL, run=run).records())
    assert records[-1].stopped_by == "steps"
    assert not any(isinstance(record, Progress) for record in records)
    assert (bytes_of(run), run.metrics()) == before


def test_a_lost_file_is_told_and_training_goes_on(corpus, tmp_path):
    network = load_network("rnn")
    run = start_run(tmp_path / "run", corpus, SMALL)
    list(trainer_of(network, corpus, SMALL, run=run).records(20))
    (run.folder / "metrics.jsonl").unlink()
    (run.folder / "best.safetensors").unlink()
    (run.folder / "clock.json").write_bytes(b"")
    records = list(trainer_of(network, corpus, SMALL, run=run).records())
    lost = [record.message for record in records if isinstance(record, Lost)]
    assert [message.partition(" ")[0] for message in lost] == ["metrics.jsonl", "best.safetensors"]
    assert all(record.step == 20 for record in records if isinstance(record, Lost))
    assert next(record for record in records if isinstance(record, Evaluation)).best
    assert records[-1].val_nats_per_char is not None
    assert records[-1].best_step > 20
    again = list(trainer_of(network, corpus, SMALL, run=run).records())
    assert not any(isinstance(record, Lost) for record in again)


def test_a_checkpoint_of_another_size_is_refused(corpus, tmp_path):
    run = start_run(tmp_path / "run", corpus, SMALL)
    list(trainer_of(load_network("wrnn"), corpus, SMALL, run=run).records())
    with pytest.raises(RunError, match="does not fit"):
        list(trainer_of(load_network("wrnn"), corpus, SMALL.with_(hidden=9), run=run).records())


# -- what is looked at decides nothing


def test_looking_on_changes_nothing(corpus, tmp_path):
    ends = []
    for i, recipe in enumerate(
        [
            SMALL,
            SMALL.with_(evaluate_every=1, sample_every=1, record_every=1),
            SMALL.with_(evaluate_every=1000, sample_every=0, record_every=1000),
        ]
    ):
        run = None if i == 0 else start_run(tmp_path / str(i), corpus, recipe)
        trainer = trainer_of(load_network("wrnn"), corpus, recipe, run=run, save_seconds=0.0)
        list(trainer.records())
        ends.append(trainer)
    for other in ends[1:]:
        assert other.watch.smooth == ends[0].watch.smooth
        for name, value in ends[0].model.parameters.items():
            assert (other.model.parameters[name] == value).all()


def test_the_seed_decides(corpus):
    ends = [
        finished(trainer_of(load_network("rnn"), corpus, SMALL.with_(seed=s)).records())
        for s in (1, 1, 2)
    ]
    assert ends[0].train_nats_per_char == ends[1].train_nats_per_char
    assert ends[0].train_nats_per_char != ends[2].train_nats_per_char


# -- records


def test_records_tell_what_happened(corpus, tmp_path):
    run = start_run(tmp_path / "run", corpus, SMALL)
    trainer = trainer_of(load_network("wrnn"), corpus, SMALL, run=run)
    rate = trainer.recipe.lr
    records = list(trainer.records())
    progress = [r for r in records if isinstance(r, Progress)]
    assert [r.step for r in progress] == list(range(4, 41, 4))
    assert [r.characters for r in progress] == [r.step * 21 for r in progress]
    assert [r.fraction for r in progress] == [r.step / 40 for r in progress]
    assert progress[0].rate == pytest.approx(rate * 4 / 5, rel=0.03)
    assert progress[-1].rate < rate / 5
    assert progress[-1].seconds_left == 0.0
    samples = [r for r in records if isinstance(r, Sample)]
    assert [(r.step, len(r.text)) for r in samples] == [(s, 9) for s in range(5, 41, 5)]
    assert len({r.text for r in samples}) > 1
    looks = [r for r in records if isinstance(r, Evaluation)]
    assert [r.step for r in looks] == [*range(6, 37, 6), 40]
    assert [r.best for r in looks] == [
        r.nats_per_char < min([math.inf] + [o.nats_per_char for o in looks[:i]])
        for i, r in enumerate(looks)
    ]
    end = records[-1]
    assert (end.stopped_by, end.steps, end.characters) == ("steps", 40, 840)
    assert end.best_step == [r.step for r in looks if r.best][-1]
    parameters, _ = run.load("best")
    best = {name.removeprefix("parameter/"): p for name, p in parameters.items()}
    trainer.engine.load({f"parameter/{name}": p for name, p in best.items()})
    whole = evaluate(trainer.engine, corpus.validation)
    assert end.val_nats_per_char == whole.nats_per_char
    assert end.val_bits_per_char == pytest.approx(whole.nats_per_char / math.log(2))
    assert whole.characters == sum(len(text) - 1 for text in corpus.validation)
    kinds = {record["kind"] for record in run.metrics()}
    assert kinds == {"progress", "evaluation", "sample", "finished"}


def test_the_last_record_has_the_keys_of_a_result_line(corpus):
    end = finished(trainer_of(load_network("rnn"), corpus, SMALL).records())
    assert set(json.loads(json.dumps(asdict(end)))) >= {
        "run", "network", "parameters", "vocabulary", "steps", "characters", "seconds",
        "chars_per_second", "train_nats_per_char", "val_nats_per_char", "val_bits_per_char",
        "min_smooth_loss", "min_smooth_loss_step", "stopped_by",
    }  # fmt: skip
    assert end.network == "rnn"
    assert end.run is None
    assert end.parameters == 8 * 8 + 8 * 8 + 8 * 8 + 8 + 8
    assert end.chars_per_second > 0
    assert end.min_smooth_loss <= 7 * math.log(8)


@pytest.mark.parametrize(
    ("budget", "stopped_by"),
    [({"epochs": 0.5}, "epochs"), ({"minutes": 0.002}, "minutes"), ({"steps": 3}, "steps")],
)
def test_budgets(corpus, budget, stopped_by):
    trainer = trainer_of(load_network("rnn"), corpus, SMALL.with_(**budget))
    end = finished(trainer.records())
    assert end.stopped_by == stopped_by
    if stopped_by == "epochs":
        assert end.steps == math.ceil(trainer.streams.steps_per_epoch / 2)
    if stopped_by == "minutes":
        assert end.seconds >= 0.12


def test_a_budget_of_minutes_counts_all_processes(corpus, tmp_path):
    # every look at this clock takes a millisecond, whatever else the machine has to do
    ticks = itertools.count()

    def clock():
        return Clock(lambda: next(ticks) / 1000)

    network, recipe = load_network("rnn"), SMALL.with_(minutes=0.01)
    run = start_run(tmp_path / "run", corpus, recipe)
    first = trainer_of(network, corpus, recipe, run=run, save_seconds=0.0, clock=clock())
    for record in first.records():
        if isinstance(record, Progress) and record.seconds > 0.3:
            break
    end = finished(trainer_of(network, corpus, recipe, run=run, clock=clock()).records())
    assert end.stopped_by == "minutes"
    assert run.read_clock()["seconds"] == pytest.approx(end.seconds, abs=0.02)
    again = [r for r in run.metrics() if r["kind"] == "progress" and r["step"] > record.step]
    assert min(r["fraction"] for r in again) > 0.5


def test_the_time_left_follows_the_steps_after_the_first(corpus, monkeypatch, tmp_path):
    run = start_run(tmp_path / "run", corpus, SMALL)
    for until, pace in ((20, 1.0), (None, 3.0)):  # a second process, on a slower machine
        time = [0.0]
        trainer = trainer_of(
            load_network("wrnn"), corpus, SMALL, run=run, clock=Clock(lambda time=time: time[0])
        )
        lengths, step = itertools.chain([500.0], itertools.repeat(pace)), trainer.engine.step

        def timed(*arguments, time=time, lengths=lengths, step=step, **options):
            time[0] += next(lengths)  # the first one loads kernels
            return step(*arguments, **options)

        monkeypatch.setattr(trainer.engine, "step", timed)
        told = [one for one in trainer.records(until) if isinstance(one, Progress)]
        assert [one.seconds_left for one in told] == pytest.approx(
            [pace * (SMALL.steps - one.step) for one in told]
        )
    assert told[0].step == 24
    only = trainer_of(load_network("rnn"), corpus, SMALL.with_(steps=1, record_every=1))
    assert [one.seconds_left for one in only.records() if isinstance(one, Progress)] == [None]


def test_the_evaluation_at_the_end_is_told(corpus, monkeypatch, tmp_path):
    monkeypatch.setattr("recurra.training.trainer.POLL", -1.0)
    run = start_run(tmp_path / "run", corpus, SMALL)
    records = list(trainer_of(load_network("wrnn"), corpus, SMALL, run=run).records())
    told = [one for one in records if isinstance(one, Evaluating)]
    whole = sum(len(text) - 1 for text in corpus.validation)
    assert {(one.step, one.whole) for one in told} == {(SMALL.steps, whole)}
    assert told[-1].characters == whole
    assert f"{whole:,} of {whole:,} held-out characters" in str(told[-1])
    assert isinstance(records[-1], Finished)
    assert "evaluating" not in {record["kind"] for record in run.metrics()}


def test_classic_stops_by_itself(corpus):
    recipe = PLAIN.with_(steps=100_000, stop_no_minimum=50, lr=0.5)
    assert finished(trainer_of(load_network("rnn"), corpus, recipe).records()).stopped_by in (
        "stop_no_minimum",
        "stop_same_integer",
    )


# -- divergence


def test_divergence_keeps_the_last_good_state(corpus, tmp_path):
    recipe = SMALL.with_(
        optimizer="sgd", lr=1e-3, clip_norm=None, steps=2000, final_lr=1.0, evaluate_every=10
    )
    run = start_run(tmp_path / "run", corpus, recipe)
    trainer = trainer_of(load_network("irnn"), corpus, recipe, run=run, save_seconds=0.0)
    records = []
    for record in trainer.records():
        records.append(record)
        if isinstance(record, Progress) and record.step == 24:
            # What a rate far too high does at last, at once.
            trainer.engine.load({"parameter/W": trainer.model.parameters["W"] * np.float32(1e25)})
    end = records[-1]
    assert end.stopped_by == "diverged"
    assert "learning rate 0.001 is too high" in end.message
    assert "try lr=0.0001 and clip_norm=1" in end.message
    assert end.val_nats_per_char is not None
    arrays, meta = run.load("last")
    assert f"the state of step {meta['step']} is kept" in end.message
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_parameters_that_are_no_numbers_are_never_saved(corpus, tmp_path):
    run = start_run(tmp_path / "run", corpus, SMALL)
    trainer = trainer_of(load_network("rnn"), corpus, SMALL, run=run, save_seconds=0.0)
    for record in trainer.records():
        if isinstance(record, Progress) and record.step == 40:
            s1 = trainer.model.parameters["s1"]
            s1[0] = np.nan
            trainer.engine.load({"parameter/s1": s1})
    assert record.stopped_by == "diverged"
    assert "no finite number" in record.message
    arrays, meta = run.load("last")
    assert meta["step"] == 39
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_a_model_that_predicts_no_numbers_diverges_in_the_midst_of_samples(corpus):
    recipe = SMALL.with_(sample_every=1, evaluate_every=1, record_every=1)
    trainer = trainer_of(load_network("irnn"), corpus, recipe)
    records = []
    for record in trainer.records():
        records.append(record)
        if isinstance(record, Progress) and record.step == 9:
            trainer.engine.load({"parameter/W": np.full((8, 8), 1e30)})
    assert records[-1].stopped_by == "diverged"
    assert [r.step for r in records if isinstance(r, Sample)] == list(range(1, 9))


# -- odd texts


def test_a_text_of_one_distinct_character(tmp_path):
    (tmp_path / "a.txt").write_text("a" * 600, "utf-8")
    corpus = load_corpus([tmp_path / "a.txt"])
    end = finished(trainer_of(load_network("wrnn"), corpus, SMALL).records())
    assert (end.stopped_by, end.train_nats_per_char) == ("steps", 0.0)
    assert end.val_nats_per_char == 0.0


def test_without_held_out_text_there_is_no_best(tmp_path):
    (tmp_path / "a.txt").write_text(babble(600), "utf-8")
    corpus = load_corpus([tmp_path / "a.txt"], split=(100, 0, 0))
    run = start_run(tmp_path / "run", corpus, SMALL)
    end = finished(trainer_of(load_network("wrnn"), corpus, SMALL, run=run).records())
    assert (end.stopped_by, end.val_nats_per_char) == ("steps", None)
    assert run.has("last")
    assert not run.has("best")
    endless = SMALL.with_(steps=None, patience=3)
    with pytest.raises(SettingError, match="patience never ends"):
        trainer_of(load_network("wrnn"), corpus, endless)
    with pytest.raises(SettingError, match="leave --average out"):
        trainer_of(load_network("wrnn"), corpus, SMALL.with_(average=0.9))
