"""All that a report tells, as plain data, before it becomes a page in some language."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.comparison.comparison import FILE, Comparison, Trial
from recurra.comparison.environment import machine
from recurra.comparison.results import Results, settle
from recurra.errors import RecurraError, RunError, SettingError, TextError
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.models.model import Model
from recurra.report.commands import comparison_commands, run_command, study_commands
from recurra.report.samples import CHARACTERS, Sample, choose_prompts, write_samples
from recurra.report.searches import SearchPart, gather_search
from recurra.storage.runs import Run
from recurra.training.recipe import Recipe
from recurra.training.run_config import asked
from recurra.training.sessions import Source, load_model, load_run_corpus
from recurra.tuning.spec import FILE as STUDY_FILE


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
class Points:
    """A loss along the way of a run: ``(n,)`` each.

    Attributes:
        characters, seconds: where it was measured.
        nats: per character.
    """

    characters: NDArray[np.float64]
    seconds: NDArray[np.float64]
    nats: NDArray[np.float64]


@dataclass(frozen=True)
class RunPart:
    """A run of the report: its place, its recipe, its last record and its test loss.

    Attributes:
        outcome: as in :class:`recurra.training.records.Finished`.
        held_out, train: losses along the way.
    """

    network: str
    budget: str
    seed: int
    recipe: Recipe
    outcome: Mapping[str, Any]
    test: float | None
    held_out: Points
    train: Points


@dataclass(frozen=True)
class Compared:
    """A comparison and its results."""

    comparison: Comparison
    results: Results


@dataclass(frozen=True)
class Content:
    """What a report tells.

    Attributes:
        found: what was found out about the runs: a comparison's results or a search; None where
            runs are only reported.
        texts: names of what was read.
        vocabulary: distinct characters.
        recipe: what the runs have in common.
        samples: by prompt, then by network.
        environment: where it was computed; of a study and of runs where this was read.
        commands: to do it again.
    """

    found: Compared | SearchPart | None
    texts: tuple[str, ...]
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
    """What a report is about, before its runs are read.

    Attributes:
        entries: the runs, each with its name in the report, and opened.
        tests: key of an entry -> its test loss.
    """

    found: Compared | SearchPart | None
    entries: Sequence[tuple[Trial, Run]]
    commands: Sequence[str]
    environment: dict[str, str]
    tests: Mapping[str, float | None] = field(default_factory=dict)


def gather(
    things: Source | Sequence[Source],
    *,
    prompts: Sequence[str] | None = None,
    characters: int = CHARACTERS,
    seed: int = 0,
) -> Content:
    """Read a comparison, a study, or runs, and let their networks write.

    Args:
        things: the folder of a comparison or of a study, or one or more run folders.
        prompts: what the samples go on with; None: two beginnings from the validation text.
        characters: length of a sample.
        seed: of the samples.

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
    subject = about[0](folders[0]) if about else _runs(folders)
    parts = [_part(trial, run, subject.tests.get(trial.key)) for trial, run in subject.entries]
    first = subject.entries[0][1]
    writers = _writers(subject.entries, parts) if characters else {}
    if prompts is None:
        prompts = _prompts(first) if writers else []
    return Content(
        found=subject.found,
        texts=tuple(map(shown_source, asked(first).text["sources"])),
        vocabulary=len(first.vocabulary),
        networks=tuple(_networks(subject, parts)),
        runs=tuple(parts),
        recipe=parts[0].recipe,
        samples=tuple(write_samples(writers, prompts, characters, seed=seed)),
        environment=subject.environment,
        commands=tuple(subject.commands),
    )


def _comparison(folder: Source) -> _Subject:
    comparison = Comparison.open(folder)
    results = settle(comparison)
    return _Subject(
        Compared(comparison, results),
        [(trial, Run.open(trial.folder)) for trial in comparison.finalists()],
        comparison_commands(comparison),
        comparison.environment,
        {row.key: row.test for row in results.rows},
    )


