"""Numbers of long texts that are kept: real files, changed and put in each other's place."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.text import cache, corpus
from recurra.text.corpus import Corpus, TextSpec, load_corpus

POEM = "".join(np.random.default_rng(1).choice(list("人之初性本善，\n"), 9_000))

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing is kept there")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, in which all but the shortest texts are kept."""
    monkeypatch.setattr(cache, "LEAST", 5_000)
    monkeypatch.setattr(cache, "_SETTLED", 0.0)
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "text.txt").write_text(POEM, "utf-8")
    return tmp_path / "cache" / "texts"


def same(one: Corpus, other: Corpus) -> bool:
    pairs = zip((one.numbers, one.counts), (other.numbers, other.counts), strict=True)
    words = [
        (it.documents, it.shares, it.joined, it.vocabulary, it.lengths, it.fingerprint)
        for it in (one, other)
    ]
    return all(np.array_equal(*pair) for pair in pairs) and words[0] == words[1]


def test_a_text_is_read_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_corpus([tmp_path / "text.txt"])
    assert sorted(path.suffix for path in folder.iterdir()) == ["", "", ".numbers"]
    with monkeypatch.context() as patched:
        patched.setattr(corpus, "open_texts", None)
        second = load_corpus([tmp_path / "text.txt"])
        assert same(first, second)
        # as a run finds it that goes on, from any folder
        spec = TextSpec(**TextSpec.of(tmp_path / "text.txt", None, "90/5/5", first).to_json())
        monkeypatch.chdir(tmp_path)
        assert same(spec.load("a run"), first)
    assert load_corpus([tmp_path / "text.txt"], split="80/10/10").fingerprint != first.fingerprint


@pytest.mark.parametrize("harm", ["text", "numbers", "swapped", "record", "writable", "key"])
def test_what_is_not_as_it_was_is_read_anew(
    harm: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "text.txt"
    whole = load_corpus([path])
    whole = replace(whole, numbers=whole.numbers.copy())  # of a file that is written over
    (numbers,) = folder.glob("*.numbers")
    if harm == "text":
        path.write_text(POEM[::-1], "utf-8")
    elif harm == "numbers":
        status = numbers.stat()
        numbers.write_bytes(bytes(status.st_size))
        os.utime(numbers, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif harm == "swapped":
        content = numbers.read_bytes()
        numbers.unlink()
        numbers.write_bytes(content[::-1])
    elif harm == "record":
        for record in folder.glob("[!.]*"):
            if not record.suffix:
                record.write_bytes(record.read_bytes().replace(b'"joined": 0', b'"joined": 9'))
    elif harm == "writable":
        numbers.chmod(0o666)
    else:
        monkeypatch.setattr(cache, "user_key", lambda: b"another's" * 4)
    again = load_corpus([path])
    assert again.joined == 0
    text = again.vocabulary.decode(again.numbers)
    assert text == (POEM[::-1] if harm == "text" else POEM)
    assert harm == "text" or same(whole, again)


def test_a_text_that_changes_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_SETTLED", 3600.0)
    load_corpus([tmp_path / "text.txt"])
    assert not list(folder.iterdir())


def test_without_a_key_or_a_folder_texts_are_read_as_ever(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "text.txt"
    folder.parent.write_text("no folder")
    assert load_corpus([path]).vocabulary.decode(load_corpus([path]).numbers) == POEM
    monkeypatch.setattr(cache, "user_key", lambda: None)
    assert load_corpus([path]).vocabulary.decode(load_corpus([path]).numbers) == POEM


def test_only_the_latest_are_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST", 2)
    for n in range(4):
        (tmp_path / "text.txt").write_text(POEM + "x" * n, "utf-8")
        load_corpus([tmp_path / "text.txt"])
    assert len(list(folder.glob("*.numbers"))) == 2


def test_files_of_the_user_stay_in_the_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST", 1)
    folder.mkdir(parents=True)
    own = {folder / name for name in ("poems.txt", "diary.md", "LICENSE", *"abcdefg")}
    for path in own:
        path.write_text("mine")
        os.utime(path, (0, 0))
    for n in range(3):
        (tmp_path / "text.txt").write_text(POEM + "x" * n, "utf-8")
        load_corpus([tmp_path / "text.txt"])
    assert own <= set(folder.iterdir())
    assert len(list(folder.glob("*.numbers"))) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_place_of_new_numbers_does_not_hang(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = cache.CacheEntry.keep

    def swapped(entry: cache.CacheEntry, record: dict[str, Any], *, joined: bool) -> None:
        assert entry.file is not None
        entry.file.unlink()
        os.mkfifo(entry.file)
        keep(entry, record, joined=joined)

    monkeypatch.setattr(cache.CacheEntry, "keep", swapped)
    for _ in range(2):
        corpus = load_corpus([tmp_path / "text.txt"])
        assert corpus.vocabulary.decode(corpus.numbers) == POEM


def test_what_is_written_into_the_numbers_stays_here(folder: Path, tmp_path: Path) -> None:
    first = load_corpus([tmp_path / "text.txt"])
    first.numbers[:] = 0
    second = load_corpus([tmp_path / "text.txt"])
    assert second.vocabulary.decode(second.numbers) == POEM


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
def test_on_a_full_disk_numbers_are_in_memory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = cache.CacheEntry.create

    def create(entry: cache.CacheEntry, length: int) -> object:
        created(entry, length).close()
        return open("/dev/full", "w+b")

    monkeypatch.setattr(cache.CacheEntry, "create", create)
    corpus = load_corpus([tmp_path / "text.txt"])
    assert corpus.vocabulary.decode(corpus.numbers) == POEM
    assert not list(folder.iterdir())
