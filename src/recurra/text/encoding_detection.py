"""The encoding of bytes that do not tell it themselves.

Detection decodes a sample in every likely East Asian encoding and asks of each result which share
of its non-ASCII characters is at home in such a text: Chinese read in a wrong code page is full of
broken bytes, private-use characters and half-width katakana. Broken bytes count against a candidate
but do not rule it out, so a damaged novel is still recognised. Supersets are tried in place of the
older standards (GB18030 for GB2312 and GBK, Windows code pages for Shift-JIS, EUC-KR and Big5;
Big5-HKSCS where it decodes more). Code pages of one byte a character, all of which decode anything,
are left to charset-normalizer's language statistics.

The sample is all of a short file; of a longer one, blocks from its beginning to its end that have
more than ASCII. Encodings that read it about as well are compared on the whole file.
"""

import re
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from recurra.text.code_points import census, code_points
from recurra.text.pieces import WIDE, read_pieces

TOLERATED = 0.1  # share of broken places above which an encoding is not the right one
# The order is the preference among code pages that read the text alike.
_SINGLE_BYTE = (
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256",
    "cp874", "cp866", "iso8859_2", "iso8859_5",
)  # fmt: skip
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
# In Thai, vowels and tones are written above and below a consonant, and some vowels before it.
_NOT_THAI = re.compile(
    "(?<![\u0e01-\u0e2e\u0e31-\u0e3a\u0e47-\u0e4e])[\u0e31-\u0e3a\u0e47-\u0e4e]"
    "|[\u0e40-\u0e44](?![\u0e01-\u0e2e])|\ufffd"
)

_BLOCK, _BLOCKS = 2**16, 24  # bytes of a block, blocks of a sample
_ALIKE = 0.01  # difference in strangeness that a sample cannot tell from none
_SAMPLE = 65_536  # bytes that charset-normalizer sees


def detect(file: BinaryIO) -> str | None:
    """The encoding of a text that is not UTF-8 throughout; None if it seems to have none."""
    data, whole = _sample(file)
    text, broken = decode_replacing(data, "utf-8")
    # Few bytes of other encodings happen to be UTF-8: of the pairs of GB18030 about a fifth.
    if broken <= 0.3 * sum(map(len, re.findall(r"[^\x00-\x7f]+", text))):
        return "utf-8"
    if _is_thai(data):
        return "cp874"
    for group, script, least in _EAST_ASIAN:
        strangeness = {codec: _strangeness([data], codec, script, least) for codec in group}
        alike = [it for it in group if strangeness[it] <= min(strangeness.values()) + _ALIKE]
        if min(strangeness.values()) <= TOLERATED and len(alike) > 1 and not whole:
            for codec in alike:
                file.seek(0)
                pieces = read_pieces(file, codec)
                strangeness[codec] = _strangeness(pieces, codec, script, least)
        best = min(alike, key=strangeness.__getitem__)
        if strangeness[best] <= TOLERATED:
            return best
    return _detect_single_byte(data)


def detect_wide(file: BinaryIO) -> str | None:
    """UTF-16 or UTF-32 without a mark; None where the zero bytes mean something else."""
    data, _ = _sample(file, wide=True)
    best, most = None, 0
    for codec in WIDE:
        text = data.decode(codec, "replace")
        at_home = _count(census(code_points(text)), _SCRIPTS)
        # In the wrong byte order many letters still turn into Han characters, but a space, an end
        # of line or a Chinese stop turns into something rare.
        separators = sum(map(text.count, " \n\u3000，。、"))
        if at_home >= (1 - TOLERATED) * len(text) and separators > most:
            best, most = codec, separators
    return best


def _sample(file: BinaryIO, *, wide: bool = False) -> tuple[bytes, bool]:
    """Bytes from all over a file, and whether nothing is missing that is not ASCII."""
    file.seek(0)
    blocks = iter(lambda: file.read(_BLOCK), b"") if wide else read_pieces(file, "utf-8", _BLOCK)
    places, place = [], 0
    for block in blocks:
        places.append((place, len(block), wide or not block.isascii()))
        place += len(block)
    if len(places) > _BLOCKS:
        places = [it for it in places if it[2]]
    kept = min(len(places), _BLOCKS)
    data = []
    for number in range(kept):
        place, length, _ = places[number * len(places) // kept]
        file.seek(place)
        data.append(file.read(length))
    return b"".join(data), kept == len(places)


def _strangeness(pieces: Iterable[bytes], codec: str, script: str, least: float) -> float:
    """Share of the non-ASCII characters not at home in such a text; 1 where it cannot be one."""
    counts, all_wide, pairs = np.zeros(0x110000, np.int64), 0, 0
    for piece in pieces:
        points = code_points(piece.decode(codec, "replace"))
        wide = points >= 0x80
        counts += census(points)
        all_wide += int(np.count_nonzero(wide))
        pairs += int(np.count_nonzero(wide[1:] & wide[:-1]))
    letters = _count(counts, ("han", "kana", "hangul"))
    # Han characters come in rows; an accented letter or a curly apostrophe that, with the ASCII
    # letter after it, happens to make one stands alone.
    if pairs < 0.5 * all_wide or _count(counts, (script,)) < least * letters:
        return 1.0
    return 1.0 - (letters + _count(counts, ("marks",))) / all_wide


def _is_thai(data: bytes) -> bool:
    """Whether nearly all bytes above ASCII, most of them in rows, spell Thai syllables."""
    text = data.decode("cp874", "replace")
    rows = [len(row) for row in re.findall(r"[\u0e01-\u0e5b]{2,}", text)]
    wide = len(data.translate(None, bytes(range(0x80))))
    # two bytes a character make rows of an even length
    odd = sum(length % 2 for length in rows)
    mistakes = len(_NOT_THAI.findall(text))
    return sum(rows) > 0.9 * wide and mistakes < 0.01 * wide and odd > 0.2 * len(rows)


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


def decode_replacing(data: bytes, codec: str) -> tuple[str, int]:
    """The text, and how many broken places became U+FFFD."""
    try:
        return data.decode(codec), 0
    except UnicodeDecodeError:
        text = data.decode(codec, "replace")
        # The difference leaves out every U+FFFD that was in the file itself.
        return text, text.count("\ufffd") - data.decode(codec, "ignore").count("\ufffd")


def _count(counts: npt.NDArray[Any], scripts: Iterable[str]) -> int:
    return int(sum(counts[low:high].sum() for name in scripts for low, high in _SCRIPTS[name]))
