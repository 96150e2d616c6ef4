"""Corpora: texts as numbers, split into training, validation and test text.

A held-out part of a few characters, read from a state of zeros, says little about a network. So
texts too short for parts of `ENOUGH` characters are joined, in their order and with nothing between
them, and split as one: the last of them are held out. Training and evaluation carry the state
from one of them into the next.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, astuple, dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from recurra.errors import RunError, SettingError, TextError
from recurra.text.cache import CacheEntry, write_numbers
from recurra.text.code_points import characters
from recurra.text.decoding import DecodedText, DocumentInfo
from recurra.text.download import Progress
from recurra.text.gutenberg import Frame
from recurra.text.sources import (
    Source,
    absolute,
    find_files,
    is_stream,
    open_texts,
    regular_files,
)
from recurra.text.store import CHUNK, CharacterStore, Span, cut_spans
from recurra.text.vocabulary import Vocabulary

DEFAULT_SPLIT = (90, 5, 5)
ENOUGH = 1000  # characters of a held-out part; what runs are scored by depends on it
_SHARE = r"[0-9.]{1,30}(e-?[0-9]{1,2})?(/[0-9]{1,30})?"  # as Python writes a float, or a fraction

NO_FRAMES = "no-frames"  # behind the shares of a split
Split = str | Sequence[float | str]
SplitBy = Literal["auto", "file", "position"]
HeldOut = Literal["validation", "test"]
Parts = tuple[npt.NDArray[np.int32], ...]


@dataclass(frozen=True)
class Corpus:
    """Texts as numbers, in three parts.

    Attributes:
        documents: the texts as they were read, with encodings.
        shares: of training, validation and test text, fractions of one.
        joined: how many of the documents are split as one; 0 or at least 2.
        vocabulary: the characters of all texts, those most frequent in training first; or the one
            that was given.
        numbers: int32, of all characters: the training parts one after another, the validation
            parts, the test parts.
        lengths: characters of the training, validation and test part of each document, and of one,
            the last, for those that are joined.
        counts: (3, V) int64, how often training, validation and test text have each character.
        fingerprint: SHA-256 of the characters and of the split, to tell a changed text.
    """

    documents: tuple[DocumentInfo, ...]
    shares: tuple[Fraction, ...]
    joined: int
    vocabulary: Vocabulary
    numbers: npt.NDArray[np.int32]
    lengths: tuple[tuple[int, ...], ...]
    counts: npt.NDArray[np.int64]
    fingerprint: str

    @cached_property
    def train(self) -> Parts:
        """The training part of each text; may be empty, as the others may."""
        return self._parts(0)

    @cached_property
    def validation(self) -> Parts:
        """The validation part of each text."""
        return self._parts(1)

    @cached_property
    def test(self) -> Parts:
        """The test part of each text."""
        return self._parts(2)

    @property
    def training(self) -> npt.NDArray[np.int32]:
        """The training parts as one text."""
        return self.numbers[: sum(self.lengths[0])]

    @property
    def text(self) -> str:
        """The characters of the only text."""
        parts = self.train, self.validation, self.test
        return "".join(self.vocabulary.decode(part) for (part,) in parts)

    def record(self) -> dict[str, Any]:
        """All but the names of the texts, the shares and the numbers, as JSON."""
        return {
            "documents": [astuple(document)[1:] for document in self.documents],
            "joined": self.joined,
            "characters": self.vocabulary.characters,
            "lengths": self.lengths,
            "counts": self.counts.tolist(),
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_record(
        cls,
        record: Mapping[str, Any],
        numbers: npt.NDArray[np.int32],
        files: Sequence[Path],
        shares: tuple[Fraction, ...],
    ) -> Self:
        """The corpus of these files, given its `record`."""
        return cls(
            tuple(
                DocumentInfo(str(path), *rest)
                for path, rest in zip(files, record["documents"], strict=True)
            ),
            shares,
            record["joined"],
            Vocabulary(record["characters"]),
            numbers,
            tuple(map(tuple, record["lengths"])),
            np.array(record["counts"], np.int64),
            record["fingerprint"],
        )

    def _parts(self, which: int) -> Parts:
        ends = list(accumulate(self.lengths[which], initial=sum(map(sum, self.lengths[:which]))))
        return tuple(self.numbers[begin:end] for begin, end in pairwise(ends))

    def held_out(self, part: HeldOut) -> Parts:
        """A part that something is evaluated on.

        Raises:
            TextError: it has no text, or not the two characters that it takes to predict one.
        """
        found: Parts = getattr(self, part)
        if predictable(found):
            return found
        share = self.shares[1 if part == "validation" else 2]
        total = len(self.numbers)
        if not share:
            cure = "give a split with a share for it, such as 90/5/5"
        elif share * total >= 4:
            cure = "split by file, so that the last ones are held out: --split-by file"
        else:
            cure = f"give {math.ceil(ENOUGH / share):,} characters or more, or a larger share"
        raise TextError(
            f"the {part} part holds no text to evaluate on, of {total:,} characters in all: {cure}"
        )

    def numbered(self, vocabulary: Vocabulary) -> "Corpus":
        """The same texts in the numbers of another vocabulary.

        Raises:
            TextError: they have characters that it lacks.
        """
        if vocabulary == self.vocabulary:
            return self
        occurring = np.flatnonzero(self.counts.sum(axis=0))
        number_of = np.zeros(len(self.vocabulary), np.int32)
        number_of[occurring] = vocabulary.encode(self.vocabulary.decode(occurring))
        numbers = np.empty_like(self.numbers)
        for begin in range(0, len(numbers), CHUNK):
            numbers[begin : begin + CHUNK] = number_of[self.numbers[begin : begin + CHUNK]]
        counts = np.zeros((3, len(vocabulary)), np.int64)
        counts[:, number_of[occurring]] = self.counts[:, occurring]
        return replace(self, vocabulary=vocabulary, numbers=numbers, counts=counts)


def predictable(texts: Iterable[npt.NDArray[np.int32]]) -> list[npt.NDArray[np.int32]]:
    """The texts that have something to predict: a character after their first."""
    return [text for text in texts if len(text) > 1]


def load_corpus(
    sources: Iterable[Source],
    encoding: str | None = None,
    split: Split = DEFAULT_SPLIT,
    vocabulary: Vocabulary | None = None,
    *,
    fetch: bool = True,
    progress: Progress | None = None,
) -> Corpus:
    """Read texts and split them, contiguously, into training, validation and test text.

    Every character belongs to exactly one part, so nothing held out is ever trained on. With n
    characters and shares a, b, c the parts end at floor(a n), floor((a + b) n) and n; a text too
    short for that gives its first character to training. Parts may be empty: that is an error only
    where something must be read from them.

    Args:
        sources: files, folders, URLs, names of corpora; see `recurra.text.sources`.
        encoding: see `recurra.text.decoding.decode`.
        split: shares of training, validation and test, as percentages (90, 5, 5), fractions
            (0.9, 0.05, 0.05) or text "90/5/5"; (100, 0, 0) holds nothing out. A fourth word says
            by what, as in "90/5/5/file": "position" splits each text by itself, "file" all of them
            as one, so that the last files are held out; "auto", the default, does so with those
            that are too short for held-out parts of `ENOUGH` characters. A word "no-frames" leaves
            out what Project Gutenberg puts around a text.
        vocabulary: encode with this one, as to evaluate a model; default: all characters, the
            most frequent in training first.
        fetch: see `recurra.read_documents`.
        progress: called several times a second while a text is downloaded, or a long one is read.

    Raises:
        TextError: a source cannot be read or decoded, or has characters not in `vocabulary`.
        SettingError: the split is not three shares that add up to all.
    """
    shares, by, bare = _parse_split(split)  # refused before anything is read
    found = find_files(sources, fetch=fetch)
    entry = None
    if vocabulary is None and (files := regular_files(found)):
        entry = CacheEntry.of(files, (encoding, tuple(map(str, shares)), bare), by)
        if entry and (kept := entry.find()):
            return Corpus.from_record(*kept, files, shares)
    texts = open_texts(found, encoding, fetch, progress)
    corpus = split_texts(texts, split, vocabulary, entry, progress)
    if entry:
        entry.keep(corpus.record(), joined=corpus.joined > 0)
    return corpus


def split_texts(
    texts: Iterable[DecodedText],
    split: Split = DEFAULT_SPLIT,
    vocabulary: Vocabulary | None = None,
    entry: CacheEntry | None = None,
    progress: Progress | None = None,
) -> Corpus:
    """Read texts, one after the other, and split them; see `load_corpus`.

    Raises:
        TextError: one cannot be decoded, or they have characters not in `vocabulary`.
        SettingError: the split is not three shares that add up to all.
    """
    shares, by, bare = _parse_split(split)
    with closing(CharacterStore()) as store:
        found = [_keep(text, store, bare, progress) for text in texts]
        documents, spans = tuple(it for it, _ in found), [span for _, span in found]
        least = min((share for share in shares[1:] if share), default=math.inf)
        short = {"auto": ENOUGH / least, "file": math.inf, "position": 0}[by]
        groups = group_short([document.characters for document in documents], short)
        wholes = [[spans[place] for place in group] for group in groups]
        joined = len(groups[-1]) if len(groups[-1]) > 1 else 0
        return _number(store, documents, wholes, joined, shares, vocabulary, entry, progress)


def _number(
    store: CharacterStore,
    documents: tuple[DocumentInfo, ...],
    texts: list[list[Span]],
    joined: int,
    shares: tuple[Fraction, ...],
    vocabulary: Vocabulary | None,
    entry: CacheEntry | None,
    progress: Progress | None,
) -> Corpus:
    """Split texts that are in a store; count, hash and number their characters."""
    digest = hashlib.sha256(" ".join(map(str, shares)).encode())
    census, highest, done = np.zeros((3, 0x110000), np.int64), 0, 0
    parts: tuple[list[list[Span]], ...] = ([], [], [])
    for text in texts:
        length = sum(map(len, text))
        first = int(shares[0] * length) or math.ceil(shares[0])
        second = max(first, int((shares[0] + shares[1]) * length))
        digest.update(f" {length} ".encode())
        ends = pairwise((0, first, second, length))
        for part, counts, (begin, end) in zip(parts, census, ends, strict=True):
            part.append(cut_spans(text, begin, end))
            for points in chain.from_iterable(map(store.read, part[-1])):
                digest.update(characters(points).encode("utf-8", "surrogatepass"))
                found = np.bincount(points)
                counts[: len(found)] += found
                highest, done = max(highest, len(found)), done + len(points)
                if progress is not None:
                    progress(f"counting {done:,} of {len(store):,} characters")
    census = census[:, :highest]  # of most texts a small part
    vocabulary = vocabulary or Vocabulary.from_census(census[0], census[1:].sum(axis=0))
    spans = list(chain.from_iterable(chain.from_iterable(parts)))
    number = vocabulary.number

    def chunks() -> Iterator[npt.NDArray[np.int32]]:
        done = 0
        for points in chain.from_iterable(map(store.read, spans)):
            yield number(points)
            done += len(points)
            if progress is not None:
                progress(f"numbering {done:,} of {len(store):,} characters")

    numbers = write_numbers(chunks, int(census.sum()), entry)
    lengths = tuple(tuple(sum(map(len, text)) for text in part) for part in parts)
    counts = np.array([vocabulary.count(one) for one in census])
    return Corpus(
        documents, shares, joined, vocabulary, numbers, lengths, counts, digest.hexdigest()
    )


def _keep(
    text: DecodedText, store: CharacterStore, bare: bool, progress: Progress | None
) -> tuple[DocumentInfo, Span]:
    """Put a text into a store, without its frame if so wished; what it is, and where."""
    begin, frame = len(store), Frame()
    for piece in text:
        frame.read(piece)
        store.append(piece)
        if progress is not None:
            progress(f"reading {text.name}: {len(store):,} characters")
    framed = frame.found
    if framed and bare:
        whole = "".join(map(characters, store.read(Span(begin, len(store)))))
        store.cut(begin)
        store.append(frame.without(whole))
        framed = False
    span = Span(begin, len(store))
    described = text.encoding, text.detected_by, text.replaced
    return DocumentInfo(text.name, len(span), *described, framed), span


def group_short(lengths: Sequence[int], length: float) -> list[list[int]]:
    """Texts that are taken as one, by their places: those shorter than a length, if two or more.

    The others come first, each by itself.
    """
    short = [place for place, own in enumerate(lengths) if own < length]
    if len(short) < 2:
        return [[place] for place in range(len(lengths))]
    return [*([place] for place, own in enumerate(lengths) if own >= length), short]


def _parse_split(split: Split, by: SplitBy = "auto") -> tuple[tuple[Fraction, ...], SplitBy, bool]:
    """Training, validation and test as exact fractions of one; by what; whether without frames."""
    given = re.split("[/,:]", split) if isinstance(split, str) else split
    # By way of text, so that 0.05 is a twentieth.
    words = [str(share).strip() for share in given]
    if bare := NO_FRAMES in words[3:]:
        words.remove(NO_FRAMES)
    for name in get_args(SplitBy):
        if words[3:] == [name]:
            words, by = words[:3], name
    try:
        # 1e999999999 is a number, too, whose digits fill the memory
        shares = [Fraction(word) for word in words if re.fullmatch(_SHARE, word)]
    except (ValueError, ZeroDivisionError):
        shares = []
    total = sum(shares)
    if len(shares) != len(words) or len(shares) != 3 or min(shares) < 0 or total not in (1, 100):
        raise SettingError(
            f"split {split!r} must be three shares of training, validation and test text that add "
            "up to 100 (or 1), such as 90/5/5 or 100/0/0; auto, file or position may follow, as in "
            "90/5/5/file, and no-frames"
        )
    return tuple(share / total for share in shares), by, bare


@dataclass(frozen=True)
class TextSpec:
    """Where texts are, how they are read, and how to tell that they have changed.

    Attributes:
        sources: as they can be found from any folder.
        encoding: of all texts; None: found out for each.
        split: as for `load_corpus`; but without a fourth word, as in version 0.1, by position.
        fingerprint: of the corpus.

    Raises:
        SettingError: the split is not three shares that add up to all, or there is no source.
    """

    sources: tuple[str, ...]
    encoding: str | None
    split: str | tuple[int | float | str, ...]
    fingerprint: str

    def __post_init__(self) -> None:
        _parse_split(self.split)
        if not self.sources:
            raise SettingError("no text is named")

    @classmethod
    def of(
        cls,
        sources: Source | Sequence[Source],
        encoding: str | None,
        split: Split,
        corpus: Corpus | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """The texts as they are now.

        Args:
            sources, encoding, split: as for `load_corpus`.
            corpus: what it made of them, if they have been read.
            progress: see `load_corpus`.

        Raises:
            TextError: one cannot be read, or not again.
        """
        if isinstance(sources, Source):
            sources = [sources]
        if any(map(is_stream, sources)):
            raise TextError(
                "a pipe can be read only once, and only a training from nothing else keeps its "
                "text: write it into a file, and name that"
            )
        corpus = corpus or load_corpus(sources, encoding, split, progress=progress)
        shown = split if isinstance(split, str) else "/".join(map(str, split))
        _, by, bare = _parse_split(split)
        words = [NO_FRAMES] if bare else []
        if corpus.joined or by == "position":  # else it says no more than nothing
            words.append(by)
        shown = "/".join([re.sub("[/,: ]+[a-z].*", "", shown), *words])
        spec = cls(tuple(map(absolute, sources)), encoding, shown, corpus.fingerprint)
        vars(spec)["corpus"] = corpus
        return spec

    def to_json(self) -> dict[str, Any]:
        """The parts that are kept of a file."""
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
            shares, by, bare = _parse_split(self.split, "position")
            split = (*map(str, shares), *[NO_FRAMES] * bare, by)
            found = self._in_order(sources) if sources else self.sources
            corpus = load_corpus(found, self.encoding, split, fetch=allowed)
            self.check(corpus, owner)
            vars(self)["corpus"] = corpus
        return corpus

    def _in_order(self, sources: Sequence[Source]) -> list[Source]:
        """Texts that were moved, in the order in which they were named at first."""
        place = {Path(source).name: place for place, source in enumerate(self.sources)}
        return sorted(sources, key=lambda source: place.get(Path(source).name, len(place)))

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
