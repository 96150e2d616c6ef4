"""A training, a search or a comparison as the page asks for it, in JSON; and its command line."""

import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar, Literal

from recurra.comparison.budgets import MATCHES
from recurra.compute.registry import ENGINES
from recurra.errors import RequestError, SettingError
from recurra.lang.library import library, load_network
from recurra.storage.outputs import write_output
from recurra.studio.forms import Form, check_range
from recurra.studio.workspace import Entry, Workspace
from recurra.text.sources import NAMED
from recurra.training.recipe import BUDGETS, MODERN, Recipe, make_recipe
from recurra.training.request import NETWORK, TrainRequest
from recurra.tuning.pruners import PRUNERS
from recurra.tuning.samplers import SAMPLERS
from recurra.tuning.space import parse_space

SETTINGS = {field.name for field in fields(Recipe)} - {"name"}
# the numbers that one machine may be asked for
RANGES = {
    "threads": (1, 256), "workers": (1, 64), "seeds": (1, 1000), "trials": (1, 100_000),
    "length": (1, 10**12), "rung": (1, 10**12), "factor": (2, 1000), "keep": (1, 100_000),
    "finalists": (0, 1000), "characters": (1, 10**15), "sample_characters": (1, 100_000),
}  # fmt: skip
Value = str | bool | int | float | dict[str, int] | None
Verb = Literal["train", "tune", "compare"]


def _choice(*names: str) -> str | None:
    """A field whose value is one of some names."""
    found: str | None = field(default=None, metadata={"names": names})
    return found


@dataclass(frozen=True, kw_only=True)
class JobRequest(Form, ABC):
    """The fields that all of them have, as in the requests of the library.

    Attributes:
        verb: the command.
        place: the folder of the workspace for what it makes.
        texts: files and folders of the workspace, and names of corpora.
        others: see `TrainRequest`.
    """

    verb: ClassVar[Verb]
    place: ClassVar[str]

    texts: list[str] = field(default_factory=list)
    recipe: str | None = None
    settings: dict[str, Value] = field(default_factory=dict)
    encoding: str | None = None
    split: str | None = None
    engine: str | None = _choice(*ENGINES)

    def command(self, workspace: Workspace, out: Path) -> list[str]:
        """The words after ``recurra`` that do it, with all paths absolute.

        Raises:
            RecurraError: a field is refused.
        """
        unknown = sorted(self.settings.keys() - SETTINGS)
        if unknown:
            raise RequestError(unknown[0][:60], "a recipe has no such field")
        for each in fields(self):
            names = each.metadata.get("names")
            if names and getattr(self, each.name) not in (None, *names):
                raise RequestError(each.name, f"choose one of {', '.join(names)}")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name, self.settings.get(name))
            if isinstance(value, int | float):
                check_range(name, value, low, high)
        self._check(workspace)
        words = [self.verb, f"--out={out}", *self._words(workspace, out)]
        words += self._options("recipe", "encoding", "split", "engine")
        return words + options(self.settings)

    @abstractmethod
    def stem(self, workspace: Workspace) -> str:
        """The first part of its folder's name."""

    @abstractmethod
    def _check(self, workspace: Workspace) -> None:
        """Refuse what the command would refuse, as far as that can be told at once."""

    @abstractmethod
    def _words(self, workspace: Workspace, out: Path) -> Iterator[str]:
        """The words that the others do not have."""

    def _sources(self, workspace: Workspace) -> list[str]:
        return [text if text in NAMED else str(workspace.file(text)) for text in self.texts]

    def _options(self, *names: str) -> list[str]:
        """Fields that were asked for, as options of the same names."""
        given = {name: getattr(self, name) for name in names}
        return options({name: value for name, value in given.items() if value not in (None, "")})

    def _check_recipe(self, settings: dict[str, Value]) -> None:
        make_recipe(self.recipe or MODERN, settings)
        if not self.texts:
            raise RequestError("texts", "choose a text, or drop one")


@dataclass(frozen=True, kw_only=True)
class TrainingRequest(JobRequest):
    """A training.

    Attributes:
        network: a name of the library, or a ``.eq`` file of the workspace.
        init_from: the run of the workspace whose weights it begins with.
        others: see `TrainRequest`.
    """

    verb = "train"
    place = "runs"

    network: str | None = None
    choices: dict[str, str | float] = field(default_factory=dict)
    preset: str | None = None
    init_from: str | None = None
    keep_optimizer: bool = False
    threads: int | None = None

    def stem(self, workspace: Workspace) -> str:
        """Network and text."""
        if not self.texts:
            return "run"
        if self.init_from is not None:
            network = workspace.entry(self.init_from, "run").path.name
        else:
            network = Path(self.network or self.preset or NETWORK).stem
        return f"{network}-{Path(self.texts[0]).stem}"

    def _check(self, workspace: Workspace) -> None:
        network = _network(workspace, self.network)
        TrainRequest(
            texts=tuple(self.texts),
            network=network,
            choices=self.choices,
            preset=self.preset,
            recipe=self.recipe,
            settings=self.settings,
            init_from=self.init_from,
            keep_optimizer=self.keep_optimizer,
            encoding=self.encoding,
            split=self.split,
            engine=self.engine,
            threads=self.threads,
        )
        if network is not None:
            load_network(network, self.choices)

    def _words(self, workspace: Workspace, out: Path) -> Iterator[str]:
        yield from self._sources(workspace)
        if self.network is not None:
            yield f"--network={_network(workspace, self.network)}"
        yield from (f"--set={name}={value}" for name, value in self.choices.items())
        if self.init_from is not None:
            yield f"--init-from={workspace.entry(self.init_from, 'run').path}"
        if self.keep_optimizer:
            yield "--keep-optimizer"
        yield from self._options("preset", "threads")


