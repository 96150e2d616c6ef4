"""A training as it is asked for, by options, in a notebook or a studio: data, checked once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recurra.compute.engines import DEFAULT_ENGINE
from recurra.errors import SettingError
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.storage.runs import Run
from recurra.text.corpus import DEFAULT_SPLIT, Split, TextSpec, load_corpus
from recurra.text.download import Progress
from recurra.text.sources import Source
from recurra.training.presets import preset
from recurra.training.recipe import RECIPES, Recipe
from recurra.training.sessions import resume, start
from recurra.training.trainer import Trainer


class RequestError(SettingError):
    """A field of a request is missing, or does not go together with another one.

    Args:
        field: its name.
        message: what is wrong and what to do.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field, self.message = field, message

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


@dataclass(frozen=True)
class Winner:
    """The best trial of a study, as a training of its own is to have it."""

    network: Network
    recipe: Recipe
    text: TextSpec
    folder: Path


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """A training; what is None or empty was not asked for.

    Attributes:
        texts: files, folders, URLs or "shakespeare".
        network: a library network's name, or the path of a ``.eq`` file; None: "wrnn".
        choices: of the equations.
        preset: "fast", "good" or "best".
        recipe: "modern" or "classic".
        settings: fields of the recipe, with the values that replace its own.
        resume: the folder of a run to go on with; only its texts may be named, if they were moved,
            and another engine.
        winner: ``study.winning`` of a search; it brings network, recipe and texts.
        out: the new run folder.
        encoding, split, engine, threads: see `recurra.start`.
        fetch: download texts that a folder names by address.

    Raises:
        RequestError: fields that do not go together.
    """

    texts: tuple[Source, ...] = ()
    network: Source | None = None
    choices: Mapping[str, str | float] = field(default_factory=dict)
    preset: str | None = None
    recipe: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    resume: Source | None = None
    winner: Callable[[], Winner] | None = None
    out: Source | None = None
    encoding: str | None = None
    split: Split | None = None
    engine: str | None = None
    threads: int | None = None
    fetch: bool = False

    def __post_init__(self) -> None:
        if self.resume is not None:
            kept = "a resumed run keeps what it began with; train a new one to change that"
            self._refuse({*vars(self)} - {"resume", "texts", "engine", "fetch"}, kept)
        elif self.winner is not None:
            own = {"network", "preset", "choices", "recipe", "encoding", "split"}
            self._refuse(own, "a search's winner brings its own")
        elif not self.texts:
            raise RequestError("texts", "name what to train on, or use --resume or --from")
        elif self.preset is not None:
            self._refuse({"recipe"}, "a preset brings its own")
        if self.recipe is not None and self.recipe not in RECIPES:
            raise RequestError("recipe", f"{self.recipe} is none of {', '.join(RECIPES)}")

    def _refuse(self, fields: set[str], why: str) -> None:
        for name in sorted(fields):
            if (value := getattr(self, name)) not in (None, {}):
                raise RequestError(next(iter(value)) if name == "settings" else name, why)

    def start(self, progress: Progress | None = None) -> Trainer:
        """The trainer that does what was asked for, with its run folder.

        Args:
            progress: called several times a second while a text is downloaded.

        Raises:
            RecurraError: a text, a network, a setting or a folder is refused.
        """
        if self.resume is not None:
            return resume(
                Run.open(self.resume), self.texts or None, fetch=self.fetch, engine=self.engine
            )
        texts, encoding, split = self.texts, self.encoding, self.split or DEFAULT_SPLIT
        corpus = None
        if self.winner is not None:
            winner = self.winner()
            text, network, recipe = winner.text, winner.network, winner.recipe
            if not texts:
                corpus, texts = text.load(winner.folder, fetch=self.fetch), text.sources
            encoding, split = text.encoding, text.split
        elif self.preset is not None:
            corpus = load_corpus(texts, encoding, split, progress=progress)
            suited = preset(self.preset, corpus, self.network, self.choices)
            network, recipe = suited.network, suited.recipe
        else:
            network = load_network(self.network or "wrnn", self.choices)
            recipe = RECIPES[self.recipe or "modern"]
        recipe = recipe.with_(**self.settings)
        if corpus is None:
            corpus = load_corpus(texts, encoding, split, progress=progress)
        return start(
            texts,
            network,
            recipe,
            out=self.out,
            encoding=encoding,
            split=split,
            corpus=corpus,
            engine=self.engine or DEFAULT_ENGINE,
            threads=self.threads,
        )
