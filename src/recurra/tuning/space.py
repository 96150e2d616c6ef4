"""Search space: an ordered list of parameters, each with its values.

In TOML, a line each; the first line is the outermost loop of a grid:

    hidden = { from = 50, to = 1000, step = 50 }       # 50, 100, ..., 1000
    seq_len = [25, 35, 45]                             # a list, in this order
    lr = { from = 1e-5, to = 1e-2, log = true }        # any number between, by its logarithm
    dropout = { from = 0, to = 0.5, points = 6 }       # in a grid: 0, 0.1, ..., 0.5
    f1 = ["tanh", "sigmoid"]                           # a choice of the equations
    hidden.b = [64, 128]                               # the size of one vector
    batch = 1                                          # the same in every trial

A name is a field of a recipe, ``network``, the size of a vector, or a choice of the equations.
"""

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recurra.errors import SettingError
from recurra.storage.files import MAX_DEFINITION, read_limited

LARGEST = 2**53  # a float holds all whole numbers up to here
MOST = 1_000_000  # values of a parameter that are listed

SettingValue = bool | int | float | str
Setting = dict[str, SettingValue]
"""One value for every parameter of a space."""


@dataclass(frozen=True)
class Values:
    """A list of values, in their order."""

    values: tuple[SettingValue, ...]

    @property
    def grid(self) -> tuple[SettingValue, ...]:
        """The values that a grid takes."""
        return self.values

    def contains(self, value: SettingValue) -> bool:
        """Whether it is one of them."""
        return any(type(value) is type(one) and value == one for one in self.values)

    @property
    def ends(self) -> tuple[SettingValue, ...]:
        """The lowest and the highest of numbers; of anything else all, the first one last."""
        numbers = sorted(v for v in self.values if type(v) in (int, float))
        whole = len(numbers) == len(self.values)
        return (numbers[0], numbers[-1]) if whole else self.values[::-1]


@dataclass(frozen=True)
class Range:
    """The numbers from ``low`` to ``high``; whole ones if these are whole.

    Attributes:
        low, high: bounds, both of them included.
        step: distance from one value to the next; None: any number between the bounds.
        log: spread evenly by logarithm.
        points: how many values a grid takes where there is no step.
    """

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False
    points: int | None = None

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return all(isinstance(n, int) for n in (self.low, self.high, self.step or 1))

    @property
    def grid(self) -> Sequence[SettingValue] | None:
        """The values that a grid takes; None if there is no end of them."""
        if self.step is not None and self.whole:
            return range(int(self.low), int(self.high) + 1, int(self.step))
        if self.step is not None:
            count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
            return tuple(_tidy(self.low + i * self.step) for i in range(count))
        if self.points is None:
            return None
        parts = [i / max(1, self.points - 1) for i in range(self.points)]
        if self.log:
            values = [self.low * (self.high / self.low) ** part for part in parts]
        else:
            values = [self.low + (self.high - self.low) * part for part in parts]
        tidy = (round(v) if self.whole else _tidy(v) for v in values)
        return tuple(dict.fromkeys(min(max(v, self.low), self.high) for v in tidy))

    def contains(self, value: SettingValue) -> bool:
        """Whether it is a number between the bounds."""
        slack = 1e-9 * (abs(self.low) + abs(self.high))  # the last digits of a step's multiples
        number = isinstance(value, int | float)
        return number and self.low - slack <= float(value) <= self.high + slack

    @property
    def ends(self) -> tuple[SettingValue, ...]:
        """The bounds."""
        return self.low, self.high


@dataclass(frozen=True)
class Space:
    """Parameters by name, in the order typed: the first is the outermost loop of a grid."""

    parameters: Mapping[str, Values | Range]

    @property
    def size(self) -> int | None:
        """Points of its grid; None if there is no end of them."""
        lengths = [len(p.grid) if p.grid is not None else None for p in self.parameters.values()]
        return None if None in lengths else math.prod(n for n in lengths if n is not None)

    def grid_size(self) -> int:
        """Points of its grid.

        Raises:
            SettingError: a parameter has no end of values.
        """
        self.point(0)
        assert self.size is not None
        return self.size

    def contains(self, setting: Mapping[str, SettingValue]) -> bool:
        """Whether a setting has a possible value for every parameter, and nothing else."""
        return setting.keys() == self.parameters.keys() and all(
            parameter.contains(setting[name]) for name, parameter in self.parameters.items()
        )

    def point(self, number: int) -> Setting:
        """The setting at a place of the grid, counted from 0; the last parameter runs fastest.

        Raises:
            SettingError: a parameter has no end of values.
        """
        setting: Setting = {}
        for name, parameter in reversed(list(self.parameters.items())):
            values = parameter.grid
            if values is None:
                raise SettingError(
                    f"a grid needs to know which values of {name} to take: give the range a step, "
                    "or points = 5; or search at random"
                )
            number, place = divmod(number, len(values))
            setting[name] = values[place]
        return {name: setting[name] for name in self.parameters}

    def extremes(self) -> Iterator[Setting]:
        """Settings in which one parameter after the other takes each of its outermost values.

        The others are at their highest, or first: what can go wrong in a space does here.
        """
        for name, parameter in self.parameters.items():
            for value in parameter.ends:
                yield {n: value if n == name else p.ends[-1] for n, p in self.parameters.items()}

    def as_json(self) -> dict[str, Any]:
        """The space as plain values that `parse_space` reads back."""
        return {
            name: list(p.values)
            if isinstance(p, Values)
            else {
                ("from" if key == "low" else "to" if key == "high" else key): value
                for key, value in asdict(p).items()
                if value is not None and value is not False
            }
            for name, p in self.parameters.items()
        }

    def as_toml(self) -> str:
        """The space as one would type it, a line for each parameter."""
        # JSON writes lists, numbers, strings and booleans as TOML does
        return "".join(f"{_toml_name(n)} = {_toml(p)}\n" for n, p in self.as_json().items())


