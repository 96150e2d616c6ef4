"""The command eval, and writing adapted to a text, as a user meets them."""

import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

import recurra
from recurra.models.compressors import COMPRESSORS, Compressor
from recurra.models.evaluation import character_losses


def test_eval_gives_the_library_s_numbers(call, runs):
    run = recurra.Run.open(runs / "rnn")
    scores = list(recurra.score(run, windows=7))
    code, out, err = call("eval", runs / "rnn", "--windows", 7, "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    rows = json.loads(out)["results"]
    assert [(row["text"], row["windows"]) for row in rows] == [
        ("validation", None), ("validation", 7), ("test", None), ("test", 7),
    ]  # fmt: skip
    for row, score in zip(rows, scores, strict=True):
        assert row["nats_per_char"] == pytest.approx(score.loss.nats_per_char)
        assert row["bits_per_char"] == pytest.approx(score.loss.bits_per_char)
        assert row["perplexity"] == pytest.approx(score.loss.perplexity)
        assert row["characters"] == score.loss.characters
    code, out, _ = call("eval", runs / "rnn", "--windows", 7)
    assert code == 0
    assert re.search(r"^validation +7 ", out, re.M)


def test_eval_tells_how_far_it_is(call, runs, monkeypatch):
    monkeypatch.setattr("recurra.cli.display.PAUSE", -1.0)
    learning = ["--mix", "counts", "--adapt-set", "rate=0.05", "--adapt-set", "decay=0"]
    code, out, err = call("eval", runs / "rnn", *learning, "--engine", "reference", "--json")
    assert code == 0
    for row in json.loads(out)["results"]:
        for what in ("", ", learning", ", mixed"):
            lines = re.findall(
                rf"^reading the {row['text']} text{what}: (.*) of (.*) char", err, re.M
            )
            assert len(lines) > 1 or not what
            done, whole = (number.replace(",", "") for number in lines[-1])
            assert row["characters"] - 20 <= int(done) <= int(whole) == row["characters"]


def test_eval_of_another_text(call, runs):
    Path("other.txt").write_text("to be é or not", "utf-8")
    code, out, err = call("eval", runs / "rnn", "other.txt", "--json")
    assert code == 0
    assert "1 character unknown to the model: left out" in err
    result = json.loads(out)
    assert (result["skipped"], result["results"][0]["characters"]) == (1, 12)


def test_eval_of_a_pipe(call, runs):
    text = "to be, or not to be: that is the question"
    Path("other.txt").write_text(text, "utf-8")
    expected = call("eval", runs / "rnn", "other.txt")
    assert expected[0] == 0
    assert call("eval", runs / "rnn", "-", stdin=text.encode()) == expected


def test_eval_adaptive_beside_frozen(call, runs):
    run = recurra.Run.open(runs / "rnn")
    chosen = ["--adapt-set", "rule=sgd", "--adapt-set", "rate=0.5", "--engine", "reference"]
    code, out, err = call("eval", runs / "rnn", *chosen, "--windows", 7, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    settings = recurra.Adaptation(rule="sgd", rate=0.5, decay=0.0)
    assert recurra.Adaptation(**result["adaptation"]) == settings
    scores = list(recurra.score(run, engine="reference", windows=7, adapt=settings))
    for row, score in zip(result["results"], scores, strict=True):
        assert row["nats_per_char"] == pytest.approx(score.loss.nats_per_char)
        adaptive = score.adaptive and score.adaptive.nats_per_char
        assert row["adaptive_nats_per_char"] == (adaptive and pytest.approx(adaptive))
    code, out, _ = call("eval", runs / "rnn", *chosen)
    assert code == 0
    heading, _, *rows = out.splitlines()
    assert heading.index("nats/char") < heading.index("adaptive nats/char")
    assert f"{scores[0].adaptive.nats_per_char:.4f}" in rows[0]
    assert rows[-1] == "adaptive: sgd, rate 0.5, decay 0, 20 characters a step"


def test_write_adapted_to_a_text_of_a_file(call, runs):
    pages = (runs / "plays.txt").read_text("utf-8")[:900]
    Path("pages.txt").write_text(pages + "\n", "utf-8")
    chosen = ["--seed", 3, "--chars", 80]
    learn = ["--adapt", "--adapt-set", "rate=0.1"]
    code, out, err = call("write", runs / "rnn", "--file", "pages.txt", *learn, *chosen)
    assert (code, err) == (0, "")
    settings = recurra.Adaptation(rate=0.1)
    expected = recurra.write(runs / "rnn", pages, 80, seed=3, adapt=settings)
    assert out == pages + "".join(expected) + "\n"
    code, piped, _ = call("write", runs / "rnn", *learn, *chosen, "-", stdin=pages.encode())
    assert (code, piped) == (0, out)
    code, frozen, _ = call("write", runs / "rnn", "--file", "pages.txt", *chosen)
    assert frozen != out


def test_eval_of_a_mixture_beside_its_run(call, runs):
    names = ["--mix", "counts", "--mix", runs / "wrnn"]
    chosen = ["--adapt-set", "rate=0.05", "--adapt-set", "decay=0", "--engine", "reference"]
    code, out, err = call("eval", runs / "rnn", *names, *chosen, "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)["results"]
    (_, test) = recurra.score(
        recurra.Run.open(runs / "rnn"),
        adapt=recurra.Adaptation(rate=0.05, decay=0.0),
        mix=["counts", runs / "wrnn"],
        engine="reference",
    )
    assert rows[1]["mixture_nats_per_char"] == pytest.approx(test.mixture.nats_per_char)
    assert test.mixture.nats < min(test.loss.nats, test.adaptive.nats)
    assert test.mixture.characters == test.loss.characters
    assert rows[1]["nats_per_char"] == pytest.approx(test.loss.nats_per_char)
    losses = []
    for run in (runs / "rnn", runs / "wrnn"):
        model = recurra.load_model(run)
        held_out = recurra.load_corpus([runs / "plays.txt"]).test
        losses += character_losses(model.engine("reference", 1), held_out)
    mean = -np.log(np.mean(np.exp(-np.array(losses)), axis=0)).mean()
    assert rows[1]["mean_nats_per_char"] == pytest.approx(mean)
    code, out, _ = call("eval", runs / "rnn", "--mix", "counts", "--engine", "reference")
    assert code == 0
    assert "mean" not in out
    heading = out.splitlines()[0]
    assert heading.index("nats/char") < heading.index("mixture nats/char")
    assert "adaptive" not in out


def test_write_as_a_mixture(call, runs):
    mixed = ["--mix", "counts", "--mix", runs / "wrnn", "--seed", 3, "--chars", 60]
    code, out, err = call("write", runs / "rnn", *mixed, "enter ")
    assert (code, err) == (0, "")
    members = ["counts", runs / "wrnn"]
    expected = recurra.write(runs / "rnn", "enter ", 60, seed=3, mix=members)
    assert out == "enter " + "".join(expected) + "\n"
    assert call("write", runs / "rnn", *mixed[4:], "enter ")[1] != out
    code, out, err = call("write", runs / "rnn", *mixed, "--samples", 2, "enter ")
    assert (code, out) == (2, "")
    assert "a mixture writes one text" in err


def test_a_mixture_of_runs_that_know_other_characters_is_refused(call, runs):
    Path("other.txt").write_text("0123456789 " * 300, "utf-8")
    small = ["--hidden=4", "--batch=2", "--seq-len=8", "--steps=3", "--engine=reference"]
    assert call("train", "other.txt", "--network", "rnn", "--out", "other", "-q", *small)[0] == 0
    code, out, err = call("eval", runs / "rnn", "--mix", "other", "--engine", "reference")
    assert (code, out) == (1, "")
    assert "knows other characters than" in err


def test_eval_beside_a_compressor(call, runs, monkeypatch):
    monkeypatch.setitem(COMPRESSORS, "zlib", lambda data, _: len(zlib.compress(data)))
    monkeypatch.setitem(COMPRESSORS, "size", lambda data, _: len(data))
    given = ["eval", runs / "rnn", "--versus", "zlib, size", "--engine", "reference"]
    code, out, _ = call(*given, "--json")
    assert code == 0
    text = (runs / "plays.txt").read_text("utf-8")
    corpus = recurra.load_corpus([runs / "plays.txt"])
    rows = json.loads(out)["results"]
    read = "".join(map(corpus.vocabulary.decode, corpus.train))
    assert text.startswith(read)
    for row, part in zip(rows, (corpus.validation, corpus.test), strict=True):
        texts = [corpus.vocabulary.decode(one) for one in part]
        for name in ("zlib", "size"):
            expected = Compressor(name, [read]).loss(texts).nats_per_char
            assert row[f"{name}_nats_per_char"] == pytest.approx(expected)
    code, out, _ = call(*given)
    assert "zlib nats/char" in out
