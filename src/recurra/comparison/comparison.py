"""The folder of a comparison: what was asked for, its runs, and what the test part said.

    comparison.json    networks, texts, recipe, budgets, seeds, rates; written once
    runs/BUDGET/NETWORK/seed-0        ordinary run folders
    runs/BUDGET/NETWORK/rate-0.003    those of the search before
    test.safetensors   per-character losses of every finished run on the test part; written once
    claims             lock files: which process trains which run

A comparison of runs that are there already has their paths in comparison.json, and no ``runs``.
"""

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from recurra.comparison.budgets import Budget, Match, fair_workers, is_folder_name
from recurra.compute.registry import check_engine
from recurra.errors import RunError, SettingError
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.storage.checkpoints import FORMAT
from recurra.storage.files import (
    cannot_write,
    canonical_json,
    read_object,
    readable_json,
    safe_name,
)
from recurra.storage.folder import write_atomic
from recurra.storage.typed_json import read_typed
from recurra.text.corpus import TextSpec
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import Recipe
from recurra.training.records import Finished
from recurra.training.stopping import DIVERGED

FILE = "comparison.json"
OWNER = "A comparison is a folder that `recurra compare` made"


class UnfinishedError(RunError):
    """A run of a comparison is not there, or has not finished."""


@dataclass(frozen=True)
class Contestant:
    """A network under the name it has in a comparison.

    Attributes:
        name: of its own.
        network: what it was made from: a name of the library, or a file.
        choices: what was set in its equations.
        equations: its text.

    Raises:
        SettingError: the name cannot be one of a folder.
    """

    name: str
    network: str
    choices: dict[str, str | float]
    equations: str

    def __post_init__(self) -> None:
        if not is_folder_name(self.name):
            raise SettingError(
                f"{self.name!r} cannot name a network: use letters, digits, dots, + and -"
            )

    @cached_property
    def parsed(self) -> Network:
        """The network, under its name in the comparison."""
        return parse(self.equations, self.name)


@dataclass(frozen=True)
class PlannedRun:
    """One run of a comparison: of a network, at a budget, from a seed.

    Attributes:
        lr: the learning rate that it tries out, in a search; None: it is a finalist.
    """

    budget: str
    contestant: str
    seed: int
    folder: Path
    lr: float | None = None

    @property
    def key(self) -> str:
        """Its name within the comparison."""
        last = f"seed-{self.seed}" if self.lr is None else f"rate-{self.lr:g}"
        return f"{self.budget}/{self.contestant}/{last}"

    @classmethod
    def of(cls, budget: str, contestant: str, run: FinishedRun) -> Self:
        """The place of a run that is open already."""
        planned = cls(budget, contestant, run.config.recipe.seed, run.run.folder)
        if run.finished is not None:
            vars(planned)["run"] = run
        return planned

    @cached_property
    def run(self) -> FinishedRun:
        """Its run, once that has finished; then it is read once.

        Raises:
            UnfinishedError: it is not there, or has not finished.
            RunError: it is damaged.
        """
        if not self.folder.exists():
            raise UnfinishedError(f"{self.folder} is not there any more: put the run back")
        run = FinishedRun.open(self.folder)
        if run.finished is None:
            raise UnfinishedError(
                f"{self.folder} has not finished: recurra train --resume {self.folder}"
            )
        return run

    def outcome(self) -> Finished | None:
        """The last record of its run, once that has finished."""
        try:
            return self.run.finished
        except UnfinishedError:
            return None

    def finished(self) -> Finished:
        """The last record of its run.

        Raises:
            RunError: see `run`.
        """
        outcome = self.run.finished
        assert outcome is not None
        return outcome

    def validation_loss(self) -> float:
        """Nats per character, once its run has finished; infinite where it diverged."""
        outcome = self.outcome()
        loss = None if outcome is None else outcome.val_nats_per_char
        if outcome is None or loss is None or outcome.stopped_by == DIVERGED:
            return math.inf
        return loss