def load_space(path: str | Path) -> Space:
    """The space of a TOML file; see the module.

    Raises:
        SettingError: it cannot be read, is no TOML, or says something that makes no sense.
    """
    try:
        with Path(path).open("rb") as file:
            content = tomllib.loads(read_limited(file, MAX_DEFINITION).decode())
    except OSError as error:
        raise SettingError(f"cannot read the space {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not TOML: {error}") from None
    except (ValueError, RecursionError):
        raise SettingError(f"{path} has a number too long, or lists too deep, to read") from None
    return parse_space(content, str(path))


def parse_space(given: Mapping[str, Any], origin: str = "the space") -> Space:
    """A space from plain values: the same as in TOML, see the module.

    Args:
        given: name -> list of values, range or one value.
        origin: what messages call it.

    Raises:
        SettingError: it is empty, or an entry makes no sense.
    """
    parameters: dict[str, Values | Range] = {}
    for name, entry in given.items():
        if isinstance(entry, Mapping) and "from" not in entry and "to" not in entry:
            sizes = {f"{name}.{inner}": value for inner, value in entry.items()}
        else:
            sizes = {name: entry}
        for full, value in sizes.items():
            parameters[full] = _parameter(full, value, origin)
    if not parameters:
        raise SettingError(
            f"{origin} is empty: name what to search, such as hidden = [64, 128, 256]"
        )
    return Space(parameters)


CLASSIC_HIDDEN = {"rnn": (50, 1000, 50), "wrnn": (50, 950, 100)}


def classic_space(network: str) -> Space:
    """The grid of the published W-RNN code: 640 settings (RNN) or 320 (W-RNN).

    Raises:
        SettingError: the network is neither of the two.
    """
    if network not in CLASSIC_HIDDEN:
        raise SettingError(
            f"the classic grids are those of {' and '.join(CLASSIC_HIDDEN)}, not of {network}: "
            "write a space of your own, and name it with --space"
        )
    return Space(
        {
            "hidden": Range(*CLASSIC_HIDDEN[network]),
            "seq_len": Range(25, 95, 10),
            "lr": Values((1e-2, 1e-3, 1e-4, 1e-5)),
        }
    )


def _parameter(name: str, entry: Any, origin: str) -> Values | Range:
    match entry:
        case bool() | int() | float() | str():
            return Values((entry,))
        case list() | tuple():
            return _values(name, tuple(entry), origin)
        case Mapping():
            return _range(name, dict(entry), origin)
    raise _refused(name, origin, f"is {entry!r}; give a list, a range or one value")


def _values(name: str, values: tuple[Any, ...], origin: str) -> Values:
    if not values:
        raise _refused(name, origin, "is an empty list: give at least one value")
    if not all(isinstance(v, bool | int | float | str) for v in values):
        raise _refused(name, origin, "has a value that is neither number, text, true nor false")
    if len({(type(v) is bool, v) for v in values}) < len(values):
        raise _refused(name, origin, f"names a value twice: {list(values)}")
    return Values(values)


def _range(name: str, entry: dict[str, Any], origin: str) -> Range:
    unknown = entry.keys() - {"from", "to", "step", "log", "points"}
    if unknown or not {"from", "to"} <= entry.keys():
        raise _refused(
            name, origin, "is no range: give from and to, and step, log = true or points = N"
        )
    low, high, step, points = (entry.get(key) for key in ("from", "to", "step", "points"))
    log = entry.get("log", False)
    numbers = [n for n in (low, high, step, points) if n is not None]
    if not all(type(n) in (int, float) and math.isfinite(n) for n in numbers):
        raise _refused(name, origin, "has a bound, step or points that is no number")
    if type(log) is not bool:
        raise _refused(name, origin, "has a log that is neither true nor false")
    assert low is not None
    assert high is not None
    if low > high:
        raise _refused(name, origin, f"runs from {low} down to {high}: exchange them")
    if step is not None and (step <= 0 or log or points is not None):
        raise _refused(
            name, origin, "has a step that is not above 0, or stands beside log or points"
        )
    if any(type(bound) is int and abs(bound) > LARGEST for bound in (low, high, step)):
        raise _refused(name, origin, f"has a whole number beyond {LARGEST:,}")
    fractions = float in (type(low), type(high), type(step))
    values = points or ((high - low) / step if step and fractions else 0)
    if values > MOST:
        raise _refused(name, origin, f"has more than {MOST:,} values: give a larger step")
    if log and low <= 0:
        raise _refused(name, origin, "has log = true, and then has to begin above 0")
    if points is not None and (type(points) is not int or points < 1):
        raise _refused(name, origin, "has points that are no whole number above 0")
    if step is None and points is None and not log and type(low) is type(high) is int:
        step = 1
    return Range(low, high, step, log, points)


def _toml_name(name: str) -> str:
    """``f1``, ``hidden.b`` and ``hidden."状态"``: TOML's bare names are of ASCII."""
    parts = name.split(".")
    return ".".join(p if p.isascii() else json.dumps(p, ensure_ascii=False) for p in parts)


def _toml(entry: Any) -> str:
    if isinstance(entry, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(v)}" for key, v in entry.items()) + " }"
    return json.dumps(entry, ensure_ascii=False)


def _refused(name: str, origin: str, what: str) -> SettingError:
    return SettingError(f"{origin}: {name} {what}")


def _tidy(value: int | float) -> int | float:
    """Without the last digits of binary fractions: 0.3, not 0.30000000000000004."""
    return value if isinstance(value, int) else float(f"{value:.12g}")
