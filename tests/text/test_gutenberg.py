"""The licence around a text of Project Gutenberg."""

from pathlib import Path

import pytest

from recurra.errors import SettingError
from recurra.text.corpus import TextSpec, load_corpus
from recurra.text.gutenberg import Frame

START = "The eBook\n\n*** START OF THE PROJECT GUTENBERG EBOOK 紅樓夢 ***\n\n\n"
END = "\n\n*** END OF THIS PROJECT GUTENBERG EBOOK 紅樓夢 ***\nLicence\n"
TEXT = "第一回\n甄士隱夢幻識通靈\n"


def without_frame(text: str) -> str:
    frame = Frame()
    for line in text.splitlines(keepends=True):
        frame.read(line)
    return frame.without(text)


@pytest.mark.parametrize("text", [START + TEXT + END, START + TEXT, TEXT + END, TEXT])
def test_only_the_text_is_left(text: str) -> None:
    assert without_frame(text) == TEXT


def test_a_text_that_talks_of_one_is_left_alone() -> None:
    assert without_frame(f"He read *** START OF{TEXT}") == f"He read *** START OF{TEXT}"


def test_a_corpus_remembers_how_it_was_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(START + TEXT * 900 + END, "utf-8")
    framed = load_corpus([tmp_path / "a.txt"])
    assert "L" in framed.vocabulary.characters
    spec = TextSpec.of([tmp_path / "a.txt"], None, "80/10/10/no-frames")
    assert spec.split == "80/10/10/no-frames"
    again = TextSpec(spec.sources, None, spec.split, spec.fingerprint).load("here")
    assert set(again.vocabulary.characters) == set(TEXT)
    assert sum(map(len, (*again.train, *again.validation, *again.test))) == 900 * len(TEXT)
    for n in range(3):
        (tmp_path / "poems" / f"{n}.txt").parent.mkdir(exist_ok=True)
        (tmp_path / "poems" / f"{n}.txt").write_text(START + TEXT + END, "utf-8")
    joined = TextSpec.of([tmp_path / "poems"], None, "90/5/5/no-frames")
    assert joined.split == "90/5/5/no-frames/auto"
    TextSpec(joined.sources, None, joined.split, joined.fingerprint).load("here")
    with pytest.raises(SettingError, match="and no-frames"):
        load_corpus([tmp_path / "a.txt"], split="90/5/5/frames")
