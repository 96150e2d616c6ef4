"""Bytes to text. The oracles are Python's own codecs, run forwards."""

import codecs
import os
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import TextError
from recurra.text import encoding_detection
from recurra.text.decoding import decode

CHINESE = (
    "且说那日天色将晚，三人进得店来，拣个座头坐下。店小二问道：“客官要吃些什么？”"
    "那大汉笑道：“先打两角酒，切三斤牛肉，我们吃了还要赶路。”"
)
TRADITIONAL = (
    "且說那日天色將晚，三人進得店來，揀個座頭坐下。店小二問道：「客官要吃些甚麼？」"
    "那大漢笑道：「先打兩角酒，切三斤牛肉，我們吃了還要趕路。」"
)
JAPANESE = (
    "その夜、雨はまだ降りつづいていた。老人は窓のそばに立って、遠くの町の灯をながめながら、"
    "昔のことを思い出していた。カメラを持った旅人がひとり、坂をのぼってくる。"
)
KOREAN = (
    "그날 저녁에도 비는 그치지 않았다. 노인은 창가에 서서 멀리 보이는 마을의 불빛을 바라보며 "
    "오래전 일을 생각하고 있었다. 나그네 한 사람이 고개를 넘어왔다."
)
RUSSIAN = (
    "В тот вечер дождь всё ещё не переставал. Старик стоял у окна и смотрел на далёкие огни "
    "города, вспоминая прошлое. По дороге медленно поднимался одинокий путник."
)
FRENCH = (
    "Ce soir-là, la pluie n’avait pas cessé. Près de la fenêtre, le vieillard rêvait à l’été "
    "passé ; « Où êtes-vous, mes frères ? » répétait-il, et son cœur se serrait déjà."
)
SPANISH = (
    "Aquella noche la lluvia no había cesado. El señor miraba el jardín y pensaba en los años "
    "pasados: ¿dónde estáis, compañeros? ¡Qué lejos quedó el otoño!"
)
POLISH = (
    "Litwo! Ojczyzno moja! ty jesteś jak zdrowie. Ile cię trzeba cenić, ten tylko się dowie, kto "
    "cię stracił. Dziś piękność twą w całej ozdobie widzę i opisuję, bo tęsknię po tobie. Panno "
    "Święta, co Jasnej bronisz Częstochowy i w Ostrej świecisz Bramie! "
)
THAI = (
    "คืนนั้นฝนยังไม่หยุดตก ชายชราคนหนึ่งยืนอยู่ที่หน้าต่าง มองดูแสงไฟของเมืองที่อยู่ห่างไกล "
    "และนึกถึงวันเวลาเก่า ๆ ที่ผ่านไปแล้ว นักเดินทางคนหนึ่งเดินขึ้นเนินมาช้า ๆ"
)
ENGLISH = "I don’t know what you’re after, and it’s late; we’d rather go home than wait.\n" * 3


@pytest.mark.parametrize(
    ("text", "codec", "found"),
    [
        (CHINESE, "gb2312", "gb18030"),
        (CHINESE + "镕囍㑇𠮷", "gb18030", "gb18030"),
        (TRADITIONAL, "big5", "cp950"),
        (TRADITIONAL + "嘅咗啲冇𨋢", "big5hkscs", "big5hkscs"),
        (JAPANESE, "shift_jis", "cp932"),
        (JAPANESE, "euc_jp", "euc_jis_2004"),
        (KOREAN, "euc_kr", "cp949"),
        (KOREAN, "cp949", "cp949"),
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8_r", "koi8-r"),
        (FRENCH, "cp1252", "cp1252"),
        (FRENCH.replace("’", "'").replace("œ", "oe"), "latin_1", "cp1252"),
        (SPANISH, "latin_1", "cp1252"),
        (POLISH, "cp1250", "cp1250"),
        (POLISH, "iso8859_2", "iso8859-2"),
        (THAI, "cp874", "cp874"),
        (ENGLISH, "cp1252", "cp1252"),
        (ENGLISH, "utf-16-le", "utf-16-le"),
        (CHINESE + "\n", "utf-16-be", "utf-16-be"),
        (JAPANESE + "\n", "utf-16-le", "utf-16-le"),
        (CHINESE, "utf-32-le", "utf-32-le"),
    ],
)
def test_encoding_is_detected(text: str, codec: str, found: str) -> None:
    document = decode(text.encode(codec), "a novel")
    assert (document.text, document.encoding, document.detected_by) == (text, found, "detected")
    assert document.replaced == 0


@pytest.mark.parametrize(
    ("text", "rare", "codec"),
    [
        (CHINESE, "", "gb18030"),
        (TRADITIONAL, "", "cp950"),
        (TRADITIONAL, "嘅咗啲冇𨋢", "big5hkscs"),
        (JAPANESE, "", "cp932"),
        (ENGLISH.replace("’", "'"), "’", "cp1252"),
        (ENGLISH, "", "utf-16-be"),
    ],
)
def test_a_sample_finds_what_the_whole_file_tells(
    text: str, rare: str, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding_detection, "_BLOCK", 512)
    long = f"{text}\n" * 150
    document = decode((long + rare + long).encode(codec), "a long novel")
    assert (document.encoding, document.replaced) == (codec, 0)
    assert document.text == long + rare + long


