"""Vocabulary and streams, against plain Python loops."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recurra.errors import TextError
from recurra.text.batches import Streams
from recurra.text.vocabulary import Vocabulary

# Lone surrogates too: a given encoding may produce them.
texts = st.text(st.characters(), min_size=1)


@given(texts)
def test_encode_is_the_place_among_the_characters_most_frequent_first(text: str) -> None:
    vocabulary = Vocabulary.from_texts(text)
    characters = sorted(set(text), key=lambda one: (-text.count(one), one))
    place = {character: number for number, character in enumerate(characters)}
    numbers = vocabulary.encode(text)
    assert numbers.dtype == np.int32
    assert numbers.tolist() == [place[character] for character in text]
    assert vocabulary.decode(numbers) == text
    assert len(vocabulary) == len(place)


@pytest.fixture(scope="module", params=[1, 3, 2**20])
def _piece(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recurra.text.vocabulary.PIECE", request.param)
        yield


@pytest.mark.usefixtures("_piece")
@given(texts, texts)
def test_unknown_characters_are_named_once_in_order(known: str, text: str) -> None:
    vocabulary = Vocabulary.from_texts(known)
    strangers: list[str] = []
    for character in text:
        if character not in known and character not in strangers:
            strangers.append(character)
    assert vocabulary.unknown(text) == strangers
    assert vocabulary.known(text) == "".join(one for one in text if one in known)
    if strangers:
        with pytest.raises(TextError) as caught:
            vocabulary.encode(text)
        assert all(f"U+{ord(one):04X}" in str(caught.value) for one in strangers[:8])
    else:
        assert vocabulary.decode(vocabulary.encode(text)) == text


def test_many_unknown_characters_make_a_short_message() -> None:
    with pytest.raises(TextError, match=r"'b' \(U\+0062\).* and 17 more: leave"):
        Vocabulary("a").encode("abcdefghijklmnopqrstuvwxyz")


def test_several_texts_share_one_vocabulary() -> None:
    vocabulary = Vocabulary.from_texts("吾輩は", "cat", "は𠮷")
    assert vocabulary.characters == "はact吾輩𠮷"
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.decode([6, 0]) == "𠮷は"


def test_what_is_only_held_out_stands_last_however_frequent() -> None:
    vocabulary = Vocabulary.from_texts("abb", "b", held_out=["zzzzz", "aaaaaey", "y"])
    assert vocabulary.characters == "baeyz"


@pytest.mark.parametrize("characters", ["", "aba", "aab"])
def test_edited_vocabulary_is_refused(characters: str) -> None:
    with pytest.raises(TextError, match="each once"):
        Vocabulary(characters)


@given(
    length=st.integers(2, 200),
    batch=st.integers(1, 5),
    seq_len=st.integers(1, 20),
    steps=st.integers(1, 30),
)
def test_streams_are_pointers_into_the_text(
    length: int, batch: int, seq_len: int, steps: int
) -> None:
    span = length // batch
    assume(span > seq_len)
    streams = Streams(np.arange(length, dtype=np.int32), batch, seq_len)
    position, seen = 0, 0
    for step in range(steps):
        if position + seq_len + 1 > span:
            position = 0
        assert (step % streams.steps_per_epoch == 0) == (position == 0)
        starts = [stream * span + position for stream in range(batch)]
        expected = [[start + offset for start in starts] for offset in range(seq_len)]
        inputs, targets, restarted = streams.next()
        assert inputs.tolist() == expected
        assert targets.tolist() == [[number + 1 for number in row] for row in expected]
        assert restarted == (position == 0)
        assert inputs.dtype == targets.dtype == np.int32
        assert inputs.flags.c_contiguous
        assert targets.flags.c_contiguous
        position += seq_len
        assert streams.position == position
        seen += inputs.size
    assert seen == steps * batch * seq_len


@given(st.integers(0, 25))
def test_streams_resume_where_they_stood(steps: int) -> None:
    text = np.random.default_rng(3).integers(0, 50, 97, dtype=np.int32)
    whole, resumed = Streams(text, 3, 4), Streams(text, 3, 4)
    for _ in range(steps):
        whole.next()
    resumed.position = whole.position
    for _ in range(10):
        one, other = whole.next(), resumed.next()
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
        assert one[2] == other[2]


def test_streams_do_not_copy_the_text() -> None:
    text = np.zeros(1_001, np.int32)
    streams = Streams(text, 4, 10)
    text[:] = 7
    assert streams.next()[0].min() == 7


def test_text_shorter_than_a_step_names_the_cure() -> None:
    with pytest.raises(TextError, match=r"19 characters, .* needs 20: .*--batch or --seq-len"):
        Streams(np.zeros(19, np.int32), 2, 9)
    assert Streams(np.zeros(20, np.int32), 2, 9).steps_per_epoch == 1
    with pytest.raises(TextError, match="1 characters"):
        Streams(np.zeros(1, np.int32), 1, 1)
