"""Fields of settings, such as those of a recipe: what each is for, and the values that it can take.

A frozen dataclass makes its fields with the functions here and calls `check_fields`.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import Field, field, fields
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin

from recurra.errors import SettingError


def setting(
    default: Any, help: str, rule: str, holds: Callable[[Any], bool], names: Collection[str] = ()
) -> Any:
    """A field with a line of help, a rule in words and as a test, and the names it chooses from."""
    metadata = {"help": help, "rule": rule, "holds": holds, "names": names}
    return field(default=default, metadata=metadata)


def at_least(default: int | None, help: str, low: int = 1) -> Any:
    """A whole number, not below another one."""
    return setting(default, help, f"a whole number, {low} or more", lambda n: n >= low)


def above_zero(default: float | None, help: str) -> Any:
    """A number above 0."""
    return setting(default, help, "a number above 0, up to 1e100", lambda x: 0.0 < x <= 1e100)


def not_negative(default: float | None, help: str) -> Any:
    """A number, 0 or more."""
    return setting(default, help, "a number, 0 or more", lambda x: 0.0 <= x < math.inf)


def below_one(default: float, help: str) -> Any:
    """A number from 0 to below 1."""
    return setting(default, help, "a number from 0 to below 1", lambda x: 0.0 <= x < 1.0)


def one_of(default: str, help: str, names: Collection[str]) -> Any:
    """One of some names."""
    return setting(default, help, "one of", lambda name: name in names, names)


def switch(default: bool, help: str) -> Any:
    """True or false."""
    return setting(default, help, "true or false", lambda _: True)


def check_fields(settings: Any) -> None:
    """Give every field of new settings its declared type.

    Raises:
        SettingError: a value is of another type, or makes no sense.
    """
    for f in fields(settings):
        given = getattr(settings, f.name)
        value = _as_declared(given, declared_types(f))
        if value is _WRONG or (value is not None and not f.metadata["holds"](value)):
            raise SettingError(
                f"{f.name} has to be {rule(f)}, not {given!r} ({f.metadata['help']})"
            )
        object.__setattr__(settings, f.name, value)


def declared_types(of: Field[Any]) -> tuple[Any, ...]:
    """The types of a field; names are strings."""
    if get_origin(of.type) is Literal:
        return (str,)
    return get_args(of.type) or (of.type,)


def rule(of: Field[Any]) -> str:
    """The values that a field can take, in words; its names may grow by registration."""
    return " ".join((of.metadata["rule"], ", ".join(of.metadata["names"]))).strip()


_WRONG = object()


def _as_declared(value: Any, types: tuple[Any, ...]) -> Any:
    """The value as one of the types, so that 1, 1.0 and numpy's 1 make equal settings."""
    if isinstance(value, bool):
        return value if bool in types else _WRONG
    if int in types and isinstance(value, Integral):
        return int(value)
    if float in types and isinstance(value, Real):
        return float(value)
    plain = [get_origin(t) or t for t in types]
    return value if type(value) in plain else _WRONG
