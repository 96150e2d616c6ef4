"""Remarks on texts that are short, tiny or strange."""

from pathlib import Path

import numpy as np

from files import write
from recurra.text.corpus import load_corpus
from recurra.text.remarks import remarks


def told(path: Path, **options: str) -> str:
    return "\n".join(remarks(load_corpus([path], **options)))


def test_nothing_is_remarked_of_a_novel(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    assert told(write(tmp_path / "a.txt", "".join(rng.choice(list("人之初性本善"), 50_000)))) == ""


def test_short_and_tiny_texts_are_remarked(tmp_path: Path) -> None:
    tiny = told(write(tmp_path / "tiny.txt", "thirty characters and no more"))
    assert "the validation part has 0 characters to predict" in tiny
    assert "give 20,000 characters or more" in tiny
    assert "--patience never acts" in tiny
    for n in range(200):
        write(tmp_path / "tweets" / f"{n:03}.txt", "so short a text " * 8)
    write(tmp_path / "tweets" / "nothing.txt", "")
    tweets = told(tmp_path / "tweets")
    assert "201 short texts are split as one" in tweets
    assert "nothing.txt" in tweets
    assert "split as one" not in told(tmp_path / "tweets", split="90/5/5/position")


def test_a_licence_in_another_language_is_remarked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    novel = "".join(rng.choice(list("人之初性本善"), 60_000))
    licence = (
        "\n*** END OF THE PROJECT GUTENBERG EBOOK THREE CHARACTERS ***\n" + "You may copy. " * 600
    )
    found = told(write(tmp_path / "a.txt", novel + licence))
    assert "% of the test part are characters that training hardly has" in found
    assert "1 of the texts have the licence of Project Gutenberg" in found
    assert "--no-frames" in found
    assert told(tmp_path / "a.txt", split="90/5/5/no-frames") == ""
