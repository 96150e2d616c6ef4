"""Comparisons from plan to results: real runs, killed and resumed, and the test part once."""

import json
import math
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import recurra
from comparing import RECIPE, finish, plan, write_text
from recurra.comparison import results
from recurra.comparison.character_losses import measure_test_losses
from recurra.comparison.comparison import Comparison
from recurra.comparison.estimates import difference_estimates
from recurra.comparison.runner import best_learning_rate
from recurra.errors import RunError, SettingError, TextError
from recurra.notebook.results import show_results
from recurra.notebook.runs import show_run
from recurra.storage.checkpoints import load_checkpoint, save_checkpoint
from recurra.text.sources import open_texts
from recurra.view import numbers


def test_every_network_from_every_seed(finished):
    comparison, results = finished
    assert [(r.contestant, r.seed) for r in results.rows] == [
        ("rnn", 0), ("wrnn", 0), ("rnn", 1), ("wrnn", 1),
    ]  # fmt: skip
    for row in results.rows:
        assert (row.steps, row.characters) == (30, 30 * 2 * 8)
        run = recurra.Run.open(comparison.folder / "runs" / row.key)
        assert run.config["network"] == row.contestant
        assert run.config["recipe"]["lr"] == row.lr
        (score,) = [s for s in recurra.score(run, engine="reference") if s.text == "test"]
        assert row.test == pytest.approx(score.loss.nats_per_char, rel=1e-5)
        assert score.loss.characters == results.characters
    parameters = {r.contestant: r.parameters for r in results.rows}
    assert parameters["wrnn"] == pytest.approx(parameters["rnn"], rel=0.02)


def test_the_search_decides_by_validation_loss(finished):
    comparison, results = finished
    for search in results.searches:
        assert search.rates == (1e-2, 1e-5)
        assert search.validation[0] < search.validation[1]  # 1e-5 learns nothing in 30 steps
        assert search.expected_best == pytest.approx(
            (np.mean(search.validation), min(search.validation))
        )
    assert {row.lr for row in results.rows} == {1e-2}
    searched = [trial for *_, trials in comparison.searches() for trial in trials]
    assert {trial.seed for trial in searched} == {2}  # of no finalist


def test_the_difference_is_that_of_the_means(finished):
    _, results = finished
    means = {s.contestant: s.test.mean for s in results.summaries}
    (difference,) = results.differences
    assert difference.interval.mean == pytest.approx(means["rnn"] - means["wrnn"], rel=1e-6)
    assert results.as_dict()["verdicts"] == [f"40: {difference.sentence()}"]
    json.dumps(results.as_dict())


def test_a_run_that_does_not_say_what_it_was_is_refused(finished):
    comparison, _ = finished
    one, _, other, _ = (trial.folder for trial in comparison.finalists())
    shutil.copytree(one, "strange")
    path = Path("strange") / "config.json"
    config = json.loads(path.read_text("utf-8"))
    for damaged in ({}, {**config, "recipe": {"lr": "fast"}}, {**config, "text": None}):
        path.write_text(json.dumps({"format": 1, **damaged}), "utf-8")
        with pytest.raises(RunError, match=r"config\.json: .*(is missing|has to be)"):
            recurra.compare_runs({"a": ["strange"], "b": [other]})
        with pytest.raises(RunError, match=r"config\.json: .*(is missing|has to be)"):
            recurra.write_report("strange", "page.html")


def test_what_is_not_equal_is_told(finished, text):
    comparison, results = finished
    (note,) = results.notes("40")
    assert "best learning rate of rnn, wrnn is the lowest or highest" in note
    short = recurra.train([text], "rnn", RECIPE.with_(hidden=40, steps=20), engine="reference")
    one = comparison.finalists()[1]
    given = recurra.evaluate_test(
        recurra.compare_runs({"short": [short.run], "wrnn": [one.folder]})
    )
    assert given.notes("given") == ["Not equal here: characters read (320 to 480)."]
    assert "读过的字符数并不相等（320 至 480）" in given.notes("given", "zh")[0]
    large = recurra.train([text], "rnn", RECIPE.with_(hidden=60), engine="reference")
    given = recurra.evaluate_test(
        recurra.compare_runs({"large": [large.run], "wrnn": [one.folder]})
    )
    assert [note.split("(")[0] for note in given.notes("given")] == ["Not equal here: parameters "]


