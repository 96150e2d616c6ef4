"""What a study was asked for, and what a setting means: its network and its recipe.

It stands in the study's ``study.json``, is written once and never changes: the same command finds
the same study again, and another one is told where it differs.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from recurra.compute.engines import check_engine
from recurra.errors import RunError, SettingError
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.storage.files import canonical_json
from recurra.storage.folder import write_atomic
from recurra.storage.typed_json import read_typed
from recurra.text.corpus import TextSpec
from recurra.training.recipe import BUDGETS, CLASSIC, Recipe
from recurra.tuning.pruning import LOOKS_BACK, WAITS, Pruner
from recurra.tuning.space import Setting, Space, Value, parse_space

FORMAT = 1
FILE = "study.json"
SAMPLERS = ("grid", "random", "tpe")
STOP_RULES = ("stop_no_minimum", "stop_same_integer")
_FIXED = {
    "name": "it only names a recipe",
    **dict.fromkeys(BUDGETS, "every trial trains on the same number of characters: see --length"),
    **dict.fromkeys(STOP_RULES, "they are the pruner `classic`"),
}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Everything that decides what a study finds.

    Attributes:
        networks: name -> equations, in the order in which a space may name them.
        text: what is trained on and judged by.
        recipe: what all trials have in common; its budget is `length` instead.
        space: what differs.
        sampler: "grid", "random" or "tpe".
        pruner: when a trial ends early.
        trials: how many.
        length: characters of a training in full.
        ahead: how many trials may be under way; trial n looks back on 0 ... n - ahead.
        finalists: so many of the best are trained in full, wherever they were pruned.
        seed: of the search; the recipe has one of its own.
        engine: "compiled" or "reference".

    Raises:
        SettingError: fields that contradict one another, the space or the networks.
    """

    networks: Mapping[str, str]
    text: TextSpec
    recipe: Recipe
    space: Space
    sampler: str
    pruner: Pruner
    trials: int
    length: int
    ahead: int = 4
    finalists: int = 3
    seed: int = 0
    engine: str = "compiled"

    def __post_init__(self) -> None:
        check_engine(self.engine)
        if self.sampler not in SAMPLERS:
            raise SettingError(f"no search {self.sampler}: choose one of {', '.join(SAMPLERS)}")
        if self.sampler == "tpe" and self.pruner.name in WAITS:
            raise SettingError(
                f"tpe suggests from results, but {self.pruner.name} has none until all trials have "
                "begun: choose the search grid or random, or another pruner"
            )
        if min(self.trials, self.length, self.ahead) < 1 or min(self.finalists, self.seed) < 0:
            raise SettingError(
                "trials, length and ahead have to be above 0, finalists and seed not below"
            )
        if self.sampler == "grid":
            points = len_of_grid(self.space)
            if self.trials > points:
                raise SettingError(f"the grid has {points:,} settings, not {self.trials:,}")
        self._check_names()
        warmup, setting = max(
            ((self._warmup(s), s) for s in self.space.extremes()), key=lambda item: item[0]
        )
        if self.pruner.rungs and warmup >= self.pruner.rungs[0]:
            raise SettingError(
                f"with {shown(setting)} the warm-up ends after {warmup:,} characters, not before "
                f"the first rung, {self.pruner.rungs[0]:,}: lower --warmup, or give a later --rung"
            )

    @property
    def looks_back(self) -> bool:
        """Whether a trial depends on the results of earlier ones."""
        return self.sampler == "tpe" or self.pruner.name in LOOKS_BACK

    @property
    def groups(self) -> int:
        """In how many groups trials are judged."""
        within = self.pruner.within
        return 1 if within is None else len(self.space.parameters[within].grid or ())

    @cached_property
    def key(self) -> str:
        """Six characters that tell one study from another."""
        return hashlib.sha256(canonical_json(self.as_json()).encode()).hexdigest()[:6]

    def network(self, setting: Mapping[str, Value]) -> Network:
        """The network of a setting.

        Raises:
            SettingError: the network lacks a choice, or a choice cannot take a value.
        """
        name = str(setting.get("network", next(iter(self.networks))))
        if name not in self.networks:
            raise SettingError(f"the study has no network {name}")
        recipe = _recipe_names()
        choices = {
            key: value if isinstance(value, str) else float(value)
            for key, value in setting.items()
            if key != "network" and key not in recipe and "." not in key
        }
        return parse(self.networks[name], name, choices)

    def recipe_of(self, setting: Mapping[str, Value]) -> Recipe:
        """The recipe of a setting: as long as every other one, in characters.

        Raises:
            SettingError: a field has a value that makes no sense.
        """
        named = {key: value for key, value in setting.items() if key in _recipe_names()}
        sizes = {
            key.partition(".")[2]: value
            for key, value in setting.items()
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
        stops = {
            rule: getattr(CLASSIC, rule) if self.pruner.name == "classic" else None
            for rule in STOP_RULES
        }
        recipe = self.recipe.with_(**named, **stops, steps=1)
        size = recipe.batch * recipe.seq_len
        return replace(recipe, steps=math.ceil(self.length / size))

    def as_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return plain | {
            "networks": dict(self.networks),
            "text": self.text.to_json(),
            "recipe": asdict(self.recipe),
            # a list, since the order of parameters is that of the loops
            "space": [[name, entry] for name, entry in self.space.as_json().items()],
            # what is not set is left out: older studies, which do not know of it, keep their key
            "pruner": {k: v for k, v in asdict(self.pruner).items() if v is not None},
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """What `as_json` made."""
        pruner = {**plain["pruner"], "rungs": tuple(plain["pruner"]["rungs"])}
        return cls(
            **{
                **plain,
                "text": read_typed(TextSpec, plain["text"], FILE),
                "recipe": Recipe(**plain["recipe"]),
                "space": parse_space(dict(plain["space"])),
                "pruner": Pruner(**pruner),
            }
        )

    def _warmup(self, setting: Setting) -> int:
        recipe = self.recipe_of(setting)
        return recipe.warmup * recipe.batch * recipe.seq_len

    def _check_names(self) -> None:
        """Every name of the space means something, in every network."""
        recipe = _recipe_names()
        named = self.space.parameters.get("network")
        networks = [str(v) for v in named.grid or ()] if named else list(self.networks)
        if set(networks) != set(self.networks):
            raise SettingError(
                f"the space searches the networks {', '.join(networks)}, and the study has "
                f"{', '.join(self.networks)}: name a network in one of the two places only"
            )
        for name in self.space.parameters:
            if name in _FIXED:
                raise SettingError(f"{name} cannot be searched: {_FIXED[name]}")
            if name == "network" or name in recipe or name.startswith("hidden."):
                continue
            for network in networks:
                choices = parse(self.networks[network], network).choices
                if name not in choices:
                    known = ["network", *sorted(recipe), *choices]
                    near = get_close_matches(name, known, n=1)
                    hint = f"; did you mean {near[0]}?" if near else ""
                    raise SettingError(
                        f"{name} is neither a field of a recipe nor a choice of {network}{hint}"
                    )
        if "hidden" in self.space.parameters and any(
            name.startswith("hidden.") for name in self.space.parameters
        ):
            raise SettingError(
                "the space gives hidden and the size of a single vector too: give either"
            )
        within = self.pruner.within
        if within is not None:
            if within not in self.space.parameters:
                raise SettingError(f"rounds within {within}: the space does not search it")
            if self.space.parameters[within].grid is None:
                raise SettingError(f"rounds within {within}: give it a list, a step or points")
        for setting in self.space.extremes():
            try:
                self.network(setting)
                self.recipe_of(setting)
            except SettingError as error:
                raise SettingError(f"the space allows {shown(setting)}, but {error}") from None


def len_of_grid(space: Space) -> int:
    """How many settings a grid has.

    Raises:
        SettingError: a parameter has no end of values.
    """
    space.point(0)
    assert space.size is not None
    return space.size


def shown(setting: Mapping[str, Value]) -> str:
    """A setting in a sentence."""
    return ", ".join(f"{name} = {value}" for name, value in setting.items())


def save_protocol(protocol: Protocol, folder: Path, name: str, storage: str | None) -> None:
    """Write what was asked for.

    Args:
        protocol: that.
        folder: of the study.
        name: of the study among Optuna's; the folder may be renamed.
        storage: where a study outside of its folder lives.

    Raises:
        RunError: the folder cannot be written.
    """
    content = {"format": FORMAT, "name": name, "storage": storage, **protocol.as_json()}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomic(folder / FILE, text.encode("utf-8", "backslashreplace"))


def load_protocol(folder: Path) -> tuple[Protocol, str, str | None]:
    """What a study was asked for, its name, and where it lives if not in its folder.

    Raises:
        RunError: it is no study, is damaged, or is of a newer Recurra.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text("utf-8"))
        version = content.pop("format")
    except OSError as error:
        raise RunError(
            f"cannot read {path}: {error.strerror}. A study is a folder that `recurra tune` made"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise RunError(f"{path} is not what Recurra wrote: restore a backup") from None
    if version != FORMAT:
        raise RunError(
            f"{folder} is a study of format {version}, and this Recurra knows format {FORMAT}: "
            "go on with the version that began it, or begin a new study"
        )
    try:
        name, storage = content.pop("name", None), content.pop("storage")
        protocol = Protocol.from_json(content)
        # older studies did not keep their name
        return protocol, name or study_name(folder, protocol), storage
    except (LookupError, TypeError, ValueError, SettingError) as error:
        raise RunError(f"{path} does not say what a study needs ({error}): restore a backup") from (
            None
        )


def study_name(folder: Path, protocol: Protocol) -> str:
    """What Optuna calls a study that begins in this folder."""
    return f"{folder.name}-{protocol.key}"


def _recipe_names() -> set[str]:
    return {field.name for field in fields(Recipe)} - _FIXED.keys()
