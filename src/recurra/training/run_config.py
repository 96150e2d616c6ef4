"""The configuration of a run: what its ``config.json`` says."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from recurra.compute.registry import check_engine
from recurra.storage.runs import KEPT_TEXT, Name, Run
from recurra.storage.typed_json import read_typed
from recurra.text.corpus import TextSpec
from recurra.training.recipe import Recipe


@dataclass(frozen=True)
class Origin:
    """The run whose weights a run began with.

    Attributes:
        run: its folder, at that time.
        checkpoint: which of its checkpoints.
        step: steps that it had done then.
        keep_optimizer: whether the optimiser's state came along.
    """

    run: str
    checkpoint: Name
    step: int
    keep_optimizer: bool


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run trains.

    Attributes:
        network: its name; its equations are a file of their own.
        text: what it reads.
        recipe: how it is trained.
        engine, threads: what computes.
        origin: None: it began with random weights.

    Raises:
        SettingError: no such engine, or a number of threads that makes no sense.
    """

    network: str
    text: TextSpec
    recipe: Recipe
    engine: str
    threads: int
    origin: Origin | None = None

    def __post_init__(self) -> None:
        check_engine(self.engine, self.threads)

    @classmethod
    def load(cls, run: Run) -> Self:
        """The configuration of a run.

        Raises:
            RunError: a field is missing, of another type, or makes no sense.
        """
        cure = "restore a backup, or train a new run"
        config = read_typed(cls, run.config, run.folder / "config.json", cure)
        if config.text.sources != (KEPT_TEXT,):
            return config
        return replace(config, text=replace(config.text, sources=(str(run.folder / KEPT_TEXT),)))

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON, for `Run.create`."""
        fields = asdict(self)
        if self.origin is None:  # as in older versions
            del fields["origin"]
        return fields
