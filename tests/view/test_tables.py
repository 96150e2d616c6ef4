"""Tables, numbers and words: each said in one place, shown in every form."""

import csv
import io
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import SettingError
from recurra.view import numbers
from recurra.view.tables import Column, Table, html, markdown
from recurra.view.words import LANGUAGES, Words, table

PLACE = re.compile(r"(?<!\\dots, )\{(\w+)\}")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"), (0.5, "0.500"), (0.004, "0.004"), (3e-5, "3e-05"),
        (2000.4, "2,000"), (None, "–"), (math.nan, "–"), (-math.inf, "–"), (True, "true"),
        ("<b>", "<b>"), (0.0, "0.000"),
    ],
)  # fmt: skip
def test_numbers(value, shown):
    assert numbers.number(value) == shown


def test_digits_of_losses_gaps_speeds_and_times():
    assert numbers.loss(1.25) == "1.2500"
    assert numbers.gap(-0.5) == "−0.5000"
    assert numbers.losses((1.0, 2.5)) == "1.0000 – 2.5000"
    assert numbers.losses((-math.inf, math.inf)) == "–"
    assert [numbers.whole(speed) for speed in (9241.3, 998.852)] == ["9,241", "999"]
    assert [numbers.duration(s) for s in (59.6, 3725.0, None)] == ["1:00", "1:02:05", "–"]
    assert numbers.loss(12575305871576.8) == "1.26e+13"
    assert [numbers.counted(n, "seed") for n in (0, 1, 1234)] == [
        "0 seeds",
        "1 seed",
        "1,234 seeds",
    ]
    assert numbers.setting({"a": 1, "": 2}) == "a=1, 2"
    assert numbers.shape((65, 256)) == "65 x 256"


def cells(columns, rows, language="en"):
    return Table(*columns).show(rows, Words(language))


def test_columns_of_numbers_are_flush_right_and_text_is_escaped():
    columns = [Column("a", "a", lambda row: row[0]), Column("b", "b<", lambda row: row[1])]
    made = ElementTree.fromstring(html(cells(columns, [(1, "x&"), (None, "2")])))
    assert [cell.get("class") for cell in made.iter("td")] == ["n", None, "n", None]
    assert [cell.get("class") for cell in made.iter("th")] == ["n", None]
    assert [cell.text for cell in made.iter("td")] == ["1", "x&", "–", "2"]


def test_headings_and_states_follow_the_language():
    columns = [
        Column("network", "network", str),
        Column("own", {"en": "mine", "zh": "我的"}, lambda _: 1),
        Column("state", "a name", lambda _: "done", words="state "),
    ]
    english, chinese = (cells(columns, ["rnn"], language) for language in LANGUAGES)
    assert english.headings == ["network", "mine", "a name"]
    assert chinese.headings == ["网络", "我的", "a name"]
    assert english.rows == [("rnn", "1", "trained in full")]
    assert chinese.rows == [("rnn", "1", "完整训练")]


def test_a_value_that_is_a_key_of_the_words_stays_a_value():
    assert cells([Column("network", "network", str)], ["test"], "zh").rows == [("test",)]


def test_columns_without_values_and_columns_for_programs():
    columns = [
        Column("a", "a", lambda row: row),
        Column("b", "b", lambda _: None, optional=True),
        Column("c", "c", lambda _: "secret", hidden=True),
    ]
    assert cells(columns, [1]).headings == ["a"]
    assert Table(*columns).records([1]) == [{"a": 1, "b": None, "c": "secret"}]
    assert Table(*columns).csv([1]) == "a,b,c\n1,,secret\n"


def test_a_column_can_be_put_after_another():
    one = Table(Column("a", "a", str), Column("b", "b", str))
    other = one.copy().add(Column("c", "c", str), after="a")
    assert [column.key for column in other.columns] == ["a", "c", "b"]
    assert [column.key for column in one.columns] == ["a", "b"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "＝1"])
def test_no_spreadsheet_takes_a_text_for_a_formula(text):
    made = Table(Column("a", "a", lambda row: row))
    ((first,), (second,)) = list(csv.reader(io.StringIO(made.csv([text, -1]))))[1:]
    assert (first, second) == (f"'{text}", "-1")


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=9).map("x{}".format)


@given(st.lists(st.tuples(TEXT, st.integers()), max_size=4))
def test_a_table_reads_back(rows):
    made = Table(Column("a|", "a|", lambda row: row[0]), Column("b", "b", lambda row: row[1]))
    assert list(csv.reader(io.StringIO(made.csv(rows))))[1:] == [[a, str(b)] for a, b in rows]
    lines = markdown(made.show(rows)).split("\n")
    assert len(lines) == 2 + len(rows)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} <= {3}


def test_every_key_has_words_with_the_same_places_in_every_language():
    english, *others = map(table, LANGUAGES)
    for other in others:
        assert other.keys() == english.keys()
        for key, words in english.items():
            assert sorted(PLACE.findall(words)) == sorted(PLACE.findall(other[key])), key


def test_words_are_filled_and_lists_joined():
    words = Words("en")
    assert words("size", hidden=8, parameters="1,234") == "hidden 8, 1,234 parameters"
    assert words.list(["a", "b", "c"]) == "a, b and c"
    assert words.list(["a"]) == "a"
    assert words.known("nonsense") == "nonsense"
    with pytest.raises(SettingError, match="no language fr: choose one of en, zh"):
        Words("fr")
