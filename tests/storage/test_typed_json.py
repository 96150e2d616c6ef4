"""JSON against types: what fits comes back, all else is one sentence with its place."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import RunError, SettingError
from recurra.storage.typed_json import read_typed


@dataclass(frozen=True)
class Inner:
    sizes: int | dict[str, int]
    kind: Literal["last", "best"] = "last"

    def __post_init__(self) -> None:
        if self.sizes == 13:
            raise SettingError("13 brings bad luck")


@dataclass(frozen=True)
class Outer:
    name: str
    loss: float
    inner: Inner
    words: tuple[str, ...]
    seconds: float | None = None
    yes: bool = False


GOOD = {"name": "a", "loss": 1.5, "inner": {"sizes": 3}, "words": ["x"]}


def read(value: object, **options: bool) -> Outer:
    return read_typed(Outer, value, "RUN/x.json", **options)


@given(
    st.builds(
        Outer,
        st.text(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.builds(
            Inner,
            st.integers(14, 10**20) | st.dictionaries(st.text(), st.integers()),
            st.sampled_from(["last", "best"]),
        ),
        st.lists(st.text()).map(tuple),
        st.none() | st.floats(0, 1),
        st.booleans(),
    )
)
def test_what_was_written_is_read(outer: Outer) -> None:
    assert read(json.loads(json.dumps(asdict(outer)))) == outer


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 3}, "name has to be text, not 3"),
        ({"loss": "x"}, "loss has to be a number, not 'x'"),
        ({"loss": None}, "loss has to be a number, not None"),
        ({"loss": True}, "loss has to be a number, not True"),
        ({"loss": math.inf}, "loss has to be a number, not inf"),
        ({"loss": 10**400}, "loss has to be a number, not 1000"),
        ({"seconds": []}, r"seconds has to be a number or null, not \[\]"),
        ({"inner": []}, r"inner has to be an object, not \[\]"),
        ({"inner": {}}, "inner.sizes is missing"),
        ({"inner": {"sizes": True}}, "inner.sizes has to be a whole number or an object, not True"),
        ({"inner": {"sizes": {"a": 1.5}}}, "inner.sizes.a has to be a whole number, not 1.5"),
        ({"inner": {"sizes": 1, "kind": "x"}}, "inner.kind has to be one of last, best, not 'x'"),
        ({"inner": {"sizes": 1, "kind": []}}, "inner.kind has to be one of last, best"),
        ({"inner": {"sizes": 13}}, "inner is refused: 13 brings bad luck"),
        ({"words": "x"}, "words has to be a list, not 'x'"),
        ({"words": ["x", 3]}, "words.1 has to be text, not 3"),
        ({"yes": 1}, "yes has to be true or false, not 1"),
        ({"more": 1}, "more is a field that Recurra does not know"),
        ({"\x9b2J\n": 1}, r"'\\x9b2J\\n' is a field that Recurra does not know"),
        ({"x" * 10**5: 1}, r"x{57}\.\.\. is a field that Recurra does not know"),
    ],
)
def test_what_does_not_fit_is_one_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(RunError, match=rf"^RUN/x\.json: {sentence}.*: restore a backup$"):
        read({**GOOD, **change})


def test_the_whole_may_be_wrong_and_long_values_are_cut() -> None:
    with pytest.raises(RunError, match="its content has to be an object, not 3"):
        read(3)
    with pytest.raises(RunError) as caught:
        read({**GOOD, "loss": "x" * 1000})
    assert len(str(caught.value)) < 150


def test_lenient_files_may_say_more_and_null_is_no_number() -> None:
    found = read({**GOOD, "more": 1, "loss": None, "seconds": None}, lenient=True)
    assert math.isnan(found.loss)
    assert found.seconds is None