@dataclass(frozen=True, kw_only=True)
class SearchRequest(JobRequest):
    """A search.

    Attributes:
        network: a name of the library, or a ``.eq`` file of the workspace.
        space: what to search, as TOML.
        others: see `recurra.TuneRequest`.
    """

    verb = "tune"
    place = "studies"

    network: str | None = None
    space: str = ""
    trials: int | None = None
    length: int | None = None
    sampler: str | None = _choice(*SAMPLERS.names)
    pruner: str | None = _choice(*PRUNERS.names)
    rung: int | None = None
    factor: int | None = None
    keep: int | None = None
    within: str | None = None
    finalists: int | None = None
    workers: int | None = None
    minutes: float | None = None
    characters: int | None = None

    def stem(self, workspace: Workspace) -> str:
        """Network and text."""
        named = [self.network] if self.network else []
        return "-".join(Path(name).stem for name in [*named, *self.texts[:1]])

    def _check(self, workspace: Workspace) -> None:
        self._check_recipe(self.settings)
        try:
            space = parse_space(tomllib.loads(self.space))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise RequestError("space", f"is not TOML: {error}") from None
        if self.network is not None and "network" in space.parameters:
            raise SettingError("the space has networks: name none beside it")
        if (network := _network(workspace, self.network)) is not None:
            load_network(network)

    def _words(self, workspace: Workspace, out: Path) -> Iterator[str]:
        yield from self._sources(workspace)
        # beside the study, so that the command can be given in a terminal, too
        space = out.parent / f"{out.name}.toml"
        space.parent.mkdir(exist_ok=True)
        write_output(space, self.space)
        yield f"--space={space}"
        if self.network is not None:
            yield f"--network={_network(workspace, self.network)}"
        if self.sampler is not None:
            yield f"--search={self.sampler}"
        own = {field.name for field in fields(JobRequest)} | {"network", "space", "sampler"}
        yield from self._options(*(f.name for f in fields(self) if f.name not in own))


@dataclass(frozen=True, kw_only=True)
class ComparisonRequest(JobRequest):
    """A comparison of networks, or of runs that are there.

    Attributes:
        networks: names of the library, or ``.eq`` files of the workspace.
        runs: instead of networks: runs of the workspace that have finished, or studies, whose
            winners are trained.
        hidden, steps, epochs, minutes, rates: lists, as they are typed: ``64,128``.
        others: see `recurra.CompareRequest`.
    """

    verb = "compare"
    place = "comparisons"

    networks: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    hidden: str | None = None
    steps: str | None = None
    epochs: str | None = None
    minutes: str | None = None
    match: str | None = _choice(*MATCHES)
    seeds: int | None = None
    rates: str | None = None
    workers: int | None = None
    threads: int | None = None

    def stem(self, workspace: Workspace) -> str:
        """Networks and text."""
        entrants = [Path(name).stem for name in self.networks[:3]]
        entrants += [entry.path.name for entry in self._entries(workspace)[:3]]
        return "-".join([*entrants, *(Path(text).stem for text in self.texts[:1])])

    def _check(self, workspace: Workspace) -> None:
        if self.runs:
            if self.texts or self.networks or self.settings:
                raise RequestError("runs", "runs and studies keep their texts and settings")
            return
        budgets = {"steps": 1} if any(getattr(self, name) for name in BUDGETS) else {}
        self._check_recipe({**self.settings, **budgets})
        if len(self.networks) < 2:
            raise RequestError("networks", "choose two or more")
        for name in self.networks:
            load_network(_network(workspace, name) or NETWORK)

    def _words(self, workspace: Workspace, out: Path) -> Iterator[str]:
        yield from (str(entry.path) for entry in self._entries(workspace))
        yield from (str(_network(workspace, name)) for name in self.networks)
        yield from (f"--text={source}" for source in self._sources(workspace))
        own = {field.name for field in fields(JobRequest)} | {"networks", "runs"}
        yield from self._options(*(f.name for f in fields(self) if f.name not in own))

    def _entries(self, workspace: Workspace) -> list[Entry]:
        return [workspace.entry(id) for id in self.runs]


REQUESTS: tuple[type[JobRequest], ...] = (TrainingRequest, SearchRequest, ComparisonRequest)


def resume_command(entry: Entry, budget: dict[str, Value]) -> list[str]:
    """The words after ``recurra`` that go on with something, a run for longer if there is a budget.

    Raises:
        RequestError: a setting that is no budget, or a budget of what is no run.
    """
    if entry.kind != "run":
        if budget:
            raise RequestError("budget", "only a run goes on for longer")
        verb = "tune" if entry.kind == "study" else "compare"
        return [verb, f"--resume={entry.path}"]
    for name, value in TrainRequest(resume=entry.path, settings=budget).budget.items():
        if not value > 0:
            raise RequestError(name, "has to be a number above 0")
    return ["train", f"--resume={entry.path}", *options(budget)]


def options(settings: dict[str, Value]) -> list[str]:
    """Fields of a recipe as they are typed on the command line."""
    words = []
    for name, value in settings.items():
        flag = name.replace("_", "-")
        match value:
            case bool():
                words.append(f"--{flag}" if value else f"--no-{flag}")
            case None:
                words.append(f"--{flag}=none")
            case dict():
                words.append(f"--{flag}=" + ",".join(f"{n}={size}" for n, size in value.items()))
            case _:
                words.append(f"--{flag}={value}")
    return words


def _network(workspace: Workspace, name: str | None) -> str | None:
    """A network of the library, or the path of a file of the workspace."""
    if name is None or name in library():
        return name
    path = workspace.file(name)
    if path.suffix != ".eq":
        raise RequestError("network", "name one of the library, or a .eq file of the folder")
    return str(path)
