"""JSON values of a file, checked against types: one sentence with the file and the field.

Types are those of dataclass fields: ``int``, ``float``, ``str``, ``bool``, ``None``, unions,
``Literal``, ``tuple[X, ...]``, ``list[X]``, ``dict[str, X]``, and dataclasses. A whole number will
do as a float; numbers are finite, and whole ones not above `LARGEST`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from recurra.errors import RecurraError, RunError

LARGEST = 10**300  # a float can hold it
RESTORE = "restore a backup"

T = TypeVar("T")


Mode = Literal["strict", "lenient", "exact"]


def read_typed(
    type_: type[T],
    value: Any,
    file: object,
    cure: str = RESTORE,
    *,
    lenient: bool = False,
    exact: bool = False,
) -> T:
    """The value as one of a type.

    Args:
        type_: mostly a dataclass; an object's keys are its fields.
        value: of `json.loads`.
        file: where it stands: a path, and a line if there are several.
        cure: how to mend the file, as a clause.
        lenient: leave out unknown keys instead of refusing them, and read null as NaN where a
            float has to be.
        exact: floats may be NaN and infinite.

    Raises:
        RunError: it is not of the type, or a dataclass refuses it.
    """
    try:
        wanted: Any = type_
        mode: Mode = "lenient" if lenient else "exact" if exact else "strict"
        found: T = _reader(wanted, mode).read(value)
    except _MismatchError as mismatch:
        # a stranger's names: of any length, with any characters
        names = (shortened(n if n.isprintable() else repr(n)) for n in mismatch.path)
        field = ".".join(names) or "its content"
        raise RunError(f"{file}: {field} {mismatch}: {cure}") from None
    return found


class _MismatchError(Exception):
    """A value of another type; `path` leads to it from the outermost object."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.path = path

    def within(self, name: object) -> "_MismatchError":
        return _MismatchError(str(self), str(name), *self.path)


def shortened(text: str) -> str:
    """The beginning of a long value, for a message."""
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass(frozen=True)
class _Reader:
    """Reads the values of one type."""

    words: str
    accepts: Callable[[Any], bool]
    convert: Callable[[Any], Any] = lambda value: value

    def read(self, value: Any) -> Any:
        if not self.accepts(value):
            raise _MismatchError(f"has to be {self.words}, not {shortened(repr(value))}")
        return self.convert(value)

    def read_field(self, name: object, value: Any) -> Any:
        try:
            return self.read(value)
        except _MismatchError as mismatch:
            raise mismatch.within(name) from None


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) <= LARGEST


def _is_number(value: Any) -> bool:
    return (type(value) is float and math.isfinite(value)) or _is_whole(value)


_PLAIN = {
    int: _Reader("a whole number", _is_whole),
    float: _Reader("a number", _is_number, float),
    str: _Reader("text", lambda value: type(value) is str),
    bool: _Reader("true or false", lambda value: type(value) is bool),
    NoneType: _Reader("null", lambda value: value is None),
}
_FLOATS = {
    "strict": _PLAIN[float],
    "lenient": _Reader(
        "a number or null",
        lambda x: x is None or _is_number(x),
        lambda x: math.nan if x is None else float(x),
    ),
    "exact": _Reader("a number", lambda x: _is_whole(x) or type(x) is float, float),
}


@cache
def _reader(type_: Any, mode: Mode) -> _Reader:
    origin, arguments = get_origin(type_), get_args(type_)
    if type_ is float:
        return _FLOATS[mode]
    if type_ in _PLAIN:
        return _PLAIN[type_]
    if is_dataclass(type_):
        return _object_reader(type_, mode)
    if origin is Literal:
        return _Reader("one of " + ", ".join(map(str, arguments)), lambda v: v in arguments)
    if origin in (Union, UnionType):
        # null is no NaN where it has a meaning of its own
        inner: Mode = "strict" if mode == "lenient" and NoneType in arguments else mode
        members = [_reader(one, inner) for one in arguments]
        words = " or ".join(member.words for member in members)
        if len(members) == 2 and arguments[1] is NoneType:
            accepts, convert = members[0].accepts, members[0].convert
            return _Reader(
                words,
                lambda value: value is None or accepts(value),
                lambda value: None if value is None else convert(value),
            )
        return _Reader(
            words,
            lambda value: any(member.accepts(value) for member in members),
            lambda value: next(m for m in members if m.accepts(value)).convert(value),
        )
    if origin in (tuple, list):
        read_one = _reader(arguments[0], mode).read_field
        return _Reader(
            "a list",
            lambda value: isinstance(value, list | tuple),
            lambda value: origin(read_one(i, one) for i, one in enumerate(value)),
        )
    read_one = _reader(arguments[1], mode).read_field  # of a dict
    return _Reader(
        "an object",
        lambda value: isinstance(value, Mapping),
        lambda value: {name: read_one(name, one) for name, one in value.items()},
    )


def _object_reader(type_: Any, mode: Mode) -> _Reader:
    hints, own = get_type_hints(type_), [field for field in fields(type_) if field.init]
    readers = {field.name: _reader(hints[field.name], mode) for field in own}
    steps = [(name, reader.accepts, reader.convert) for name, reader in readers.items()]
    needed = {f.name for f in own if f.default is MISSING and f.default_factory is MISSING}

    def convert(value: Any) -> Any:
        if not needed <= value.keys():
            raise _MismatchError("is missing", min(needed - value.keys()))
        if mode != "lenient" and not value.keys() <= readers.keys():
            unknown = min(value.keys() - readers.keys())
            raise _MismatchError("is a field that Recurra does not know", unknown)
        found = {}
        try:  # once, not for every field: a run may have millions of records
            for name, accepts, convert in steps:
                if name in value:
                    one = value[name]
                    found[name] = convert(one) if accepts(one) else readers[name].read(one)
        except _MismatchError as mismatch:
            raise mismatch.within(name) from None
        try:
            return type_(**found)
        except RecurraError as error:  # what the type itself refuses
            raise _MismatchError(f"is refused: {error}") from None

    return _Reader("an object", lambda value: isinstance(value, Mapping), convert)
