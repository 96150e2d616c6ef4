"""Search space: an ordered list of parameters, each with its values.

In TOML, a line each; the first line is the outermost loop of a grid:

    hidden = { from = 50, to = 1000, step = 50 }       # 50, 100, ..., 1000
    seq_len = [25, 35, 45]                             # a list, in this order
    lr = { from = 1e-5, to = 1e-2, log = true }        # any number between, by its logarithm
    dropout = { from = 0, to = 0.5, points = 6 }       # in a grid: 0, 0.1, ..., 0.5
    f1 = ["tanh", "sigmoid"]                           # a choice of the equations
    hidden.b = [64, 128]                               # the size of one vector
    batch = 1                                          # the same in every trial
    network = ["rnn", "scrn"]                          # among these networks
    scrn.alpha = [0.9, 0.95]                           # of one of them only

A name is a field of a recipe, ``network``, the size of a vector, or a choice of the equations, such
as ``layers``. What belongs to one network is an inner loop of it.
"""

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import ascii_letters, digits
from typing import Any

from recurra.errors import SettingError, TextError
from recurra.storage.files import MAX_DEFINITION, read_limited
from recurra.text.decoding import decode

LARGEST = 2**53  # a float holds all whole numbers up to here
MOST = 1_000_000  # values of a parameter that are listed

SettingValue = bool | int | float | str
Setting = dict[str, SettingValue]
"""One value for every parameter of a space that means something with the others."""
NETWORK = "network"
_RANGE_WORDS = {"from", "to", "step", "log", "points"}


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
        endless = any(p.grid is None for p in self.parameters.values())
        return None if endless else self._count([*self.parameters], {})

    @property
    def settings(self) -> int | None:
        """How many different settings it has; None if a range without a step is in it."""
        ranges = [one for one in self.parameters.values() if isinstance(one, Range)]
        return self.size if all(one.step is not None for one in ranges) else None

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
        return setting.keys() == set(self.applicable(setting)) and all(
            self.parameters[name].contains(value) for name, value in setting.items()
        )

    def applicable(self, setting: Mapping[str, Any]) -> list[str]:
        """The parameters that mean something, by the network of a setting."""
        network = setting.get(NETWORK)
        return [name for name in self.parameters if owner(name) in (None, network)]

    def renamed(self, names: Mapping[str, str]) -> "Space":
        """The space with other names of its networks: those of ``.eq`` files instead of paths."""
        parameters = {}
        for name, one in self.parameters.items():
            of = owner(name) or ""
            own = names.get(of, of) + name.removeprefix(of)
            if name == NETWORK and isinstance(one, Values):
                one = Values(tuple(names[str(value)] for value in one.values))
            parameters[own] = one
        return Space(parameters)

    def point(self, number: int) -> Setting:
        """The setting at a place of the grid, counted from 0; the last parameter runs fastest.

        Raises:
            SettingError: a parameter has no end of values.
        """
        setting: Setting = {}
        names = [*self.parameters]
        for place, name in enumerate(names):
            if owner(name) not in (None, setting.get(NETWORK)):
                continue
            values, rest = self._grid(name), names[place + 1 :]
            if name != NETWORK:
                index, number = divmod(number, self._count(rest, setting))
                setting[name] = values[index % len(values)]
                continue
            for value in values:
                setting[name], count = value, self._count(rest, {name: value})
                if number < count:
                    break
                number -= count
        return setting

    def extremes(self) -> Iterator[Setting]:
        """Settings in which one parameter after the other takes each of its outermost values.

        The others are at their highest, or first: what can go wrong in a space does here.
        """
        highest = {name: parameter.ends[-1] for name, parameter in self.parameters.items()}
        for name, parameter in self.parameters.items():
            for value in parameter.ends:
                setting = {**highest, name: value}
                if network := owner(name):
                    setting[NETWORK] = network
                yield {n: setting[n] for n in self.applicable(setting)}

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

    def _grid(self, name: str) -> Sequence[SettingValue]:
        values = self.parameters[name].grid
        if values is None:
            raise SettingError(
                f"a grid needs to know which values of {name} to take: give the range a step, "
                "or points = 5; or search at random"
            )
        return values

    def _count(self, names: Sequence[str], setting: Mapping[str, SettingValue]) -> int:
        """Points of the grid of some parameters, where those before them have values."""
        if NETWORK in names:
            rest = [name for name in names if name != NETWORK]
            return sum(self._count(rest, {NETWORK: value}) for value in self._grid(NETWORK))
        owners = None, setting.get(NETWORK)
        return math.prod(len(self._grid(name)) for name in names if owner(name) in owners)


def owner(name: str) -> str | None:
    """The network whose own a parameter is: ``scrn.alpha`` that of scrn, ``hidden.b`` of all."""
    network, _, _ = name.rpartition(".")
    network = network.removesuffix(".hidden")
    return None if network in ("", "hidden") else network


def load_space(path: str | Path) -> Space:
    """The space of a TOML file; see the module.

    Raises:
        SettingError: it cannot be read, is no TOML, or says something that makes no sense.
    """
    try:
        with Path(path).open("rb") as file:
            content = tomllib.loads(decode(read_limited(file, MAX_DEFINITION), str(path)).text)
    except OSError as error:
        raise SettingError(f"cannot read the space {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, TextError) as error:
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
    parameters = {name: _parameter(name, value, origin) for name, value in _flat(given)}
    if not parameters:
        raise SettingError(
            f"{origin} is empty: name what to search, such as hidden = [64, 128, 256]"
        )
    return Space(dict(sorted(parameters.items(), key=lambda item: owner(item[0]) is not None)))


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


def _flat(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """``{"hidden": {"b": [64]}}`` -> ``("hidden.b", [64])``."""
    for name, entry in given.items():
        if isinstance(entry, Mapping) and not entry.keys() & _RANGE_WORDS:
            yield from ((f"{name}.{inner}", value) for inner, value in _flat(entry))
        else:
            yield name, entry


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
    unknown = entry.keys() - _RANGE_WORDS
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
    bare = frozenset(ascii_letters + digits + "_-")
    return ".".join(
        part if part and bare.issuperset(part) else json.dumps(part, ensure_ascii=False)
        for part in name.split(".")
    )


def _toml(entry: Any) -> str:
    if isinstance(entry, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(v)}" for key, v in entry.items()) + " }"
    return json.dumps(entry, ensure_ascii=False)


def _refused(name: str, origin: str, what: str) -> SettingError:
    return SettingError(f"{origin}: {name} {what}")


def _tidy(value: int | float) -> int | float:
    """Without the last digits of binary fractions: 0.3, not 0.30000000000000004."""
    return value if isinstance(value, int) else float(f"{value:.12g}")
