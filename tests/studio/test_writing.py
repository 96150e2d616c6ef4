"""The place Write: cells of a text and of its continuation, as the model itself has them."""

import json

import numpy as np
import pytest

import recurra
from recurra.compute.sampling import Sampling
from recurra.models.adaptation.reader import AdaptiveReader, adaptive_loss
from recurra.models.writer import Writer
from recurra.training.finished_run import FinishedRun, load_model

RUN = "runs/rnn"
TEXT = "to be é or\n"


def cells(client, what, **form):
    """For each character: itself, its surprise, the likeliest, and their probabilities."""
    answer = client.post(f"/api/write/{what}", json={"run": RUN, **form})
    assert answer.status_code == 200, answer.text
    found = []
    for text, nats, likeliest, *chances in (
        cell for line in answer.text.splitlines() for cell in json.loads(line)
    ):
        count = len(likeliest or "") // len(nats)
        assert [len(chance) for chance in chances] == 2 * [count * len(nats)]
        for i, (character, surprise) in enumerate(zip(text or [""], nats, strict=True)):
            own = slice(i * count, (i + 1) * count)
            found.append(
                [
                    character,
                    None if surprise is None else surprise / 1000,
                    likeliest and likeliest[own],
                    *([p / 10_000 for p in chance[own]] for chance in chances),
                ]
            )
    return found


def test_runs_are_listed(studio):
    _, client = studio
    found = client.get("/api/write/runs").json()["runs"]
    assert {"id": RUN, "label": RUN} in found


def test_a_text_is_read_with_its_surprises(studio, folder):
    _, client = studio
    found = cells(client, "read", text=TEXT, temperature=0.5, top_k=3)
    assert "".join(cell[0] for cell in found) == TEXT
    model = load_model(folder / RUN)
    known = model.vocabulary.known(TEXT)
    numbers = model.vocabulary.encode(known)
    engine = model.engine("reference")
    losses, _ = engine.losses(numbers[:-1, None], numbers[1:, None], engine.zero_state(1))
    told = [cell[1] for cell in found[1:-1] if cell[0] != "é"]
    np.testing.assert_allclose(told, losses[:, 0], atol=2e-3)
    assert found[0] == ["t", None, "", [], []]  # follows nothing
    assert found[6] == ["é", None, None, [], []]  # not known
    for _, _, likeliest, before, after in (found[1], found[-1]):
        assert len(likeliest) == len(before) == len(after) == 10
        assert before == sorted(before, reverse=True)
        assert sum(after[:3]) == pytest.approx(1.0, abs=1e-3)
        assert not any(after[3:])
        ratio = np.log(before[0] / before[1])
        assert np.log(after[0] / after[1]) == pytest.approx(2 * ratio, abs=0.02)


def test_a_continuation_is_that_of_the_library(studio, folder):
    _, client = studio
    options = {"temperature": 0.7, "top_p": 0.9, "seed": 3}
    found = cells(client, "continue", text="to be", characters=40, **options)
    expected = "".join(recurra.write(folder / RUN, "to be", 40, **options))
    assert "".join(cell[0] for cell in found) == expected
    writer = Writer(load_model(folder / RUN), Sampling(0.7, None, 0.9), 3)
    writer.read("to be")
    for cell, (number, log_p) in zip(found, writer.draw(40), strict=True):
        assert cell[1] == pytest.approx(-float(log_p[number]), abs=2e-3)
    line = cells(client, "continue", text="", characters=400, line=True, seed=1)
    assert [cell[0] for cell in line].count("\n") == (line[-1][0] == "\n") == 1


def test_a_text_is_learned_from(studio, folder):
    _, client = studio
    learned, rms = "to be or not to be that is " * 30, recurra.Adaptation()
    expected = "".join(recurra.write(folder / RUN, learned, 80, seed=4, adapt=rms))
    asked = {"text": learned, "adapt": True}
    found = cells(client, "continue", characters=80, seed=4, **asked)
    assert "".join(cell[0] for cell in found) == expected
    opened = FinishedRun.open(folder / RUN)
    engine = opened.best.engine("reference")
    reader = AdaptiveReader(engine, rms, opened.gradient_squares)
    loss = adaptive_loss(reader, [opened.best.vocabulary.encode(learned)])
    told = cells(client, "read", **asked)
    assert sum(cell[1] for cell in told[1:-1]) == pytest.approx(loss.nats, rel=1e-3)
    plain = cells(client, "read", text=learned)
    assert sum(cell[1] for cell in plain[1:-1]) > 1.02 * loss.nats
    long = client.post("/api/write/read", json={"run": RUN, **asked, "text": "to be " * 20_000})
    assert "learns from 100,000 characters at most" in long.json()["error"]["message"]


def test_of_a_long_text_only_the_end_is_told(studio):
    _, client = studio
    long = cells(client, "read", text="to be or not " * 1000)
    assert len(long) == 6001
    assert cells(client, "read", text="")[0][0] == ""


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"run": "../rnn", "text": ""}, 404), ({"run": "nix", "text": ""}, 404),
        ({"text": "", "temperature": -1}, 400), ({"text": "", "characters": 10**9}, 400),
        ({"text": "", "top_k": 0}, 400), ({"text": "", "seed": -1}, 400), ({"text": 1}, 400),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_sentence(studio, form, status):
    _, client = studio
    answer = client.post("/api/write/continue", json={"run": RUN, **form})
    assert answer.status_code == status
    message = answer.json()["error"]["message"]
    assert message
    assert "content" not in message
