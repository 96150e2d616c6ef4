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
from recurra.training.finished_run import FinishedRun
from recurra.training.presets import preset
from recurra.training.recipe import BUDGETS, RECIPES, Recipe
from recurra.training.sessions import resume, start
from recurra.training.trainer import Trainer
from recurra.training.warm_start import WarmStart


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
            and another budget, in the settings.
        winner: ``study.winning`` of a search; it brings network, recipe and texts.
        init_from: the folder of a run whose network, sizes and weights it begins with; its recipe,
            too, unless one is named.
        keep_optimizer: the state of that run's optimiser, too.
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
    init_from: Source | None = None
    keep_optimizer: bool = False
    out: Source | None = None
    encoding: str | None = None
    split: Split | None = None
    engine: str | None = None
    threads: int | None = None
    fetch: bool = False

    def __post_init__(self) -> None:
        if self.resume is not None:
            kept = "a resumed run keeps what it began with; train a new one to change that"
            self._refuse({*vars(self)} - {"resume", "texts", "fetch", "settings"}, kept)
            for name, value in self.settings.items():
                if name not in BUDGETS or value is None:
                    raise RequestError(name, kept)
        elif self.winner is not None:
            own = {"network", "preset", "choices", "recipe", "encoding", "split", "init_from"}
            self._refuse(own, "a search's winner brings its own")
        elif not self.texts:
            raise RequestError("texts", "name what to train on, or use --resume or --from")
        elif self.init_from is not None:
            why = "the run that weights come from brings its own"
            self._refuse({"network", "preset", "choices"}, why)
            if "hidden" in self.settings:
                raise RequestError("hidden", why)
        elif self.preset is not None:
            self._refuse({"recipe"}, "a preset brings its own")
        if self.keep_optimizer and self.init_from is None:
            raise RequestError("keep_optimizer", "name the run it comes from, with --init-from")
        if self.recipe is not None and self.recipe not in RECIPES:
            raise RequestError("recipe", f"{self.recipe} is none of {', '.join(RECIPES)}")

    def _refuse(self, fields: set[str], why: str) -> None:
        for name in sorted(fields):
            if getattr(self, name):
                raise RequestError(name, why)

    def start(self, progress: Progress | None = None) -> Trainer:
        """The trainer that does what was asked for, with its run folder.

        Args:
            progress: called several times a second while a text is downloaded.

        Raises:
            RecurraError: a text, a network, a setting or a folder is refused.
        """
        if self.resume is not None:
            run = Run.open(self.resume)
            return resume(run, self.texts or None, fetch=self.fetch, **self.settings)
        texts, encoding, split = self.texts, self.encoding, self.split or DEFAULT_SPLIT
        corpus = warm = None
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
        elif self.init_from is not None:
            warm = WarmStart.of(FinishedRun.open(self.init_from), self.keep_optimizer)
            network = warm.source.network
            recipe = RECIPES[self.recipe] if self.recipe else warm.source.recipe
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
            warm=warm,
        )
