"""All that a report tells, as plain data, before it becomes a page in some language."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from recurra.comparison.comparison import FILE, Comparison, PlannedRun
from recurra.comparison.environment import machine
from recurra.comparison.results import Results, evaluate_test
from recurra.errors import RecurraError, RunError, SettingError, TextError
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.models.model import Model
from recurra.report.commands import (
    comparison_commands,
    run_commands,
    shown_source,
    study_commands,
)
from recurra.report.samples import CHARACTERS, Sample, choose_prompts, write_samples
from recurra.report.searches import SearchPart, gather_search
from recurra.text.corpus import Corpus
from recurra.text.sources import Source
from recurra.training.finished_run import FinishedRun, Losses
from recurra.training.recipe import Recipe
from recurra.training.records import Finished
from recurra.training.sessions import load_run_corpus
from recurra.tuning.study_spec import FILE as STUDY_FILE


@dataclass(frozen=True)
class NetworkPart:
    """A network of the report.

    Attributes:
        network: under its name in this report.
        sizes: budget, or trial of a search -> hidden size and number of parameters.
    """

    network: Network
    sizes: dict[str, tuple[Any, int]]


@dataclass(frozen=True)
class RunPart:
    """A run of the report: its place, its recipe, its last record and its test loss.

    Attributes:
        outcome: the last record.
        held_out, train: losses along the way.
    """

    network: str
    budget: str
    seed: int
    recipe: Recipe
    outcome: Finished
    test: float | None
    held_out: Losses
    train: Losses


@dataclass(frozen=True)
class TextPart:
    """A text of the report: its name, characters and encoding."""

    name: str
    characters: int
    encoding: str


@dataclass(frozen=True)
class Compared:
    """A comparison and its results.

    Attributes:
        searches: network -> the search that it won, or the folder where that is not any more.
    """

    comparison: Comparison
    results: Results
    searches: Mapping[str, SearchPart | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Content:
    """Content of a report.

    Attributes:
        found: what was found out about the runs: a comparison's results or a search; None where
            runs are only reported.
        texts: names of what was read.
        documents: what it was made of; empty where it cannot be read any more.
        vocabulary: distinct characters.
        recipe: what the runs have in common.
        samples: by prompt, then by network.
        environment: where it was computed; of a study and of runs where this was read.
        commands: to do it again.
    """

    found: Compared | SearchPart | None
    texts: tuple[str, ...]
    documents: tuple[TextPart, ...]
    vocabulary: int
    networks: tuple[NetworkPart, ...]
    runs: tuple[RunPart, ...]
    recipe: Recipe
    samples: tuple[Sample, ...]
    environment: dict[str, str]
    commands: tuple[str, ...]

    @property
    def budgets(self) -> list[str]:
        """Names of the budgets, in order."""
        return list(dict.fromkeys(run.budget for run in self.runs))

    @property
    def names(self) -> list[str]:
        """Names of what is shown side by side, in order: each keeps its colour."""
        return list(dict.fromkeys(run.network for run in self.runs))


@dataclass(frozen=True)
class _Subject:
    """Subject of a report, before its runs are read.

    Attributes:
        runs: each with its name in the report.
        tests: key of a run -> its test loss.
        corpus: its text, where that has been read.
    """

    found: Compared | SearchPart | None
    runs: Sequence[PlannedRun]
    commands: Sequence[str]
    environment: dict[str, str]
    tests: Mapping[str, float | None] = field(default_factory=dict)
    text: Callable[[], Corpus] | None = None


def gather(
    things: Source | Sequence[Source],
    *,
    prompts: Sequence[str] | None = None,
    characters: int = CHARACTERS,
    seed: int = 0,
    fetch: bool = False,
) -> Content:
    """Read a comparison, a study, or runs, and let their networks write.

    Args:
        things: the folder of a comparison or of a study, or one or more run folders.
        prompts: what the samples go on with; None: two beginnings from the validation text.
        characters: length of a sample.
        seed: of the samples.
        fetch: download texts that a folder has at an address.

    Raises:
        RunError: a folder is refused, or has not finished.
        TextError: prompts were to come from texts that are not there.
    """
    folders = [things] if isinstance(things, str | os.PathLike) else list(things)
    if not folders:
        raise SettingError("name a comparison, a study or runs to report")
    kinds = {FILE: _comparison, STUDY_FILE: _study}
    about = [kinds[name] for name in kinds if (Path(folders[0]) / name).exists()]
    if about and len(folders) > 1:
        raise SettingError("a report tells of one comparison, of one study, or of runs")
    subject = about[0](folders[0], fetch) if about else _runs(folders)
    runs = tuple(_part(trial, subject.tests.get(trial.key)) for trial in subject.runs)
    first = subject.runs[0].run
    writers = _writers(subject.runs) if characters else {}
    corpus = None
    try:
        corpus = load_run_corpus(
            first, corpus=subject.text() if subject.text else None, fetch=fetch
        )
        prompts = choose_prompts(corpus) if prompts is None and writers else prompts
    except RecurraError as error:
        if prompts is None and writers:
            message = f"{error}; or give prompts of your own, which need no text"
            raise TextError(message) from None
    return Content(
        found=subject.found,
        texts=tuple(map(shown_source, first.config.text.sources)),
        documents=tuple(
            TextPart(shown_source(one.name), one.characters, one.encoding)
            for one in (corpus.documents if corpus else ())
        ),
        vocabulary=len(first.run.vocabulary),
        networks=tuple(_networks(subject)),
        runs=runs,
        recipe=runs[0].recipe,
        samples=tuple(write_samples(writers, prompts or (), characters, seed=seed)),
        environment=subject.environment,
        commands=tuple(subject.commands),
    )


def _comparison(folder: Source, fetch: bool) -> _Subject:
    comparison = Comparison.open(folder)
    results = evaluate_test(comparison, fetch=fetch)
    return _Subject(
        Compared(comparison, results, dict(_searches(comparison))),
        comparison.finalists(),
        comparison_commands(comparison),
        comparison.environment,
        {row.key: row.test for row in results.rows},
        lambda: comparison.text.load(comparison.folder, fetch=fetch),
    )


def _searches(comparison: Comparison) -> Iterator[tuple[str, SearchPart | str]]:
    for name, folder in comparison.studies.items():
        try:
            yield name, gather_search(folder)[0]
        except RunError:
            yield name, folder


def _study(folder: Source, fetch: bool) -> _Subject:
    search, best = gather_search(folder)
    return _Subject(search, best, study_commands(search.spec), machine())


def _runs(folders: Sequence[Source]) -> _Subject:
    """Runs that were not compared: under the names of their networks if those tell them apart."""
    runs = list(map(FinishedRun.open, folders))
    networks = [run.config.network for run in runs]
    seeds = [run.config.recipe.seed for run in runs]
    names = networks
    texts = {(run.config.network, run.run.equations) for run in runs}
    if len({*zip(networks, seeds, strict=True)}) < len(runs) or len(texts) > len({*networks}):
        names = [run.run.folder.name for run in runs]
        if len({*names}) < len(names):
            names = [f"{network}-{i}" for i, network in enumerate(networks, 1)]
    trials = [PlannedRun.of("trained", name, run) for name, run in zip(names, runs, strict=True)]
    return _Subject(
        None, trials, [line for trial in trials for line in run_commands(trial.run)], machine()
    )


def _part(trial: PlannedRun, test: float | None) -> RunPart:
    run = trial.run
    return RunPart(
        trial.contestant,
        trial.budget,
        trial.seed,
        run.recipe,
        trial.finished(),
        test,
        run.held_out,
        run.train,
    )


def _writers(trials: Sequence[PlannedRun]) -> dict[str, Model]:
    """Of each network the run at the last budget with the lowest validation loss.

    None of a network whose runs all diverged before they had saved anything.
    """
    found: dict[str, tuple[float, FinishedRun]] = {}
    for trial in trials:
        loss, run = trial.finished().val_nats_per_char, trial.run
        loss = math.inf if loss is None else loss
        saved = run.run.has("best") or run.run.has("last")
        if trial.budget == trials[-1].budget and saved:
            known = found.get(trial.contestant)
            if known is None or loss < known[0]:
                found[trial.contestant] = loss, run
    return {name: run.best for name, (_, run) in found.items()}


def _networks(subject: _Subject) -> list[NetworkPart]:
    """Every network once: of a search those of its best trials, by their equations, then others."""
    searched = isinstance(subject.found, SearchPart)
    found: dict[str, NetworkPart] = {}
    for trial in subject.runs:
        run, size = trial.run, (trial.run.config.recipe.hidden, trial.finished().parameters)
        key = run.run.equations if searched else trial.contestant
        name = run.config.network if searched else trial.contestant
        if key not in found:
            if any(other.network.name == name for other in found.values()):
                name = f"{name} {trial.contestant}"
            found[key] = NetworkPart(replace(run.network, name=name), {})
        found[key].sizes[trial.contestant if searched else trial.budget] = size
    parts = list(found.values())
    if isinstance(subject.found, SearchPart):
        shown = {part.network.name for part in parts}
        networks = subject.found.spec.networks.items()
        parts += [NetworkPart(parse(text, n), {}) for n, text in networks if n not in shown]
    return parts
