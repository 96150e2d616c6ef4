"""Pieces of files: nothing is lost, and each reads as it does within the whole."""

from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.text.decoding import DecodedText, decode
from recurra.text.pieces import read_pieces

CODECS = ["utf-8", "utf-16-le", "utf-16-be", "utf-32-be", "gb18030", "big5", "cp932", "cp1252"]


@given(
    text=st.text(st.sampled_from("ab \n\rĊഀ中人𠮷é"), max_size=60),
    codec=st.sampled_from(CODECS),
    size=st.sampled_from([4, 8, 12, 64]),
)
def test_pieces_are_the_file_and_decode_alone(text: str, codec: str, size: int) -> None:
    data = text.encode(codec, "ignore")
    pieces = list(read_pieces(BytesIO(data), codec, size))
    assert b"".join(pieces) == data
    assert "".join(piece.decode(codec) for piece in pieces) == data.decode(codec)
    for piece, after in pairwise(pieces):
        last = piece.decode(codec)[-1]
        assert last in "\n\r "
        assert last != "\r" or not after.decode(codec).startswith("\n")


@given(data=st.lists(st.sampled_from([*(bytes([n]) for n in range(256)), b"\r\n"])).map(b"".join))
@pytest.mark.parametrize("codec", ["utf-8", "gb18030", "big5", "cp932", "euc_jp", "cp949"])
def test_broken_places_are_those_of_the_whole(data: bytes, codec: str) -> None:
    pieces = list(read_pieces(BytesIO(data), codec, 16))
    for errors in ("replace", "ignore"):
        apart = "".join(piece.decode(codec, errors) for piece in pieces)
        assert apart == data.decode(codec, errors)


def test_an_encoding_with_a_memory_is_one_piece() -> None:
    data = "日本\n語\n".encode("iso2022_jp")
    assert list(read_pieces(BytesIO(data), "iso2022_jp", 4)) == [data]


def test_a_text_of_many_pieces_is_that_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    data = ("a line\r\nand one with CR\rthe next\n" * 40 + "\x1a\xff").encode("cp1252")
    whole = decode(data, "x")
    monkeypatch.setattr(read_pieces, "__defaults__", (16,))
    text = DecodedText(BytesIO(data), "x")
    assert len(list(text)) > 40
    assert text.document() == whole