def test_results_and_runs_show_themselves_in_a_notebook(finished, text):
    comparison, results = finished
    shown = ElementTree.fromstring(show_results(results))
    words = "".join(shown.itertext())
    assert results.differences[0].sentence() in words
    assert all(note in words for note in results.notes("40"))
    assert [td.text for td in shown.iter("td")][::9] == ["rnn", "wrnn"]
    assert len(list(shown.iter("{http://www.w3.org/2000/svg}svg"))) == 2
    run = recurra.Run.open(comparison.finalists()[1].folder)
    words = "".join(ElementTree.fromstring(show_run(run)).itertext())
    assert "wrnn · seed-0" in words
    assert "bt = f2(V at + R at−1 + T bt−1 + s2)" in words
    assert numbers.loss(results.rows[1].validation) in words
    begun = recurra.start([text], recurra.load_network("rnn"), RECIPE)  # with nothing to tell yet
    assert "rnn · rnn-plays-001" in show_run(begun.run)


def test_a_hyphen_of_a_name_is_no_minus(finished):
    _, results = finished
    (difference,) = results.differences
    named = replace(results, differences=(replace(difference, one="without-R"),))
    (estimate,) = difference_estimates(named, difference.budget)
    number = f"{difference.interval.mean:+.4f}".replace("-", "−")
    assert estimate.label == f"without-R − wrnn  {number}"


def test_results_are_read_again_and_the_test_part_is_not(finished, tmp_path):
    comparison, results = finished
    copy = tmp_path / "copy"
    shutil.copytree(comparison.folder, copy)
    definition = json.loads((copy / "comparison.json").read_text("utf-8"))
    moved = Comparison.open(copy)
    # The texts are gone, and none is asked for.
    assert definition["text"] == comparison.text.to_json()
    assert list(recurra.pending_runs(moved, ["nowhere.txt"])) == []
    again = recurra.evaluate_test(moved, ["nowhere.txt"])
    assert replace(again, folder=results.folder) == results
    (copy / "test.safetensors").unlink()
    with pytest.raises(TextError, match="nowhere"):
        recurra.evaluate_test(moved, ["nowhere.txt"])


def test_the_same_runs_named_one_by_one(finished):
    comparison, results = finished
    folders = [trial.folder for trial in comparison.finalists()]
    given = recurra.compare_runs(folders)
    assert finish(given) == []
    again = recurra.evaluate_test(given)
    assert again.differences[0].interval == results.differences[0].interval
    groups = {"a": [folders[0], folders[2]], "b": [folders[3], folders[1]]}
    named = recurra.evaluate_test(recurra.compare_runs(groups, "other"))
    assert named.differences[0].interval == results.differences[0].interval
    assert {row.contestant for row in named.rows} == {"a", "b"}


def test_runs_that_do_not_pair_are_refused(finished, tmp_path):
    comparison, _ = finished
    one, two, three, _ = (trial.folder for trial in comparison.finalists())
    with pytest.raises(SettingError, match=r"paired by seed, but these have seeds \[0\], \[1\]"):
        recurra.compare_runs({"a": [one], "b": [three]})
    with pytest.raises(SettingError, match="two runs of a have one seed"):
        recurra.compare_runs({"a": [one, two], "b": [three]})
    with pytest.raises(SettingError, match="needs two networks"):
        recurra.compare_runs([one, three])
    text = write_text(tmp_path / "other.txt", 3000)
    other = recurra.train([text], "wrnn", RECIPE.with_(hidden=4), engine="reference", threads=1)
    with pytest.raises(SettingError, match="trained on other texts"):
        recurra.compare_runs([one, other.run])
    unfinished = recurra.start([text], recurra.load_network("rnn"), RECIPE.with_(hidden=4))
    split = {"split": (90, 10, 0), "engine": "reference", "threads": 1}
    untested = [
        recurra.train([text], name, RECIPE.with_(hidden=4), **split).run for name in ("rnn", "mgu")
    ]
    with pytest.raises(TextError, match="the test part holds no text"):
        recurra.evaluate_test(recurra.compare_runs(untested))
    with pytest.raises(RunError, match="has not finished: recurra train --resume"):
        recurra.compare_runs([unfinished.run.folder, other.run])


def test_an_interrupted_run_ends_the_round_and_nothing_is_repeated(text):
    whole, broken = plan(text, out="whole"), plan(text, out="broken")
    assert finish(whole) == ["40/rnn/seed-0", "40/wrnn/seed-0", "40/rnn/seed-1", "40/wrnn/seed-1"]
    seen = []
    for trial, trainer in recurra.pending_runs(broken):
        seen.append(trial.key)
        for record in trainer.records():
            if len(seen) == 2 and isinstance(record, recurra.Progress):
                trainer.stop()
    assert seen == ["40/rnn/seed-0", "40/wrnn/seed-0"]
    with pytest.raises(RunError, match="has not finished: recurra compare --resume"):
        recurra.evaluate_test(broken)
    assert finish(broken) == ["40/wrnn/seed-0", "40/rnn/seed-1", "40/wrnn/seed-1"]
    assert finish(broken) == []
    one, other = recurra.evaluate_test(whole), recurra.evaluate_test(broken)
    assert one.differences == other.differences
    assert [row.test for row in one.rows] == [row.test for row in other.rows]


