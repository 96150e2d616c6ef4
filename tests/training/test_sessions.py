"""From names to a run, and from its folder back to model, trainer and texts."""

import json
import math
import shutil
import sys

import numpy as np
import pytest

import recurra
from recurra.errors import RecurraError, RunError, SettingError, TextError
from recurra.models.evaluation import evaluate
from recurra.training.records import Finished, Progress
from recurra.training.trainer import Trainer

SMALL = recurra.MODERN.with_(
    hidden=6, batch=2, seq_len=8, steps=30, warmup=5, record_every=5, evaluate_every=10,
    sample_every=0
)  # fmt: skip


def write_text(path, characters=1500, seed=0):
    rng = np.random.default_rng(seed)
    words = ["to be", "or not", "that is", "the question", "宝玉\n"]
    path.write_text(" ".join(rng.choice(words, characters // 6)), "utf-8")
    return path


@pytest.fixture(autouse=True)
def _in_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def text(tmp_path):
    return write_text(tmp_path / "plays.txt")


def finish(trainer):
    *_, last = trainer.records()
    assert isinstance(last, Finished)
    return last


def test_train_write_evaluate(text):
    heard = []
    result = recurra.train([text], "rnn", SMALL, report=heard.append)
    assert heard[-1] == result
    assert sum(isinstance(record, Progress) for record in heard) == 6
    assert result.run.endswith("rnn-plays-001")
    model = recurra.load_model(result.run)
    assert len("".join(recurra.write(model, "to be", 20, seed=1))) == 20
    scores = list(recurra.score(recurra.Run.open(result.run), windows=5))
    assert [(s.text, s.windows) for s in scores] == [
        ("validation", None), ("validation", 5), ("test", None), ("test", 5),
    ]  # fmt: skip
    assert scores[0].loss.nats_per_char == pytest.approx(result.val_nats_per_char, rel=1e-6)


def test_the_loaded_model_is_the_trained_one(text):
    trainer = recurra.start([text], recurra.load_network("wrnn", {"f1": "relu"}), SMALL)
    finish(trainer)
    last = recurra.load_model(trainer.run, "last")
    assert last.network.source == trainer.model.network.source
    assert last.vocabulary == trainer.model.vocabulary
    assert list(last.parameters) == list(trainer.model.parameters)
    for name, value in trainer.model.parameters.items():
        np.testing.assert_array_equal(last.parameters[name], value)
    best = recurra.load_model(trainer.run.folder)
    for name, value in trainer.engine.dump("best").items():
        np.testing.assert_array_equal(best.parameters[name.removeprefix("best/")], value)


def test_without_a_folder_the_clock_goes_on_from_call_to_call(text):
    trainer = Trainer(recurra.load_network("rnn"), recurra.load_corpus([text]), SMALL)
    ends = [list(trainer.records(until))[-1] for until in (10, 20, None)]
    assert [end.steps for end in ends] == [10, 20, 30]
    assert ends[0].seconds < ends[1].seconds < ends[2].seconds


def test_sizes_by_name_come_back(text):
    recipe = SMALL.with_(hidden={"a": 5, "b": 7})
    result = recurra.train([text], "wrnn", recipe)
    assert recurra.load_model(result.run).shapes.vectors == {"a": 5, "b": 7}


def test_runs_are_numbered(text):
    names = [recurra.train([text], "rnn", SMALL).run[-3:] for _ in range(2)]
    assert names == ["001", "002"]


def test_resuming_goes_on_from_any_folder(text, tmp_path, monkeypatch):
    whole = finish(recurra.start(["plays.txt"], recurra.load_network("rnn"), SMALL, out="whole"))
    trainer = recurra.start(["plays.txt"], recurra.load_network("rnn"), SMALL, out="broken")
    for record in trainer.records():
        if isinstance(record, Progress) and record.step == 15:
            trainer.stop()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resumed = finish(recurra.resume(recurra.Run.open("../broken")))
    assert resumed.val_nats_per_char == whole.val_nats_per_char
    for name in ("last.safetensors", "best.safetensors"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_keeps_its_own_order_of_characters(text):
    own = recurra.load_corpus([text]).vocabulary.characters[::-1]
    corpus = recurra.load_corpus([text], vocabulary=recurra.Vocabulary(own))
    trainer = recurra.start([text], recurra.load_network("rnn"), SMALL, corpus=corpus)
    last = finish(trainer)
    run = recurra.Run.open(trainer.run.folder)
    scores = list(recurra.score(run))
    assert scores[0].loss.nats_per_char == pytest.approx(last.val_nats_per_char, rel=1e-6)
    assert recurra.resume(run).corpus.vocabulary == corpus.vocabulary
    other = recurra.Trainer(
        recurra.load_network("rnn"), recurra.load_corpus([text]), SMALL, run=run
    )
    with pytest.raises(RunError, match="in another way"):
        list(other.records())


@pytest.mark.long
def test_a_shortlist_from_beginning_to_end(text):
    trainer = recurra.start([text], recurra.load_network("large", {"shortlist": 3}), SMALL)
    last = finish(trainer)
    assert trainer.model.shapes.classes > 1
    assert last.val_nats_per_char < math.log(len(trainer.corpus.vocabulary))
    run = recurra.Run.open(trainer.run.folder)
    scores = list(recurra.score(run))
    assert scores[0].loss.nats_per_char == pytest.approx(last.val_nats_per_char, rel=1e-6)
    assert len("".join(recurra.write(recurra.load_model(run), "to be", 20, seed=1))) == 20


def test_texts_that_were_moved_are_found_again(text, tmp_path):
    run = recurra.Run.open(recurra.train([text], "rnn", SMALL).run)
    moved = tmp_path / "moved" / "plays.txt"
    moved.parent.mkdir()
    shutil.move(text, moved)
    with pytest.raises(TextError, match=r"plays\.txt"):
        recurra.resume(run)
    assert finish(recurra.resume(run, [moved])).steps == 30
    write_text(moved, seed=1)
    with pytest.raises(RunError, match="have changed"):
        recurra.resume(run, [moved])


def test_nothing_is_written_where_something_is_refused(text, tmp_path):
    before = sorted(tmp_path.iterdir())
    with pytest.raises(TextError, match="one step"):
        recurra.train([text], "rnn", SMALL.with_(batch=500))
    with pytest.raises(SettingError, match="no vector"):
        recurra.train([text], "rnn", SMALL.with_(hidden={"a": 5}))
    with pytest.raises(SettingError, match="engine"):
        recurra.train([text], "rnn", SMALL, engine="abacus")
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_not_there_is_told_before_a_text_is_read(text, monkeypatch):
    run = recurra.start([text], recurra.load_network("rnn"), SMALL, engine="reference").run
    text.unlink()
    for asked in (
        lambda: recurra.start([text], recurra.load_network("rnn"), SMALL, engine="abacus"),
        lambda: recurra.TrainRequest(texts=(text,), preset="fast", engine="abacus").start(),
        lambda: recurra.resume(run, engine="abacus"),
    ):
        with pytest.raises(SettingError, match="no engine abacus"):
            asked()
    monkeypatch.setitem(sys.modules, "pyppmd", None)
    with pytest.raises(SettingError, match=r"recurra\[versus\]"):
        list(recurra.score(run, [text], versus=["ppmd"]))


def test_divergence_is_an_error(text):
    recipe = SMALL.with_(lr=1e9, optimizer="sgd", clip_norm=None)
    with pytest.raises(RunError, match="learning rate"):
        recurra.train([text], "rnn", recipe)


@pytest.mark.parametrize(
    "damage",
    [
        lambda config: config.pop("recipe"),
        lambda config: config.pop("network"),
        lambda config: config["recipe"].pop("hidden") or config["recipe"].update(hiden=3),
        lambda config: config.update(recipe=[1, 2]),
        lambda config: config["recipe"].update(hidden=-1),
        lambda config: config["recipe"].update(hidden=9),
    ],
)
def test_a_config_that_says_nonsense_is_refused(text, damage):
    folder = recurra.Run.open(recurra.train([text], "rnn", SMALL).run).folder
    config = json.loads((folder / "config.json").read_text("utf-8"))
    damage(config)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(RunError, match=r"config\.json|shape|\(9,|does not fit"):
        recurra.load_model(folder)


@pytest.mark.parametrize(
    "nonsense", [{"sources": 3}, {"sources": [3]}, {"encoding": 3}, {"split": [1]}, {"more": 1}]
)
def test_texts_that_a_config_cannot_mean_are_refused(text, nonsense):
    folder = recurra.Run.open(recurra.train([text], "rnn", SMALL).run).folder
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["text"].update(nonsense)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(RecurraError, match=r"config\.json|three shares"):
        recurra.resume(recurra.Run.open(folder))


def test_a_long_address_is_a_source(text, monkeypatch):
    address = f"https://example.org/plays.txt?key={'0' * 5000}"
    monkeypatch.setattr("recurra.text.sources.download", lambda *_, **__: text)
    trainer = recurra.start([address], recurra.load_network("rnn"), SMALL, out="run")
    assert trainer.run.config["text"]["sources"] == [address]


def test_other_texts_are_evaluated_whole_but_for_unknown_characters(text, tmp_path):
    result = recurra.train([text], "rnn", SMALL)
    other = tmp_path / "other.txt"
    other.write_text("to be é or not Ωto be", "utf-8")
    (score,) = recurra.score(recurra.Run.open(result.run), [other])
    assert (score.text, score.skipped, score.loss.characters) == ("given", 2, 18)
    model = recurra.load_model(result.run)
    numbers = model.vocabulary.encode("to be  or not to be")
    assert score.loss == evaluate(model.engine(), [numbers])


def test_a_given_text_in_many_files_has_the_loss_of_the_whole(text, tmp_path):
    run = recurra.Run.open(recurra.train([text], "rnn", SMALL).run)
    whole = "to be or not to be " * 40
    (tmp_path / "whole.txt").write_text(whole, "utf-8")
    for place in range(0, len(whole), 7):
        (tmp_path / "cut").mkdir(exist_ok=True)
        (tmp_path / "cut" / f"{place:04}.txt").write_text(whole[place : place + 7], "utf-8")
    (one,) = recurra.score(run, [tmp_path / "whole.txt"])
    (other,) = recurra.score(run, [tmp_path / "cut"])
    assert other.loss == one.loss


def test_its_own_text_is_known_again_where_it_is_now(text, tmp_path):
    run = recurra.Run.open(recurra.train([text], "rnn", SMALL).run)
    before = list(recurra.score(run))
    assert [score.text for score in before] == ["validation", "test"]
    moved = shutil.move(text, tmp_path / "moved.txt")
    assert list(recurra.score(run, [moved])) == before


def test_a_run_that_held_nothing_out_asks_for_a_text(text):
    result = recurra.train([text], "rnn", SMALL, split="100/0/0")
    assert result.val_nats_per_char is None
    with pytest.raises(RunError, match="name a text"):
        list(recurra.score(recurra.Run.open(result.run)))
    (score,) = recurra.score(recurra.Run.open(result.run), [text])
    assert score.text == "given"
    assert recurra.load_model(result.run).vocabulary.characters


def test_weights_that_are_no_numbers_are_no_result(text):
    run = recurra.Run.open(recurra.train([text], "rnn", SMALL).run)
    arrays, meta = run.load("best")
    next(iter(arrays.values()))[...] = np.nan
    with run.lock():
        run.save("best", arrays, meta)
    with pytest.raises(RunError, match="predicts no finite numbers"):
        list(recurra.score(run))


def test_an_address_that_a_run_names_is_asked_for_only_when_allowed(text, monkeypatch):
    address, asked = "https://example.org/plays.txt", []

    def download(_, fetch, progress):
        asked.append(fetch)
        return text

    monkeypatch.setattr("recurra.text.sources.download", download)
    run = recurra.Run.open(recurra.train([address], "rnn", SMALL).run)
    recurra.resume(run)
    recurra.resume(run, fetch=True)
    list(recurra.score(run))
    list(recurra.score(run, fetch=True))
    recurra.resume(run, [address])
    recurra.write_report([run.folder], "report.html")
    recurra.write_report([run.folder], "report.html", fetch=True)
    assert asked == [True, False, True, False, True, True, False, True]


def test_texts_that_have_been_read_are_not_read_again(text, monkeypatch):
    corpus, other = recurra.load_corpus([text]), recurra.load_corpus([text], split="80/10/10")
    monkeypatch.setattr("recurra.text.corpus.open_texts", None)
    trainer = recurra.start([text], recurra.load_network("rnn"), SMALL, corpus=corpus)
    finish(trainer)
    run = recurra.Run.open(trainer.run.folder)
    assert recurra.resume(run, corpus=corpus).corpus is corpus
    assert len(list(recurra.score(run, corpus=corpus))) == 2
    with pytest.raises(RunError, match="have changed since it began"):
        recurra.resume(run, corpus=other)