@dataclass(frozen=True)
class GivenRun:
    """A run that was there before; see `PlannedRun`."""

    budget: str
    contestant: str
    seed: int
    folder: str
    rate: float | None = None


@dataclass(frozen=True)
class Definition:
    """The fields of comparison.json: all that was asked for.

    Attributes:
        contestants: the networks.
        text: what is trained and evaluated on.
        recipe: what all runs have in common.
        budgets: sizes and lengths of training.
        seeds: of the finalists; each is used once for every network and budget.
        rates: learning rates to search first; empty: the recipe's.
        engine, threads: what computes.
        match: how sizes were chosen.
        environment: processor, cores and versions where it began.
        given: runs that were there before; else empty.
        recipes: network -> a recipe of its own, as the winners of studies have; else empty.
        studies: network -> folder of the study that it won; else empty.
        storage: address, without its password, of the database in which processes on several
            machines note down who trains which run; None: they are on one machine.
    """

    contestants: tuple[Contestant, ...]
    text: TextSpec
    recipe: Recipe
    budgets: tuple[Budget, ...]
    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    engine: str
    threads: int
    match: Match
    environment: dict[str, str]
    given: tuple[GivenRun, ...] = ()
    recipes: dict[str, Recipe] = field(default_factory=dict)
    studies: dict[str, str] = field(default_factory=dict)
    storage: str | None = None


