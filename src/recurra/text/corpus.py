"""Corpora: texts as numbers, split into training, validation and test text."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import chain
from math import ceil
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from recurra.errors import RunError, SettingError
from recurra.text.decoding import Document
from recurra.text.download import Progress
from recurra.text.sources import Source, absolute, read_documents
from recurra.text.vocabulary import Vocabulary

DEFAULT_SPLIT = (90, 5, 5)
_SHARE = r"[0-9.]{1,30}(e-?[0-9]{1,2})?(/[0-9]{1,30})?"  # as Python writes a float, or a fraction

Split = str | Sequence[float | str]
Parts = tuple[npt.NDArray[np.int32], ...]


@dataclass(frozen=True)
class Corpus:
    """Texts as numbers, each text split by itself.

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

    def numbered(self, vocabulary: Vocabulary) -> "Corpus":
        """The same texts in the numbers of another vocabulary.

        Raises:
            TextError: they have characters that it lacks.
        """
        if vocabulary == self.vocabulary:
            return self
        train, validation, test = (
            tuple(vocabulary.encode(self.vocabulary.decode(text)) for text in part)
            for part in (self.train, self.validation, self.test)
        )
        return replace(self, vocabulary=vocabulary, train=train, validation=validation, test=test)


def load_corpus(
    sources: Iterable[Source],
    encoding: str | None = None,
    split: Split = DEFAULT_SPLIT,
    vocabulary: Vocabulary | None = None,
    *,
    fetch: bool = True,
    progress: Progress | None = None,
) -> Corpus:
    """Read texts and split each one, contiguously, into training, validation and test text.

    Every character belongs to exactly one part, so nothing held out is ever trained on. With n
    characters and shares a, b, c the parts end at floor(a n), floor((a + b) n) and n; a text too
    short for that gives its first character to training. Parts may be empty: that is an error only
    where something must be read from them.

    Args:
        sources: files, folders, URLs, names of corpora; see `recurra.text.sources`.
        encoding: see `recurra.text.decoding.decode`.
        split: shares of training, validation and test, as percentages (90, 5, 5), fractions
            (0.9, 0.05, 0.05) or text "90/5/5"; (100, 0, 0) holds nothing out.
        vocabulary: encode with this one, as to evaluate a model; default: all characters, the
            most frequent in training first.
        fetch, progress: see `recurra.read_documents`.

    Raises:
        TextError: a source cannot be read or decoded, or has characters not in `vocabulary`.
        SettingError: the split is not three shares that add up to all.
    """
    shares = _shares(split)
    documents = tuple(read_documents(sources, encoding, fetch=fetch, progress=progress))
    digest = hashlib.sha256(" ".join(map(str, shares)).encode())
    parts = []
    for text in (document.text for document in documents):
        first = int(shares[0] * len(text)) or ceil(shares[0])
        second = max(first, int((shares[0] + shares[1]) * len(text)))
        parts.append((text[:first], text[first:second], text[second:]))
        digest.update(f" {len(text)} ".encode() + text.encode("utf-8", "surrogatepass"))
    own, *held_out = zip(*parts, strict=True)
    vocabulary = vocabulary or Vocabulary.from_texts(*own, held_out=chain(*held_out))
    train, validation, test = (tuple(map(vocabulary.encode, part)) for part in (own, *held_out))
    return Corpus(documents, vocabulary, train, validation, test, digest.hexdigest())


def _shares(split: Split) -> tuple[Fraction, ...]:
    """Training, validation and test as exact fractions of one."""
    given = re.split("[/,:]", split) if isinstance(split, str) else split
    # By way of text, so that 0.05 is a twentieth.
    words = [str(share).strip() for share in given]
    try:
        # 1e999999999 is a number, too, whose digits fill the memory
        shares = [Fraction(word) for word in words if re.fullmatch(_SHARE, word)]
    except (ValueError, ZeroDivisionError):
        shares = []
    total = sum(shares)
    if len(shares) != len(words) or len(shares) != 3 or min(shares) < 0 or total not in (1, 100):
        raise SettingError(
            f"split {split!r} must be three shares of training, validation and test text that add "
            "up to 100 (or 1), such as 90/5/5 or 100/0/0"
        )
    return tuple(share / total for share in shares)


@dataclass(frozen=True)
class TextSpec:
    """Where texts are, how they are read, and how to tell that they have changed.

    Attributes:
        sources: as they can be found from any folder.
        encoding: of all texts; None: found out for each.
        split: as for `load_corpus`.
        fingerprint: of the corpus.

    Raises:
        SettingError: the split is not three shares that add up to all, or there is no source.
    """

    sources: tuple[str, ...]
    encoding: str | None
    split: str | tuple[int | float | str, ...]
    fingerprint: str

    def __post_init__(self) -> None:
        _shares(self.split)
        if not self.sources:
            raise SettingError("no text is named")

    @classmethod
    def of(
        cls,
        sources: Source | Sequence[Source],
        encoding: str | None,
        split: Split,
        corpus: Corpus | None = None,
    ) -> Self:
        """The texts as they are now.

        Args:
            sources, encoding, split: as for `load_corpus`.
            corpus: what it made of them, if they have been read.
        """
        if isinstance(sources, Source):
            sources = [sources]
        corpus = corpus or load_corpus(sources, encoding, split)
        shares = split if isinstance(split, str) else "/".join(map(str, split))
        spec = cls(tuple(map(absolute, sources)), encoding, shares, corpus.fingerprint)
        vars(spec)["corpus"] = corpus
        return spec

    def to_json(self) -> dict[str, Any]:
        """What a file keeps."""
        return {**asdict(self), "sources": list(self.sources)}

    def load(
        self, owner: object, sources: Sequence[Source] | None = None, *, fetch: bool = False
    ) -> Corpus:
        """Read the texts, once.

        Args:
            owner: a folder whose texts they are, for the message.
            sources: where the texts are now, if they were moved.
            fetch: download what is at an address; what the user has named himself always is.

        Raises:
            TextError: one is missing.
            RunError: they are not what they were.
        """
        corpus: Corpus | None = vars(self).get("corpus")
        if corpus is None:
            allowed = fetch or bool(sources)
            corpus = load_corpus(sources or self.sources, self.encoding, self.split, fetch=allowed)
            self.check(corpus, owner)
            vars(self)["corpus"] = corpus
        return corpus

    def check(self, corpus: Corpus, owner: object) -> None:
        """Refuse a corpus of other texts.

        Raises:
            RunError: its fingerprint is another.
        """
        if corpus.fingerprint != self.fingerprint:
            raise RunError(
                f"the texts of {owner} have changed since it began: put back what was there "
                f"({', '.join(self.sources)}), or begin anew"
            )