PROGRAM = """
import sys, recurra
comparison = recurra.Comparison.open(sys.argv[1])
for trial, trainer in recurra.pending_runs(comparison):
    for record in trainer.records():
        print(record, flush=True)
recurra.evaluate_test(comparison)
"""


def test_killed_at_any_moment_it_ends_in_the_same_numbers(text):
    recipe = RECIPE.with_(steps=60)
    whole, broken = (plan(text, out=out, recipe=recipe) for out in ("whole", "broken"))
    finish(whole)
    for records in (3, 5, 16):
        program = [sys.executable, "-c", PROGRAM, broken.folder]
        with subprocess.Popen(program, stdout=subprocess.PIPE) as child:
            for _ in range(records):
                assert child.stdout.readline()
            child.kill()
    subprocess.run([sys.executable, "-c", PROGRAM, broken.folder], check=True)
    one, other = recurra.evaluate_test(whole), recurra.evaluate_test(broken)
    assert [row.test for row in one.rows] == [row.test for row in other.rows]
    assert one.differences == other.differences
    assert not list(broken.folder.rglob("*.tmp"))


def test_one_network_under_two_names_never_differs(text):
    comparison = plan(text, {"one": "rnn", "other": "rnn"}, seeds=2)
    finish(comparison)
    (difference,) = recurra.evaluate_test(comparison).differences
    assert (difference.verdict, difference.interval.mean) == ("none", 0.0)


def test_a_planted_difference_is_found(text):
    recipe = RECIPE.with_(steps=80)
    networks = {"large": "rnn", "small": "narrow.eq"}
    with open("narrow.eq", "w", encoding="utf-8") as file:  # all goes through a gate of 0.01
        file.write("h[t] = tanh(U @ x[t] + W @ h[t-1])\no[t] = softmax(V @ (0.01 * h[t]))\n")
    comparison = plan(text, networks, recipe=recipe, seeds=3)
    finish(comparison)
    (difference,) = recurra.evaluate_test(comparison).differences
    assert difference.verdict == "lower"
    assert difference.sentence().startswith("large predicts better than small")


def test_choices_make_networks_of_their_own(text):
    networks = {"sigmoid": "wrnn", "wrnn": "wrnn"}
    comparison = plan(text, networks, choices={"sigmoid": {"f1": "sigmoid"}})
    assert [c.parsed.functions["f1"] for c in comparison.contestants] == ["sigmoid", "tanh"]
    assert comparison.contestants[0].network == "wrnn"
    with pytest.raises(SettingError, match="no network gru to set choices of"):
        plan(text, networks, choices={"gru": {"f1": "relu"}})


def test_every_rate_that_diverges_is_told(text):
    wild = RECIPE.with_(optimizer="sgd", clip_norm=None)
    comparison = plan(text, recipe=wild, rates=[1e30, 1e31])
    with pytest.raises(RunError, match="every learning rate made rnn diverge"):
        finish(comparison)
    assert math.isinf(comparison.search("40", "rnn")[0].validation_loss())
    with pytest.raises(RunError, match="every learning rate"):
        best_learning_rate(comparison, "40", "rnn")


def test_a_network_that_diverges_is_not_compared(text):
    wild = RECIPE.with_(optimizer="sgd", clip_norm=None, lr=1e30)
    comparison = plan(text, recipe=wild)
    finish(comparison)
    results = recurra.evaluate_test(comparison)
    assert {row.stopped_by for row in results.rows} == {"diverged"}
    assert results.differences[0].verdict == "missing"
    assert results.summaries[0].test is None


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (SettingError, "needs two networks", {"networks": ["rnn"]}),
        (SettingError, "two networks are called rnn", {"networks": ["rnn", "rnn"]}),
        (SettingError, "no network wrn", {"networks": ["rnn", "wrn"]}),
        (SettingError, "cannot name a network", {"networks": {"a/b": "rnn", "c": "rnn"}}),
        (SettingError, "seeds has to be", {"seeds": 0}),
        (SettingError, "rates have to be", {"rates": [1.0, 1.0]}),
        (SettingError, "steps has to be", {"limits": [{"steps": 0}]}),
        (SettingError, "within 2 %", {"hidden": [3], "networks": ["rnn", "gru"]}),
        (TextError, "the test part holds no text", {"split": "90/10/0"}),
        (TextError, "the validation part holds no text", {"split": "90/0/10", "rates": [1.0, 2.0]}),
    ],
)
def test_what_cannot_be_compared_leaves_nothing_behind(text, tmp_path, error, message, options):
    with pytest.raises(error, match=message):
        plan(text, **options)
    assert not list(tmp_path.iterdir())