def _study(folder: Source) -> _Subject:
    search, best = gather_search(folder)
    entries = [(trial, Run.open(trial.folder)) for trial in best]
    return _Subject(search, entries, study_commands(search.protocol), machine())


def _runs(folders: Sequence[Source]) -> _Subject:
    """Runs that were not compared: under the names of their networks if those tell them apart."""
    runs = list(map(Run.open, folders))
    networks = [asked(run).network for run in runs]
    seeds = [asked(run).recipe.seed for run in runs]
    names = networks
    texts = {(network, run.equations) for network, run in zip(networks, runs, strict=True)}
    if len({*zip(networks, seeds, strict=True)}) < len(runs) or len(texts) > len({*networks}):
        names = [run.folder.name for run in runs]
        if len({*names}) < len(names):
            names = [f"{network}-{i}" for i, network in enumerate(networks, 1)]
    entries = [
        (Trial("trained", name, seed, run.folder), run)
        for name, seed, run in zip(names, seeds, runs, strict=True)
    ]
    return _Subject(None, entries, list(map(run_command, runs)), machine())


def shown_source(source: str) -> str:
    """A text's name without the folders of the machine that it was on."""
    return source if source.startswith(("http://", "https://")) else Path(source).name


def _prompts(run: Run) -> list[str]:
    try:
        return choose_prompts(load_run_corpus(run))
    except RecurraError as error:
        raise TextError(f"{error}; or give prompts of your own, which need no text") from None


def _part(trial: Trial, run: Run, test: float | None) -> RunPart:
    """A run, its records read once, one after the other."""
    recipe = asked(run).recipe
    per_step = recipe.batch * recipe.seq_len
    held_out, train, seconds, outcome = [], [], 0.0, None
    for record in run.metrics():
        outcome = record if record["kind"] == "finished" else None
        if record["kind"] == "progress" and record["smooth_nats_per_char"] is not None:
            seconds = record["seconds"]
            train.append((record["characters"], seconds, record["smooth_nats_per_char"]))
        elif record["kind"] == "evaluation" and record["nats_per_char"] is not None:
            held_out.append((record["step"] * per_step, seconds, record["nats_per_char"]))
    if outcome is None:
        raise RunError(f"{run.folder} has not finished: recurra train --resume {run.folder}")
    return RunPart(
        trial.contestant,
        trial.budget,
        trial.seed,
        recipe,
        outcome,
        test,
        _points(held_out),
        _points(train),
    )


def _points(rows: Sequence[tuple[float, float, float]]) -> Points:
    return Points(*np.array(rows, np.float64).reshape(-1, 3).T)


def _writers(entries: Sequence[tuple[Trial, Run]], parts: Sequence[RunPart]) -> dict[str, Model]:
    """Of each network the run at the last budget with the lowest validation loss.

    None of a network whose runs all diverged before they had saved anything.
    """
    found: dict[str, tuple[float, Run]] = {}
    for (_, run), part in zip(entries, parts, strict=True):
        loss = part.outcome["val_nats_per_char"]
        loss = math.inf if loss is None else loss
        saved = run.has("best") or run.has("last")
        if part.budget == parts[-1].budget and saved:
            known = found.get(part.network)
            if known is None or loss < known[0]:
                found[part.network] = loss, run
    return {name: load_model(run) for name, (_, run) in found.items()}


def _networks(subject: _Subject, parts: Sequence[RunPart]) -> list[NetworkPart]:
    """Every network once: of a search those of its best trials, by their equations."""
    searched = isinstance(subject.found, SearchPart)
    found: dict[str, NetworkPart] = {}
    for (_, run), part in zip(subject.entries, parts, strict=True):
        key = run.equations if searched else part.network
        name = asked(run).network if searched else part.network
        if key not in found:
            if any(other.network.name == name for other in found.values()):
                name = f"{name} {part.network}"
            found[key] = NetworkPart(parse(run.equations, name), {})
        shown = part.network if searched else part.budget
        found[key].sizes[shown] = (part.recipe.hidden, part.outcome["parameters"])
    return list(found.values())
