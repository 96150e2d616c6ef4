"""Budgets of a fair comparison: how large each network may be, and how long it may train."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import gcd, inf
from typing import Literal

from recurra.errors import SettingError
from recurra.lang.network import Network
from recurra.lang.shape_solver import MAX_SIZE, ShapeSolver
from recurra.training.recipe import BUDGETS, Recipe

Sizes = int | dict[str, int]

Match = Literal["parameters", "hidden", "given", "won"]
LimitName = Literal["steps", "epochs", "minutes"]
MATCHES = ("parameters", "hidden")  # of networks that are trained for a comparison
TOLERANCE = 0.02


@dataclass(frozen=True)
class Budget:
    """One size and one length of training, the same for every network.

    Attributes:
        name: short, for folders and tables: ``256-steps4000``.
        limit: the recipe's budget, such as ``{"steps": 4000}`` (equal characters) or
            ``{"minutes": 5.0}`` (equal wall-clock); empty: whatever ends the recipe.
        sizes: network -> its hidden size, or sizes by vector.
        parameters: network -> how many numbers it has.

    Raises:
        SettingError: the name cannot be one of a folder, or the limit is none.
    """

    name: str
    limit: dict[LimitName, int | float]
    sizes: dict[str, Sizes]
    parameters: dict[str, int]

    def __post_init__(self) -> None:
        if not is_folder_name(self.name):
            raise SettingError(f"{self.name!r} cannot name a budget")
        if len(self.limit) > 1 or not self.limit.keys() <= set(BUDGETS):
            raise SettingError(f"a limit is one of {', '.join(BUDGETS)}, not {self.limit}")


def is_folder_name(name: str) -> bool:
    """Whether a name can be one of a folder on any system, and stays inside its parent."""
    return bool(name) and all(c.isalnum() or c in "._+-" for c in name) and name[0] != "."


def make_budgets(
    networks: Sequence[Network],
    vocabulary: int,
    hidden: Sequence[Sizes],
    limits: Sequence[dict[LimitName, int | float]],
    match: Match = "parameters",
) -> list[Budget]:
    """Every size with every length of training.

    Args:
        networks: the first one has exactly the sizes asked for.
        vocabulary: distinct characters.
        hidden: sizes.
        limits: lengths of training, each with one of a recipe's budgets, or empty.
        match: "parameters" gives each other network the hidden size whose number of parameters
            is nearest to that of the first, at most 2 % away; "hidden" gives all the same size.

    Raises:
        SettingError: an unknown ``match``, or no size comes near enough.
    """
    if match not in MATCHES:
        raise SettingError(f"match has to be one of {', '.join(MATCHES)}, not {match}")
    budgets: list[Budget] = []
    for size in hidden:
        sizes: dict[str, Sizes] = {networks[0].name: size}
        target = ShapeSolver(networks[0]).shapes(vocabulary, size).count
        for network in networks[1:]:
            same = match == "hidden"
            sizes[network.name] = size if same else matched_size(network, vocabulary, target)
        parameters = {
            n.name: ShapeSolver(n).shapes(vocabulary, sizes[n.name]).count for n in networks
        }
        for limit in limits:
            name = "-".join([_label(size), *(f"{end}{value}" for end, value in limit.items())])
            if any(budget.name == name for budget in budgets):
                raise SettingError(f"budget {name} is asked for twice: once is enough")
            budgets.append(Budget(name, limit, sizes, parameters))
    return budgets


def matched_size(network: Network, vocabulary: int, target: int) -> Sizes:
    """The hidden size with which a network's number of parameters is nearest to a target.

    One size for all vectors if that comes within 2 %; else some of them, in the order of their
    equations, are larger by one than the others, or by as many as the matrices have blocks.

    Raises:
        SettingError: the nearest is more than 2 % away.
    """
    solver = ShapeSolver(network)

    def count(size: Sizes) -> float:
        try:
            return solver.shapes(vocabulary, size).count
        except SettingError:  # a matrix memory that is too large for any machine
            return inf

    def gap(size: Sizes) -> float:
        return abs(count(size) - target) / target

    unit = network.fitting_size(1)
    low, high, most = unit, 2 * unit, MAX_SIZE // unit * unit
    while count(high) < target and high < most:
        low, high = high, min(2 * high, most)
    while high - low > unit:
        middle = (low + high) // 2 // unit * unit
        low, high = (middle, high) if count(middle) < target else (low, middle)
    best: Sizes = min(low, high, key=gap)
    if gap(best) > TOLERANCE:
        # vectors that the equations join have one size: the first of them names it
        names = list({id(d.root()): name for name, d in reversed(solver.vectors.items())}.values())
        names.reverse()
        # the middle of a product of two matrices is no vector
        named = {d.root() for d in solver.vectors.values()}
        sides = {d.root() for d in (*solver.rows.values(), *solver.columns.values())}
        rest = {} if all(d in named or d.vocabulary for d in sides) else {"": low}
        mixed = [
            rest | {n: low + unit * (i < k) for i, n in enumerate(names)}
            for k in range(1, len(names))
        ]
        best = min([best, *mixed], key=gap)
    if gap(best) > TOLERANCE:
        near = "; ".join(f"hidden {n}: {count(n):,}" for n in (low, high) if count(n) < inf)
        raise SettingError(
            f"no size of {network.name} comes within 2 % of {target:,} parameters ({near}): try a "
            "larger hidden size, or match hidden sizes instead (--match hidden)"
        )
    return best


def _label(size: Sizes) -> str:
    return str(size) if isinstance(size, int) else "_".join(f"{n}{s}" for n, s in size.items())


def timed(recipes: Iterable[Recipe]) -> bool:
    """Whether minutes end some runs, so that it matters what else a machine does meanwhile."""
    return any(recipe.minutes is not None for recipe in recipes)


def fair_workers(
    workers: int, recipes: Sequence[Recipe], networks: int, seeds: int, rates: int
) -> int:
    """How many train at a time: fewer, where a budget is minutes, if some would end alone.

    Runs that share a machine are slower than one alone. With equal minutes each has to have as
    many beside it, so the number of workers divides the number of runs of every kind.

    Args:
        workers: how many were asked for.
        recipes: one for each budget.
        networks, seeds, rates: how many there are; each network has a run for each of them.
    """
    if not timed(recipes):
        return workers
    runs = gcd(networks * seeds, networks * rates)
    return max(n for n in range(1, workers + 1) if runs % n == 0)


@dataclass(frozen=True)
class RunCost:
    """Runs of a network at a budget that have not ended.

    Attributes:
        runs: how many.
        chars_per_second: measured; None where minutes end a run.
        seconds: of each; None where only a stop rule ends it.
    """

    budget: str
    contestant: str
    parameters: int
    runs: int
    chars_per_second: float | None
    seconds: float | None
