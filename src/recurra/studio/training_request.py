"""A training as the page asks for it, in JSON; and the command line that does it."""

from dataclasses import dataclass, field, fields
from pathlib import Path

from recurra.errors import RequestError
from recurra.lang.library import library, load_network
from recurra.studio.workspace import Workspace
from recurra.text.sources import NAMED
from recurra.training.recipe import Recipe
from recurra.training.request import NETWORK, TrainRequest

SETTINGS = {field.name for field in fields(Recipe)} - {"name"}
Value = str | bool | int | float | dict[str, int] | None


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """The fields of `TrainRequest` that the page can ask for.

    Attributes:
        texts: files and folders of the workspace, and names of corpora.
        network: a name of the library, or a ``.eq`` file of the workspace.
        init_from: the run of the workspace whose weights it begins with.
        others: see `TrainRequest`.
    """

    texts: list[str] = field(default_factory=list)
    network: str | None = None
    choices: dict[str, str | float] = field(default_factory=dict)
    preset: str | None = None
    recipe: str | None = None
    settings: dict[str, Value] = field(default_factory=dict)
    init_from: str | None = None
    keep_optimizer: bool = False
    encoding: str | None = None
    split: str | None = None
    engine: str | None = None
    threads: int | None = None

    def command(self, workspace: Workspace, out: Path) -> list[str]:
        """The words after ``recurra`` that train it, with all paths absolute.

        Raises:
            RecurraError: a field is refused, as by `TrainRequest`.
        """
        self._check(workspace)
        words = ["train", *(self._text(workspace, text) for text in self.texts), f"--out={out}"]
        if self.network is not None:
            words.append(f"--network={self._network(workspace)}")
        words += [f"--set={name}={value}" for name, value in self.choices.items()]
        if self.init_from is not None:
            words.append(f"--init-from={workspace.entry(self.init_from, 'run').path}")
        words += ["--keep-optimizer"] if self.keep_optimizer else []
        for name in ("preset", "recipe", "encoding", "split", "engine", "threads"):
            if (value := getattr(self, name)) is not None:
                words.append(f"--{name}={value}")
        return words + options(self.settings)

    def stem(self, workspace: Workspace) -> str:
        """The first part of the run's name: network and text."""
        if not self.texts:
            return "run"
        if self.init_from is not None:
            network = workspace.entry(self.init_from, "run").path.name
        else:
            network = Path(self.network or self.preset or NETWORK).stem
        return f"{network}-{Path(self.texts[0]).stem}"

    def _check(self, workspace: Workspace) -> None:
        unknown = sorted(self.settings.keys() - SETTINGS)
        if unknown:
            raise RequestError(unknown[0][:60], "a recipe has no such field")
        network = self._network(workspace)
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
        if self.threads is not None and self.threads < 1:
            raise RequestError("threads", "has to be a whole number, 1 or more")

    def _network(self, workspace: Workspace) -> str | None:
        if self.network is None or self.network in library():
            return self.network
        path = workspace.file(self.network)
        if path.suffix != ".eq":
            raise RequestError("network", "name one of the library, or a .eq file of the folder")
        return str(path)

    def _text(self, workspace: Workspace, text: str) -> str:
        return text if text in NAMED else str(workspace.file(text))


def resume_command(run: Path, budget: dict[str, Value]) -> list[str]:
    """The words after ``recurra`` that go on with a run, for longer if a budget is given.

    Raises:
        RequestError: a setting that is no budget.
    """
    for name, value in TrainRequest(resume=run, settings=budget).budget.items():
        if not value > 0:
            raise RequestError(name, "has to be a number above 0")
    return ["train", f"--resume={run}", *options(budget)]


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