def test_scores_outlive_settings_that_a_newer_recurra_adds(finished, tmp_path):
    comparison, results = finished
    shutil.copytree(comparison.folder, tmp_path / "old")
    moved = Comparison.open(tmp_path / "old")
    # a field of the recipe has a value of which the file knows nothing
    newer = replace(moved, recipe=moved.recipe.with_(sample_characters=9))
    assert recurra.evaluate_test(newer).differences == results.differences


def test_texts_that_changed_are_refused(tmp_path):
    text = write_text(tmp_path / "mine.txt", 3000)
    comparison = plan(text)
    write_text(text, 4000)
    with pytest.raises(RunError, match="have changed since it began"):
        finish(Comparison.open(comparison.folder))


def test_a_comparison_reads_its_text_once(tmp_path, monkeypatch):
    read = []

    def counted(sources, *rest, **options):
        read.append(sources)
        return open_texts(sources, *rest, **options)

    monkeypatch.setattr("recurra.text.corpus.open_texts", counted)
    text = write_text(tmp_path / "mine.txt", 3000)
    options = {"hidden": [8], "match": "hidden", "recipe": RECIPE.with_(steps=3)}
    comparison = plan(text, seeds=5, out=tmp_path / "one", **options)
    assert len(finish(comparison)) == 10
    recurra.evaluate_test(comparison)
    assert len(read) == 1
    again = Comparison.open(comparison.folder)
    assert finish(again) == []
    recurra.evaluate_test(again)
    assert len(read) == 1  # the test part was opened before


def test_runs_that_were_moved_away_are_missed_and_not_trained_anew(finished, tmp_path):
    comparison, _ = finished
    folders = []
    for trial in comparison.finalists():
        shutil.copytree(trial.folder, tmp_path / trial.key)
        folders.append(tmp_path / trial.key)
    given = recurra.compare_runs(folders, "given")
    recurra.evaluate_test(given)
    folders[1].rename(tmp_path / "elsewhere")
    given = Comparison.open(given.folder)
    with pytest.raises(RunError, match="is not there any more"):
        list(recurra.pending_runs(given))
    with pytest.raises(RunError, match="is not there any more"):
        recurra.evaluate_test(given)


def test_losses_out_of_bounds_decide_nothing(finished, monkeypatch):
    comparison, _ = finished
    scores = measure_test_losses(comparison)
    key = comparison.finalists()[0].key
    losses = {**scores.losses, key: np.full_like(scores.losses[key], np.nan)}
    monkeypatch.setattr(
        results, "measure_test_losses", lambda *_, **__: replace(scores, losses=losses)
    )
    found = recurra.evaluate_test(comparison)
    assert found.rows[0].test is None
    assert [difference.verdict for difference in found.differences] == ["missing"]
    json.dumps(found.as_dict(), allow_nan=False)


def test_damaged_or_foreign_folders_are_refused(finished, tmp_path):
    comparison, _ = finished
    shutil.copytree(comparison.folder, tmp_path / "copy")
    path = tmp_path / "copy" / "comparison.json"
    good = path.read_text("utf-8")
    with pytest.raises(RunError, match="A comparison is a folder that"):
        Comparison.open(tmp_path)
    for damaged in ("", "{", "[]", "{}", good.replace('"seeds"', '"needs"'), good[:-5]):
        path.write_text(damaged, "utf-8")
        with pytest.raises(RunError, match="restore a backup"):
            Comparison.open(path.parent)
    path.write_text(good.replace('"format": 1', '"format": 9'), "utf-8")
    with pytest.raises(RunError, match="from a newer Recurra"):
        Comparison.open(path.parent)
    path.write_text(good.replace('"match": "parameters"', '"match": "hidden"'), "utf-8")
    with pytest.raises(RunError, match="does not belong to the comparison"):
        measure_test_losses(Comparison.open(path.parent))
    with pytest.raises(RunError, match="is not empty"):
        plan(comparison.text.sources[0], out=path.parent)


@pytest.mark.parametrize(
    ("documents", "sentence"),
    [
        ("xx", "documents has to be a list"),
        ([1.5], "documents.0 has to be a whole number"),
        ([], "does not hold the losses of these runs"),
        ([-1], "does not hold the losses of these runs"),
        ([7], "does not hold the losses of these runs"),
    ],
)
def test_losses_that_do_not_fit_their_documents_are_refused(
    finished, tmp_path, documents, sentence
):
    comparison, _ = finished
    copy = shutil.copytree(comparison.folder, tmp_path / "copy")
    path = copy / "test.safetensors"
    losses, meta = load_checkpoint(path)
    save_checkpoint(path, losses, {**meta, "documents": documents})
    with pytest.raises(RunError, match=rf"test\.safetensors.*{sentence}"):
        recurra.evaluate_test(Comparison.open(copy))
