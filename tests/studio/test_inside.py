"""The place Look inside: units over a text, passages, and the reach of the gradient."""

from base64 import b64decode

import numpy as np
import pytest

from recurra.models.inspection import activity
from recurra.training.finished_run import load_model

RUN = "runs/rnn"


def ask(client, what, status=200, **form):
    answer = client.post(f"/api/inside/{what}", json={"run": RUN, **form})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_units_over_a_text(studio, folder):
    _, client = studio
    found = ask(client, "read", text="to be, é or not (to be)\n")
    model = load_model(folder / RUN)
    values = activity(model, model.vocabulary.encode(found["text"]))["h"]
    told = np.frombuffer(b64decode(found["values"]), np.int8).reshape(values.shape)
    np.testing.assert_allclose(told / 127 * found["scale"], values, atol=found["scale"] / 200)
    assert found["vectors"] == {"h": 6}
    assert "é" in found["skipped"]
    assert set(found["follow"]) == {"quotes", "line", "word", "brackets"}
    assert found["follow"]["quotes"] == []
    assert all(-1 <= r <= 1 for _, r in found["follow"]["word"])


def test_without_a_text_it_is_one_that_was_held_out(studio):
    _, client = studio
    found = ask(client, "read")
    assert 2 <= len(found["text"]) <= 700
    found = ask(client, "passages", text=found["text"], start=3, end=5)
    assert found["units"]
    assert all(len(passage["inside"]) == 2 for passage in found["passages"])


def test_the_reach_is_a_figure_in_two_languages(studio):
    _, client = studio
    for language, axis in (("en", "steps back"), ("zh", "步数")):
        found = ask(client, "reach", other=RUN, language=language)
        assert found["figure"].startswith("<svg")
        assert axis in found["figure"]
        assert [run["label"] for run in found["runs"]] == ["rnn: h", "rnn: h"]


@pytest.mark.parametrize(
    ("what", "form", "status"),
    [
        ("read", {"run": "nix"}, 404), ("read", {"text": "x" * 5000}, 400),
        ("read", {"text": "éé"}, 400), ("passages", {"text": "to be", "start": 3, "end": 3}, 400),
        ("passages", {"text": "to be", "start": 10**9, "end": 10**9 + 1}, 400),
        ("passages", {"text": "to be", "start": -1, "end": 3}, 400),
        ("passages", {"text": "to be", "end": 10**9}, 400), ("reach", {"other": "nix"}, 404),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(studio, what, form, status):
    _, client = studio
    assert ask(client, what, status, **form)["error"]["message"]
