"""Sources of texts and their parts: real files, a real server, a really installed package."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from files import write
from recurra.errors import RunError, SettingError, TextError
from recurra.text import sources
from recurra.text.corpus import TextSpec, load_corpus
from recurra.text.sources import read_documents
from recurra.text.vocabulary import Vocabulary

# ------------------------------------------------------------------------------- files and folders


def test_folder_is_read_at_any_depth_sorted_and_once(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "b")
    write(tmp_path / "a" / "z.TXT", "z")
    write(tmp_path / "c" / "d" / "e.txt", "回".encode("utf-16"))
    write(tmp_path / "notes.md", "no")
    write(tmp_path / "._b.txt", b"\0\5\x16\7\0\2")
    write(tmp_path / ".hidden" / "b.txt", "no")
    documents = read_documents([tmp_path / "b.txt", str(tmp_path), tmp_path / "a"])
    assert [document.text for document in documents] == ["b", "z", "回"]
    assert [Path(document.name).name for document in documents] == ["b.txt", "z.TXT", "e.txt"]
    assert documents[2].detected_by == "byte-order mark"


def test_folder_with_too_many_entries_is_not_walked_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_ENTRIES", 5)
    for name in "abcde":
        write(tmp_path / f"{name}.txt", name)
    assert len(read_documents([tmp_path])) == 5
    write(tmp_path / "deeper" / "f.txt", "f")
    with pytest.raises(TextError, match=r"more than 5 files and folders: name the files"):
        read_documents([tmp_path])


def test_given_encoding_reaches_the_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "é".encode("cp850"))
    assert read_documents([path], "cp850")[0].text == "é"


def test_missing_empty_and_no_sources_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"gone\.txt cannot be read .*check the path"):
        read_documents([tmp_path / "gone.txt"])
    with pytest.raises(TextError, match=r"has no \.txt file"):
        read_documents([tmp_path])
    with pytest.raises(TextError, match="no text was given"):
        read_documents([])
    empty = write(tmp_path / "empty.txt", "")
    with pytest.raises(TextError, match=r"empty\.txt is empty"):
        read_documents([empty])
    with pytest.raises(TextError, match=r"all files of .* are empty"):
        read_documents([tmp_path])
    write(tmp_path / "full.txt", "text")
    assert [document.text for document in read_documents([tmp_path])] == ["", "text"]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may read anything: step down for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
@pytest.mark.parametrize("locked", ["folder", "folder/inner", "folder/inner/a.txt"])
def test_unreadable_file_or_folder_is_a_sentence(tmp_path: Path, locked: str) -> None:
    write(tmp_path / "folder" / "inner" / "a.txt", "text")
    write(tmp_path / "folder" / "b.txt", "text")
    # Whoever steps down must still get as far as the locked place.
    for above in (tmp_path, *tmp_path.parents):
        if above.is_relative_to(gettempdir()) and above != Path(gettempdir()):
            above.chmod(0o755)
    (tmp_path / locked).chmod(0)
    try:
        with unprivileged(), pytest.raises(TextError, match=r"cannot be read .*you may read") as it:
            read_documents([tmp_path / "folder"])
        assert str(tmp_path / locked) in str(it.value)
    finally:
        (tmp_path / locked).chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_file_in_a_locked_folder_is_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "folder" / "a.txt", "text")
    for above in (tmp_path, *tmp_path.parents):
        if above.is_relative_to(gettempdir()) and above != Path(gettempdir()):
            above.chmod(0o755)
    path.parent.chmod(0)
    try:
        with unprivileged(), pytest.raises(TextError, match=r"a\.txt cannot be read .*you may"):
            read_documents([path])
    finally:
        path.parent.chmod(0o755)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="a file that opens, then fails")
def test_failure_half_way_names_the_file() -> None:
    with pytest.raises(TextError, match=r"/proc/self/mem cannot be read \(Input/output error\)"):
        read_documents(["/proc/self/mem"])


# ----------------------------------------------------------------------------------------- parting


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=3),
    held_out=st.tuples(st.integers(0, 50), st.integers(0, 50)),
)
def test_parts_are_contiguous_and_never_overlap(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], held_out: tuple[int, int]
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    for number, length in enumerate(lengths):
        # Every character differs, so a leak would show.
        text = "".join(map(chr, range(0x4E00 + 400 * number, 0x4E00 + 400 * number + length)))
        write(folder / f"{number}.txt", text)
    split = (100 - sum(held_out), *held_out, "position")
    corpus = load_corpus([folder], split=split)
    for document, *parts in zip(
        corpus.documents, corpus.train, corpus.validation, corpus.test, strict=True
    ):
        n = document.characters
        assert "".join(map(corpus.vocabulary.decode, parts)) == Path(document.name).read_text()
        if split[0] * n >= 100:
            assert len(parts[0]) == split[0] * n // 100
            assert len(parts[0]) + len(parts[1]) == (split[0] + split[1]) * n // 100
        else:
            assert len(parts[0]) == (split[0] > 0)


def test_split_may_be_percentages_fractions_or_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "x" * 999 + "y")
    corpora = [
        load_corpus([path], split=split)
        for split in [(90, 5, 5), (0.9, 0.05, 0.05), "90/5/5", "0.9,0.05,0.05", [90.0, 5.0, 5.0]]
    ]
    for corpus in corpora:
        parts = (*corpus.train, *corpus.validation, *corpus.test)
        assert [len(part) for part in parts] == [900, 50, 50]
        assert corpus.fingerprint == corpora[0].fingerprint
    everything = load_corpus([path], split=(100, 0, 0))
    assert [len(everything.train[0]), len(everything.validation[0])] == [1000, 0]
    assert len(load_corpus([path], split=(0, 0, 1)).test[0]) == 1000


@pytest.mark.parametrize(
    "split",
    [
        (90, 5),
        (90, 5, 50),
        (-5, 100, 5),
        (float("nan"), 0, 1),
        (float("inf"), 0, 0),
        "a/b/c",
        "",
        "1e999999999/0/0",
        "100/0/0/",
        "1/0,1/0,1",
        "../.",
    ],
)
def test_senseless_split_is_refused(tmp_path: Path, split: str | tuple[float, ...]) -> None:
    with pytest.raises(SettingError, match="three shares"):
        load_corpus([write(tmp_path / "a.txt", "text")], split=split)


def test_one_character_is_all_training(tmp_path: Path) -> None:
    corpus = load_corpus([write(tmp_path / "a.txt", "猫")])
    assert [len(part[0]) for part in (corpus.train, corpus.validation, corpus.test)] == [1, 0, 0]


def test_vocabulary_covers_held_out_text_of_every_file(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "a" * 99 + "é")
    write(tmp_path / "b.txt", "b" * 99 + "猫")
    corpus = load_corpus([tmp_path], split="90/5/5/position")
    assert corpus.vocabulary == Vocabulary("abé猫")
    assert not {2, 3} & set(np.concatenate(corpus.train).tolist())


def test_characters_are_in_the_order_of_their_frequency_in_all_training_parts(
    tmp_path: Path,
) -> None:
    one = write(tmp_path / "a.txt", "abbb" + "zzz")
    other = write(tmp_path / "b.txt", "aaca" + "yzz")
    corpus = load_corpus([one, other], split=("4/7", "3/7", 0, "position"))
    assert corpus.vocabulary.characters == "abcyz"


def test_a_given_vocabulary_numbers_the_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "cab")
    corpus = load_corpus([path], vocabulary=Vocabulary("猫abc"))
    assert corpus.train[0].tolist() == [3, 1]
    assert corpus.counts.tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]]
    again = corpus.numbered(Vocabulary("xcba"))
    assert again.numbers.tolist() == [1, 3, 2]
    assert again.counts.tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]]
    with pytest.raises(TextError, match=r"lacks 'c'"):
        load_corpus([path], vocabulary=Vocabulary("ab"))


def test_fingerprint_tells_text_split_and_files_apart_but_not_names(tmp_path: Path) -> None:
    one = write(tmp_path / "one" / "a.txt", "some text")
    fingerprints = [
        load_corpus(sources, split=split).fingerprint
        for sources, split in [
            ([one], "90/5/5"),
            ([write(tmp_path / "b.txt", "some texts")], "90/5/5"),
            ([one], "90/10/0"),
            (
                [write(tmp_path / "c.txt", "some "), write(tmp_path / "d.txt", "text")],
                "90/5/5/position",
            ),
            ([write(tmp_path / "g.txt", "some  text")], "90/5/5"),
            ([write(tmp_path / "e.txt", "some "), write(tmp_path / "f.txt", "tex")], "90/5/5"),
        ]
    ]
    assert len(set(fingerprints)) == len(fingerprints)
    renamed = write(tmp_path / "renamed.txt", "some text".encode("utf-16"))
    assert load_corpus([renamed]).fingerprint == fingerprints[0]


# ---------------------------------------------------------------------------------- short texts


@pytest.mark.parametrize("size", [20, 100, 1_000, 7_000, 10_000])
def test_a_novel_cut_into_files_has_the_parts_of_the_whole(tmp_path: Path, size: int) -> None:
    rng = np.random.default_rng(size)
    novel = "".join(rng.choice(list("人之初性本善"), 100_000))
    whole = load_corpus([write(tmp_path / "whole.txt", novel)])
    for place in range(0, len(novel), size):
        write(tmp_path / "cut" / f"{place:06}.txt", novel[place : place + size])
    cut = load_corpus([tmp_path / "cut"])
    assert (whole.joined, cut.joined) == (0, len(cut.documents))
    assert cut.fingerprint == whole.fingerprint
    for part in ("train", "validation", "test"):
        (one,), (other,) = getattr(whole, part), getattr(cut, part)
        np.testing.assert_array_equal(one, other)


def test_long_texts_among_short_ones_are_split_by_themselves(tmp_path: Path) -> None:
    texts = ["a" * 30_000, *["b" * 50] * 400, "c" * 20_000]
    files = [write(tmp_path / f"{n:03}.txt", text) for n, text in enumerate(texts)]
    corpus = load_corpus(files)
    assert corpus.joined == 400
    assert [len(part) for part in corpus.validation] == [1_500, 1_000, 1_000]
    assert [len(part) for part in corpus.test] == [1_500, 1_000, 1_000]
    by_file = load_corpus(files, split="90/5/5/file")  # the last 7,000 characters are of the last
    assert [corpus.vocabulary.decode(part) for part in by_file.test] == ["c" * 3_500]
    by_position = load_corpus(files, split=(90, 5, 5, "position"))
    assert [len(part) for part in by_position.validation][1:401] == [2] * 400


def test_a_specification_keeps_how_texts_are_split(tmp_path: Path) -> None:
    for n in range(100):
        write(tmp_path / "poems" / f"{n:03}.txt", f"poem {n:03} " * 5)
    found = {}
    for split in ("90/5/5", "90/5/5/file", "90/5/5/position", (90, 5, 5)):
        spec = TextSpec.of(tmp_path / "poems", None, split)
        again = TextSpec(**spec.to_json())
        assert again.load("a run").fingerprint == spec.fingerprint
        found[split] = spec.split
    assert list(found.values()) == ["90/5/5/auto", "90/5/5/file", "90/5/5/position", "90/5/5/auto"]
    # as version 0.1 wrote it, when every text was split by itself
    assert len(TextSpec((str(tmp_path),), None, "90/5/5", spec.fingerprint).sources) == 1
    with pytest.raises(RunError, match="have changed"):
        TextSpec((str(tmp_path),), None, "90/5/5", spec.fingerprint).load("a run")


def test_moved_texts_in_another_order_are_the_same(tmp_path: Path) -> None:
    names = ["b.txt", "a.txt", "c.txt"]
    files = [write(tmp_path / "old" / name, name * 20) for name in names]
    spec = TextSpec(**TextSpec.of(files, None, "90/5/5").to_json())
    moved = [write(tmp_path / "new" / name, name * 20) for name in sorted(names)]
    assert spec.load("a run", moved).fingerprint == spec.fingerprint


def test_a_part_without_text_says_how_much_it_takes(tmp_path: Path) -> None:
    for n in range(300):
        write(tmp_path / f"{n}.txt", "kurz")
    cases = {
        "90/10/0": "a split with a share",
        "90/5/5/position": "split by file",
    }
    for split, cure in cases.items():
        with pytest.raises(TextError, match=f"test part holds no text .*1,200 .*{cure}"):
            load_corpus([tmp_path], split=split).held_out("test")
    with pytest.raises(TextError, match=r"validation part .*20,000 characters or more"):
        load_corpus([tmp_path / "0.txt"]).held_out("validation")
    assert len(load_corpus([tmp_path]).held_out("test")[0]) == 60


# ------------------------------------------------------------------------------------- remarks


def test_ten_million_characters_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "long.txt", "one line 没有尽头 " * 700_000)
    corpus = load_corpus([path])
    assert [len(part[0]) for part in (corpus.train, corpus.validation, corpus.test)] == [
        8_820_000,
        490_000,
        490_000,
    ]


def test_it_is_told_how_much_of_the_texts_is_read(tmp_path):
    write(tmp_path / "a.txt", "ab\n" * 500)
    write(tmp_path / "b.txt", "abc\n" * 500)
    told = []
    load_corpus([tmp_path / "a.txt", tmp_path / "b.txt"], progress=told.append)
    assert told == [
        f"reading {tmp_path}/a.txt: 1,500 characters",
        f"reading {tmp_path}/b.txt: 3,500 characters",
        # the training, the validation and the test part
        "counting 3,150 of 3,500 characters",
        "counting 3,325 of 3,500 characters",
        "counting 3,500 of 3,500 characters",
        "numbering 3,150 of 3,500 characters",
        "numbering 3,325 of 3,500 characters",
        "numbering 3,500 of 3,500 characters",
    ]
