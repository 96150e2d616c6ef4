"""A small corpus of two texts."""

import pytest

from recurra.text.corpus import load_corpus
from toy_training import babble


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    (folder / "one.txt").write_text(babble(1500), "utf-8")
    (folder / "two.txt").write_text(babble(700, seed=6), "utf-8")
    return load_corpus([folder / "one.txt", folder / "two.txt"], split=(80, 10, 10))