@pytest.mark.parametrize(
    ("given", "newer", "text"),
    [
        ("latin-1", "cp1252", "“It’s late” — she said…"),
        ("gb2312", "gb18030", "朱镕基：你好，囍"),
        ("shift_jis", "cp932", "①髙橋"),
        ("big5", "big5hkscs", "嘅咗啲"),
        ("euc_kr", "cp949", "똠방각하"),
        ("tis_620", "cp874", f"“{THAI}”"),
    ],
)
def test_a_given_standard_stands_for_the_newer_one_that_holds_it(
    given: str, newer: str, text: str
) -> None:
    document = decode(text.encode(newer), "a novel", given)
    assert (document.text, document.encoding, document.replaced) == (text, newer, 0)
    plain = "plain text, 1234"
    assert decode(plain.encode(given), "a novel", given).text == plain


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (CHINESE, "gb18030"),
        (TRADITIONAL, "cp950"),
        (JAPANESE, "euc_jis_2004"),
        (KOREAN, "cp949"),
        (CHINESE, "utf-8"),
        (FRENCH, "utf-8"),
    ],
)
def test_broken_bytes_are_replaced_counted_and_mislead_nobody(text: str, codec: str) -> None:
    pieces = [text[start : start + 40] for start in range(0, len(text), 40)]
    document = decode(b"\xff".join(piece.encode(codec) for piece in pieces), "a torn novel")
    assert document.text == "\ufffd".join(pieces)
    assert (document.encoding, document.detected_by) == (codec, "detected")
    assert document.replaced == len(pieces) - 1


def test_what_was_replaced_already_is_not_counted_again() -> None:
    text = f"{CHINESE}\ufffd{CHINESE}"
    assert decode(text.encode(), "x").replaced == 0
    torn = decode(text.encode() + "终".encode()[:2], "x")
    assert (torn.text, torn.replaced) == (text + "\ufffd", 1)


@given(
    lines=st.lists(
        st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff"))
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(
        [
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (codecs.BOM_UTF32_LE, "utf-32-le"),
            (codecs.BOM_UTF32_BE, "utf-32-be"),
            ("\ufeff".encode("gb18030"), "gb18030"),
        ]
    ),
)
def test_byte_order_mark_decides_and_line_ends_become_lf(
    lines: list[str], end: str, mark: tuple[bytes, str]
) -> None:
    lines = ["first", *lines]
    data = mark[0] + end.join(lines).encode(mark[1])
    for encoding in (None, "cp1252"):
        document = decode(data, "x", encoding)
        assert document.text == "\n".join(lines)
        assert (document.encoding, document.detected_by) == (mark[1], "byte-order mark")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_strict_utf8_is_taken_at_its_word(text: str) -> None:
    document = decode(("x" + text).encode(), "x")
    assert document.text == "x" + text
    assert (document.encoding, document.detected_by, document.replaced) == ("utf-8", "UTF-8", 0)


def test_mixed_line_ends_and_other_separators() -> None:
    text = decode("a\rb\r\nc\n\rd\u0085e\u2028f\x0cg\th".encode(), "x").text
    assert text == "a\nb\nc\n\nd\u0085e\u2028f\x0cg\th"


def test_given_encoding_is_obeyed() -> None:
    document = decode(KOREAN.encode("cp949"), "x", "EUC-KR")
    assert (document.encoding, document.detected_by) == ("euc_kr", "given")
    # Seven-bit encodings look like ASCII: only the user can know.
    assert decode(JAPANESE.encode("iso2022_jp"), "x", "iso2022_jp").text == JAPANESE
    assert decode("é".encode("cp850"), "x", "cp850").text == "é"


@pytest.mark.parametrize("encoding", ["no-such-thing", "hex", "rot13", "undefined", "a\0b", ""])
def test_unknown_encoding_is_named(encoding: str) -> None:
    with pytest.raises(TextError, match="not a text encoding that Python can read") as caught:
        decode(b"abc", "x", encoding)
    assert repr(encoding) in str(caught.value)


def test_wrong_given_encoding_is_refused_rather_than_replaced_everywhere() -> None:
    with pytest.raises(TextError, match=r"x cannot be read as utf-8 .*leave out --encoding"):
        decode(CHINESE.encode("gb18030"), "x", "utf-8")


@pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE])
def test_empty_file_is_refused(data: bytes) -> None:
    with pytest.raises(TextError, match="x is empty"):
        decode(data, "x")


noise = random.Random(5)


@pytest.mark.parametrize(
    "data",
    [
        noise.randbytes(40_000),
        noise.randbytes(40_000).replace(b"\0", b""),
        zlib.compress(CHINESE.encode() * 50 + noise.randbytes(2_000)),
        bytes(5_000),
        b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\0>\0\x01\0\0\0" * 200,
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0\0\0\x01\0\x08\x06" + noise.randbytes(5_000),
        b"".join(number.to_bytes(2, "little") for number in range(3_000)),
        b"plain words \x01\x02\x03" * 100,
    ],
    ids=["noise", "no zeros", "compressed", "zeros", "program", "picture", "numbers", "controls"],
)
def test_binary_file_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(TextError, match=r"a\.bin .*--encoding"):
        decode(data, f"folder{os.sep}a.bin")


def test_a_few_stray_control_characters_are_broken_places() -> None:
    document = decode(CHINESE.encode("gb18030") * 9 + b"\0\x1b[2J", "x")
    assert document.text == CHINESE * 9 + "\ufffd\ufffd[2J"
    assert (document.encoding, document.replaced) == ("gb18030", 2)
    assert decode(b"end\r\n\x1a", "x").text == "end\n\ufffd"


def test_one_character() -> None:
    assert decode("猫".encode(), "x").text == "猫"