@dataclass(frozen=True)
class Comparison(Definition):
    """A comparison, opened.

    Attributes:
        folder: absolute path.

    Raises:
        SettingError: its parts contradict one another.
    """

    folder: Path = field(kw_only=True)

    def __post_init__(self) -> None:
        check_engine(self.engine, self.threads)
        names, budgets = set(self.names), {budget.name for budget in self.budgets}
        check_comparable(self.names, len(self.seeds), self.rates)
        if not budgets or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise SettingError("a comparison needs a budget, and seeds that differ")
        for budget in self.budgets:
            if not names <= budget.sizes.keys() & budget.parameters.keys():
                raise SettingError(f"budget {budget.name} has no size for a network")
        if any(run.budget not in budgets or run.contestant not in names for run in self.given):
            raise SettingError("a given run is of no network, or of no budget")
        if self.recipes and not names <= self.recipes.keys():
            raise SettingError("a network has no recipe")

    @classmethod
    def create(
        cls,
        folder: str | Path | None,
        name: str,
        definition: Mapping[str, Any],
        storage: str | None = None,
    ) -> Self:
        """Make the folder of a new comparison and open it.

        Args:
            folder: where; None: ``comparisons/name-001``, or the next free number.
            name: by custom ``networks-text``.
            definition: the fields of a comparison, as plain JSON values.
            storage: address of a PostgreSQL database, see `Definition`; its password is not kept.

        Raises:
            SettingError: it is no such address.
            RunError: the folder is there already and not empty, or cannot be written.
        """
        if storage is not None:
            from recurra.tuning.optuna_storage import public_url  # with Optuna: takes a second

            definition = {**definition, "storage": public_url(storage)}
        path = _free(name) if folder is None else Path(folder).resolve()
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise RunError(f"{path} is not empty: choose another name, or resume what is there")
        except OSError as error:
            raise cannot_write(path, error) from None
        write_atomic(path / FILE, readable_json({"format": FORMAT, **definition}))
        return cls.open(path)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a comparison, to read it or to go on.

        Raises:
            RunError: the folder is none, or of a newer format, or damaged.
        """
        path = Path(folder).resolve()
        file = path / FILE
        content = read_object(file, OWNER)
        version = content.pop("format", None)
        if type(version) is int and version > FORMAT:
            raise RunError(
                f"{path} has format {version}, from a newer Recurra. Upgrade with: "
                "pip install --upgrade recurra"
            )
        definition = read_typed(Definition, content, file)
        try:
            return cls(**vars(definition), folder=path)
        except SettingError as error:
            raise RunError(f"{file} makes no sense: {error}; restore a backup") from None

    @property
    def names(self) -> list[str]:
        """Names of the networks."""
        return [contestant.name for contestant in self.contestants]

    @cached_property
    def seal(self) -> str:
        """Checksum that ties `test.safetensors` to comparison.json."""
        definition = read_object(self.folder / FILE, OWNER)
        return hashlib.sha256(canonical_json(definition).encode()).hexdigest()

    def contestant(self, name: str) -> Contestant:
        """The network of that name."""
        return next(one for one in self.contestants if one.name == name)

    def budget(self, name: str) -> Budget:
        """The budget of that name."""
        return next(one for one in self.budgets if one.name == name)

    @property
    def budget_recipes(self) -> list[Recipe]:
        """The recipe of each budget, with its limit."""
        return [self.recipe.with_(**budget.limit) for budget in self.budgets]

    def fair_workers(self, workers: int) -> int:
        """How many of so many train at a time; see `recurra.comparison.budgets.fair_workers`."""
        counts = map(len, (self.names, self.seeds, self.rates))
        return fair_workers(workers, self.budget_recipes, *counts)

    def search(self, budget: str, contestant: str) -> list[PlannedRun]:
        """The runs that try learning rates: one each, all from one seed that no finalist has."""
        return self._searches.get((budget, contestant), [])

    def finalists(self) -> list[PlannedRun]:
        """Every network from every seed at every budget; networks take turns."""
        return list(self._finalists)

    def searches(self) -> list[tuple[str, str, list[PlannedRun]]]:
        """Budget, network and runs of each search; nothing without rates."""
        return [(budget, name, runs) for (budget, name), runs in self._searches.items()]

    # Made once, since each reads its folder once.

    @cached_property
    def _finalists(self) -> tuple[PlannedRun, ...]:
        if self.given:
            return tuple(
                PlannedRun(run.budget, run.contestant, run.seed, Path(run.folder))
                for run in self.given
            )
        return tuple(
            self._planned(budget.name, name, seed)
            for budget in self.budgets
            for seed in self.seeds
            for name in self.names
        )

    @cached_property
    def _searches(self) -> dict[tuple[str, str], list[PlannedRun]]:
        seed = max(self.seeds) + 1
        return {
            (budget.name, name): [self._planned(budget.name, name, seed, lr) for lr in self.rates]
            for budget, name in itertools.product(self.budgets, self.names)
            if self.rates
        }

    def _planned(
        self, budget: str, contestant: str, seed: int, lr: float | None = None
    ) -> PlannedRun:
        planned = PlannedRun(budget, contestant, seed, self.folder, lr)
        return replace(planned, folder=self.folder / "runs" / planned.key)


def is_comparison(folder: str | Path) -> bool:
    """Whether a folder holds a comparison."""
    return (Path(folder) / FILE).exists()


def check_comparable(names: Sequence[str], seeds: int, rates: Sequence[float]) -> None:
    """Refuse fewer than two networks, equal names, no seeds, and rates that make no sense.

    Raises:
        SettingError: one of these.
    """
    if len(names) < 2:
        raise SettingError("a comparison needs two networks or more")
    for name in names:
        if names.count(name) > 1:
            raise SettingError(f"two networks are called {name}: name one, as in other={name}")
    if seeds < 1:
        raise SettingError(f"seeds has to be a whole number, 1 or more, not {seeds}")
    if len({f"{lr:g}" for lr in rates}) < len(rates) or not all(0 < r < math.inf for r in rates):
        raise SettingError("rates have to be different numbers above 0")


def _free(name: str) -> Path:
    """The first numbered folder that is free; it is made at once, so that no other takes it."""
    stem = safe_name(name)
    numbers = itertools.count(1)
    while True:
        path = Path("comparisons", f"{stem}-{next(numbers):03}").resolve()
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise cannot_write(path, error) from None
        return path
