"""The specification of a study, and the network and recipe of a setting.

It stands in the study's ``study.json``, is written once and never changes: the same command finds
the same study again, and another one is told where it differs.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from recurra.compute.registry import check_engine
from recurra.errors import EquationError, RunError, SettingError
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.storage.files import canonical_json, read_object, readable_json
from recurra.storage.folder import write_atomic
from recurra.storage.typed_json import read_typed
from recurra.text.corpus import TextSpec
from recurra.training.recipe import BUDGETS, Recipe
from recurra.tuning.history import History, visible_trials
from recurra.tuning.pruners import PRUNERS
from recurra.tuning.pruners.base import Decision, Pruner, SynchronousPruner
from recurra.tuning.samplers import SAMPLERS
from recurra.tuning.samplers.base import Sampler
from recurra.tuning.space import (
    MOST,
    NETWORK,
    Setting,
    SettingValue,
    Space,
    owner,
    parse_space,
)
from recurra.tuning.trials import Trial

FORMAT = 1
FILE = "study.json"
STOP_RULES = ("stop_no_minimum", "stop_same_integer")
_FIXED = {
    "name": "it only names a recipe",
    **dict.fromkeys(BUDGETS, "every trial trains on the same number of characters: see --length"),
    **dict.fromkeys(STOP_RULES, "they are the pruner `classic`"),
}
RECIPE_NAMES = {field.name for field in fields(Recipe)} - _FIXED.keys()
"""Fields of a recipe that a space may search."""


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """Everything that decides what a study finds.

    Attributes:
        networks: name -> equations, in the order in which a space may name them.
        text: what is trained and evaluated on.
        recipe: what all trials have in common; its budget is `length` instead.
        space: what differs.
        sampler: the rule that says which setting a trial has.
        pruner: the rule by which a trial ends early.
        trials: how many.
        length: characters of a training in full.
        max_in_flight: how many trials may run at a time where they depend on earlier ones; trial n
            looks back on 0 ... n - max_in_flight.
        finalists: so many of the best are trained in full, wherever they were pruned.
        seed: of the search; the recipe has one of its own.
        engine: what computes.

    Raises:
        SettingError: fields that contradict one another, the space or the networks.
    """

    networks: Mapping[str, str]
    text: TextSpec
    recipe: Recipe
    space: Space
    sampler: Sampler
    pruner: Pruner
    trials: int
    length: int
    max_in_flight: int = 4
    finalists: int = 3
    seed: int = 0
    engine: str = "compiled"

    def __post_init__(self) -> None:
        check_engine(self.engine)
        if not self.networks:
            raise SettingError("a search needs a network")
        if self.sampler.uses_history and isinstance(self.pruner, SynchronousPruner):
            raise SettingError(
                f"{self.sampler.name} suggests from results, but {self.pruner.name} has none until "
                "all trials have begun: choose the search grid or random, or another pruner"
            )
        if (
            min(self.trials, self.length, self.max_in_flight) < 1
            or min(self.finalists, self.seed) < 0
        ):
            raise SettingError(
                "trials, length and max_in_flight have to be above 0, finalists and seed not below"
            )
        if self.trials > MOST:
            raise SettingError(f"trials has to be at most {MOST:,}, not {self.trials:,}")
        if self.sampler.exhaustive and self.trials > self.space.grid_size():
            raise SettingError(
                f"the grid has {self.space.grid_size():,} settings, not {self.trials:,}"
            )
        self._check_names()
        rises = ((r.warmup * r.batch * r.seq_len, s) for s, r in self._extremes())
        warmup, setting = max(rises, key=lambda item: item[0])
        if self.pruner.rungs and warmup >= self.pruner.rungs[0]:
            raise SettingError(
                f"with {shown(setting)} the warm-up ends after {warmup:,} characters, not before "
                f"the first rung, {self.pruner.rungs[0]:,}: give at most --warmup "
                f"{self.longest_warmup}, or at least --rung {warmup + 1}"
            )

    @property
    def uses_history(self) -> bool:
        """Whether a trial depends on the results of earlier ones."""
        return self.sampler.uses_history or self.pruner.uses_history

    @property
    def longest_warmup(self) -> int:
        """Steps of the longest warm-up that ends before the first rung, whatever the setting."""
        if not self.pruner.rungs:
            return self.length
        most = max(recipe.batch * recipe.seq_len for _, recipe in self._extremes())
        return (self.pruner.rungs[0] - 1) // most

    @property
    def groups(self) -> int:
        """How many groups trials are compared within."""
        within = self.pruner.within
        return 1 if within is None else len(self.space.parameters[within].grid or ())

    @cached_property
    def key(self) -> str:
        """Six characters that tell one study from another."""
        return hashlib.sha256(canonical_json(self.as_json()).encode()).hexdigest()[:6]

    def network(self, setting: Mapping[str, SettingValue]) -> Network:
        """The network of a setting.

        Raises:
            SettingError: the network lacks a choice, or a choice cannot take a value.
        """
        name = str(setting.get(NETWORK, next(iter(self.networks))))
        if name not in self.networks:
            raise SettingError(f"the study has no network {name}")
        choices = {
            key: value if isinstance(value, str) else float(value)
            for key, value in _plain(setting).items()
            if key != NETWORK and key not in RECIPE_NAMES and "." not in key
        }
        return parse(self.networks[name], name, choices)

    def recipe_of(self, setting: Mapping[str, SettingValue]) -> Recipe:
        """The recipe of a setting: as long as every other one, in characters.

        Raises:
            SettingError: a field has a value that makes no sense.
        """
        plain = _plain(setting)
        named = {key: value for key, value in plain.items() if key in RECIPE_NAMES}
        sizes = {
            key.partition(".")[2]: value
            for key, value in plain.items()
            if key.startswith("hidden.")
        }
        if sizes:
            vectors = [equation.name for equation in self.network(setting).equations]
            unknown = sizes.keys() - set(vectors)
            if unknown:
                raise SettingError(
                    f"the network has no vector {min(unknown)}: it has {', '.join(vectors)}"
                )
            base = named.get("hidden", self.recipe.hidden)
            whole = base if isinstance(base, dict) else {"": base}
            named["hidden"] = {**whole, **sizes}  # type: ignore[assignment]
        stops = dict.fromkeys(STOP_RULES) | dict(self.pruner.stop_rules)
        recipe = self.recipe.with_(**named, **stops, steps=1)
        size = recipe.batch * recipe.seq_len
        return replace(recipe, steps=math.ceil(self.length / size))

    def suggest(self, trials: Sequence[Trial], number: int) -> Setting:
        """The setting of a trial.

        Args:
            trials: all trials; only those that trial `number` may look back on matter.
            number: of the trial.
        """
        past = trials if self.sampler.uses_history else ()
        return self.sampler.suggest(self._history(past, number), self.pruner)

    def decide(self, trials: Sequence[Trial], number: int, rungs: Mapping[int, float]) -> Decision:
        """Whether a trial ends at the last of the rungs that it has reached.

        Args:
            trials: all trials; only those that trial `number` may look back on matter.
            number: of the trial.
            rungs: characters -> held-out loss there.
        """
        past = trials if self.pruner.uses_history else ()
        return self.pruner.decide(self._history(past, number), rungs)

    def _history(self, trials: Sequence[Trial], number: int) -> History:
        visible = visible_trials(trials, number, self.max_in_flight)
        return History(self.key, self.seed, self.space, self.length, number, visible)

    def as_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "networks": dict(self.networks),
            "text": self.text.to_json(),
            "recipe": asdict(self.recipe),
            # a list, since the order of parameters is that of the loops
            "space": [[name, entry] for name, entry in self.space.as_json().items()],
            "sampler": self.sampler.name,
            # what is not set is left out: older studies, which do not know of it, keep their key
            "pruner": self.pruner.to_json(),
            "trials": self.trials,
            "length": self.length,
            "ahead": self.max_in_flight,
            "finalists": self.finalists,
            "seed": self.seed,
            "engine": self.engine,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], file: object = FILE) -> Self:
        """Read the specification that `as_json` made.

        Args:
            plain: JSON values.
            file: where they stand.

        Raises:
            RunError: one is missing, of another type, or refused.
        """
        values = read_typed(_Values, {k: plain[k] for k in plain.keys() - _OPEN}, file)
        pairs = plain.get("space")
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
        ):
            raise RunError(f"{file}: space has to be pairs of name and values: restore a backup")
        pruner = plain.get("pruner")
        name = pruner.get("name") if isinstance(pruner, dict) else None
        if not isinstance(pruner, dict) or not isinstance(name, str):
            raise RunError(f"{file}: pruner.name has to be text: restore a backup")
        rest = {key: value for key, value in pruner.items() if key != "name"}
        try:
            return cls(
                networks=values.networks,
                text=values.text,
                recipe=values.recipe,
                space=parse_space(dict(pairs)),
                sampler=SAMPLERS.get(values.sampler)(),
                pruner=read_typed(PRUNERS.get(name), rest, f"{file}: pruner"),
                trials=values.trials,
                length=values.length,
                max_in_flight=values.ahead,
                finalists=values.finalists,
                seed=values.seed,
                engine=values.engine,
            )
        except (SettingError, EquationError) as error:
            raise RunError(f"{file} makes no sense: {error}; restore a backup") from None

    def _extremes(self) -> Iterator[tuple[Setting, Recipe]]:
        """Settings at the ends of the space, with their recipes."""
        return ((setting, self.recipe_of(setting)) for setting in self.space.extremes())

    def _check_names(self) -> None:
        """Every name of the space means something, in every network."""
        named = self.space.parameters.get(NETWORK)
        networks = [str(v) for v in named.grid or ()] if named else list(self.networks)
        if set(networks) != set(self.networks):
            raise SettingError(
                f"the space searches the networks {', '.join(networks)}, and the study has "
                f"{', '.join(self.networks)}: name a network in one of the two places only"
            )
        choices = {network: parse(self.networks[network], network).choices for network in networks}
        for name in self.space.parameters:
            of = owner(name)
            if of is not None and (named is None or of not in networks):
                raise SettingError(
                    f"{name}: the space searches no network {of}; a range is written "
                    f"{of} = {{ from = 1, to = 9 }}"
                )
            self._check_name(name, of, choices)
        for network in networks:
            self._check_twice(network)
        within = self.pruner.within
        if within is not None:
            if within not in self.space.parameters or owner(within) is not None:
                raise SettingError(f"rounds within {within}: the space does not search it")
            if self.space.parameters[within].grid is None:
                raise SettingError(f"rounds within {within}: give it a list, a step or points")
        for setting in self.space.extremes():
            try:
                self.network(setting)
                self.recipe_of(setting)
            except SettingError as error:
                raise SettingError(f"the space allows {shown(setting)}, but {error}") from None

    def _check_name(
        self, name: str, of: str | None, choices: Mapping[str, Mapping[str, object]]
    ) -> None:
        """A name of the space is a field of a recipe, or a choice of its network or of all."""
        plain = name if of is None else name.removeprefix(f"{of}.")
        if plain in _FIXED:
            raise SettingError(f"{name} cannot be searched: {_FIXED[plain]}")
        if plain == NETWORK or plain in RECIPE_NAMES or plain.startswith("hidden."):
            return
        having = [network for network, known in choices.items() if plain in known]
        for network in choices if of is None else [of]:
            if network in having:
                continue
            near = get_close_matches(plain, [NETWORK, *RECIPE_NAMES, *choices[network]], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            if having and of is None:
                hint = f"; write {having[0]}.{name}, which is searched in {having[0]} only"
            raise SettingError(
                f"{name} is neither a field of a recipe nor a choice of {network}{hint}"
            )

    def _check_twice(self, network: str) -> None:
        """No parameter is given for all networks and for this one too."""
        own = [
            name.removeprefix(f"{network}.") for name in self.space.applicable({NETWORK: network})
        ]
        twice = next((name for name in own if own.count(name) > 1), None)
        if twice or ("hidden" in own and any(name.startswith("hidden.") for name in own)):
            raise SettingError(
                f"the space gives {twice or 'hidden'} and "
                f"{f'{network}.{twice}' if twice else 'the size of a single vector'} too: "
                "give either"
            )


@dataclass(frozen=True)
class _Values:
    """The values of a study's file, but those of `_OPEN`, whose types depend on their names."""

    networks: dict[str, str]
    text: TextSpec
    recipe: Recipe
    sampler: str
    trials: int
    length: int
    ahead: int
    finalists: int
    seed: int
    engine: str


