"""Files in pieces that end where lines do, so that each can be decoded by itself."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

PIECE = 2**22  # bytes
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# A line end or a space is no part of another character, nor does it change how others are read.
_LINEWISE = frozenset(
    codecs.lookup(name).name
    for name in (
        "utf-8", *WIDE, "ascii", "gb2312", "gbk", "gb18030", "big5", "big5hkscs", "cp950", "cp932",
        "shift_jis", "euc_jp", "euc_jis_2004", "euc_kr", "cp949", "iso8859-1", "cp1250", "cp1251",
        "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "cp874", "cp866", "iso8859_2",
        "iso8859_5", "tis_620", "cp437", "cp850",
    )
)  # fmt: skip


def read_pieces(file: BinaryIO, codec: str, size: int = PIECE) -> Iterator[bytes]:
    """The rest of a file in pieces of about so many bytes, cut behind the ends of lines.

    Where there is none, they are cut behind a space, and without that not at all. An encoding in
    which a byte's meaning may depend on all bytes before it makes one piece.

    Args:
        file: open at a place where a character begins.
        codec: its encoding.
        size: bytes; a multiple of four.
    """
    kept: list[bytes] = []
    linewise = codecs.lookup(codec).name in _LINEWISE
    while block := file.read(size):
        if end := _end_of_line(block, codec) if linewise else 0:
            yield b"".join([*kept, block[:end]])
            kept = []
        kept.append(block[end:])
    if rest := b"".join(kept):
        yield rest


def _end_of_line(block: bytes, codec: str) -> int:
    """The place behind the last end of a line, or else the last space; 0 without any."""
    for mark in (character.encode(codec) for character in "\n\r "):
        # LF may follow CR, and one character reads both
        end = len(block) - len(mark) if mark.strip(b"\0") == b"\r" else len(block)
        while (found := block.rfind(mark, 0, end)) >= 0:
            if found % len(mark) == 0:
                return found + len(mark)
            end = found + len(mark) - 1
    return 0
