"""What is to be written, as data: which word is the text, and what goes together."""

import os

import pytest

from recurra.errors import RequestError, RunError, SettingError
from recurra.training.write_request import WriteRequest, split_prompt


@pytest.mark.parametrize(
    ("words", "runs", "prompt"),
    [
        (["run"], ("run",), None),
        (["nowhere"], ("nowhere",), None),  # its reader says what is wrong with it
        (["run", "to be"], ("run",), "to be"),
        (["run", ""], ("run",), ""),
        (["run", "other"], ("run", "other"), None),
        (["run", "other", "to be"], ("run", "other"), "to be"),
    ],
)
def test_the_text_is_the_last_word_that_is_no_folder(tmp_path, monkeypatch, words, runs, prompt):
    monkeypatch.chdir(tmp_path)
    for name in ("run", "other"):
        os.mkdir(name)
    assert split_prompt(words) == (runs, prompt)


def test_a_text_of_several_words_needs_quotes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("run")
    with pytest.raises(RunError, match="no run folder to; a text of several words needs quotes"):
        split_prompt(["run", "to", "be"])


@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        ({"greedy": True, "temperature": 0.5}, RequestError, "temperature: greedy takes"),
        ({"prompt": None, "out": "x.txt"}, RequestError, "out: a conversation has no file"),
        ({"out": "x.pdf"}, SettingError, "the formats are txt"),
        ({"out": "."}, RunError, "it is a folder"),
        ({"mix": ["counts"], "last": True}, RequestError, "mix: the best model of a run is mixed"),
        ({"mix": ["counts"], "samples": 2}, RequestError, "samples: a mixture writes one text"),
        ({"top_p": 2.0}, SettingError, "top_p has to be"),
    ],
)
def test_what_does_not_go_together(asked, error, sentence):
    with pytest.raises(error, match=sentence):
        WriteRequest(**{"runs": ("run",), "prompt": "to be", **asked})