_OPEN = {"space", "pruner"}


@dataclass(frozen=True)
class _Place:
    """Where a study lives; older ones did not keep their name."""

    storage: str | None
    name: str | None = None


def shown(setting: Mapping[str, SettingValue]) -> str:
    """A setting in a sentence."""
    return ", ".join(f"{name} = {value}" for name, value in setting.items())


def save_spec(spec: StudySpec, folder: Path, name: str, storage: str | None) -> None:
    """Write what was asked for.

    Args:
        spec: that.
        folder: of the study.
        name: of the study among Optuna's; the folder may be renamed.
        storage: where a study outside of its folder lives.

    Raises:
        RunError: the folder cannot be written.
    """
    content = {"format": FORMAT, "name": name, "storage": storage, **spec.as_json()}
    write_atomic(folder / FILE, readable_json(content))


def load_spec(folder: Path) -> tuple[StudySpec, str, str | None]:
    """Read a specification, the name of its study, and the database of its trials, if any.

    Raises:
        RunError: it is no study, is damaged, or is of a newer Recurra.
    """
    path = folder / FILE
    content = read_object(path, "A study is a folder that `recurra tune` made")
    version = content.pop("format", None)
    if version != FORMAT:
        raise RunError(
            f"{folder} is a study of format {version}, and this Recurra knows format {FORMAT}: "
            "go on with the version that began it, or begin a new study"
        )
    place = read_typed(
        _Place, {k: content.pop(k) for k in ("name", "storage") if k in content}, path
    )
    spec = StudySpec.from_json(content, path)
    return spec, place.name or study_name(folder, spec), place.storage


def study_name(folder: Path, spec: StudySpec) -> str:
    """The name among Optuna's of a study that begins in this folder."""
    return f"{folder.name}-{spec.key}"


def _plain(setting: Mapping[str, SettingValue]) -> Setting:
    """A setting without the names of networks: ``scrn.alpha`` is alpha."""
    return {name.removeprefix(f"{owner(name)}."): value for name, value in setting.items()}
