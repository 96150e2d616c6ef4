"""All that a report tells, as plain data, before it becomes a page in some language."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.comparison.comparison import FILE, Comparison, PlannedRun
from recurra.comparison.environment import machine
from recurra.comparison.results import Results, evaluate_test
from recurra.errors import RecurraError, SettingError, TextError
from recurra.models.model import Model
from recurra.report.commands import comparison_commands, run_command, study_commands
from recurra.report.samples import CHARACTERS, Sample, choose_prompts, write_samples
from recurra.report.searches import SearchPart, gather_search
from recurra.text.sources import Source
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import Recipe
from recurra.training.records import Evaluation, Finished, Progress
from recurra.training.sessions import load_run_corpus
from recurra.tuning.spec import FILE as STUDY_FILE


@dataclass(frozen=True)
class NetworkPart:
    """A network of the report.

    Attributes:
        name: in this report.
        equations: canonical text.
        sizes: budget, or trial of a search -> hidden size and number of parameters.
    """

    name: str
    equations: str
    sizes: dict[str, tuple[Any, int]]


@dataclass(frozen=True)
class RunPart:
    """A run of the report: its place, its recipe, its last record and its test loss.

    Attributes:
        outcome: the last record.
        held_out, train: characters, seconds and nats per character, along the way.
    """

    network: str
    budget: str
    seed: int
    recipe: Recipe
    outcome: Finished
    test: float | None
    held_out: tuple[tuple[float, float, float], ...]
    train: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Content:
    """What a report tells.

    Attributes:
        texts: names of what was read; characters and distinct ones.
        comparison, results: None where runs are reported without being compared.
        search: where a study is reported; its runs are the best trials.
        recipe: what the runs have in common.
        samples: by prompt, then by network.
        environment: where it was computed; of a study and of runs where this was read.
        commands: to do it again.
    """

    texts: tuple[str, ...]
    vocabulary: int
    networks: tuple[NetworkPart, ...]
    runs: tuple[RunPart, ...]
    recipe: Recipe
    comparison: Comparison | None
    results: Results | None
    search: SearchPart | None
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
    comparison: Comparison | None = None
    results: Results | None = None
    search: SearchPart | None = None
    tests: dict[tuple[str, str, int], float | None] = {}
    kinds = [kind for kind in (FILE, STUDY_FILE) if (Path(folders[0]) / kind).exists()]
    if kinds and len(folders) > 1:
        raise SettingError("a report tells of one comparison, of one study, or of runs")
    if kinds == [FILE]:
        comparison = Comparison.open(folders[0])
        results = evaluate_test(comparison, fetch=fetch)
        tests = {(row.contestant, row.budget, row.seed): row.test for row in results.rows}
        trials = comparison.finalists()
        commands, environment = comparison_commands(comparison), comparison.environment
    elif kinds:
        search, trials = gather_search(folders[0])
        commands, environment = study_commands(search.spec), machine()
    else:
        trials = _trials(list(map(FinishedRun.open, folders)))
        commands = [run_command(trial.run) for trial in trials]
        environment = machine()
    runs = tuple(
        _run_part(trial, tests.get((trial.contestant, trial.budget, trial.seed)))
        for trial in trials
    )
    first = trials[0].run
    writers = _writers(trials, runs) if characters else {}
    if prompts is None:
        prompts = _prompts(first, comparison, fetch) if writers else []
    return Content(
        texts=tuple(map(shown_source, first.config.text.sources)),
        vocabulary=len(first.run.vocabulary),
        networks=tuple(_searched(trials, runs) if search else _networks(trials, runs)),
        runs=runs,
        recipe=runs[0].recipe,
        comparison=comparison,
        results=results,
        search=search,
        samples=tuple(write_samples(writers, prompts, characters, seed=seed)),
        environment=environment,
        commands=tuple(commands),
    )


def shown_source(source: str) -> str:
    """A text's name without the folders of the machine that it was on."""
    return source if source.startswith(("http://", "https://")) else Path(source).name


def _trials(runs: Sequence[FinishedRun]) -> list[PlannedRun]:
    """Runs that were not compared: under the names of their networks if those tell them apart."""
    networks = [run.config.network for run in runs]
    seeds = [run.config.recipe.seed for run in runs]
    names = networks
    texts = {(run.config.network, run.run.equations) for run in runs}
    if len({*zip(networks, seeds, strict=True)}) < len(runs) or len(texts) > len({*networks}):
        names = [run.run.folder.name for run in runs]
        if len({*names}) < len(names):
            names = [f"{network}-{i}" for i, network in enumerate(networks, 1)]
    return [PlannedRun.of("trained", name, run) for name, run in zip(names, runs, strict=True)]


def _prompts(run: FinishedRun, comparison: Comparison | None, fetch: bool) -> list[str]:
    try:
        known = None
        if comparison is not None:
            known = comparison.text.load(comparison.folder, fetch=fetch)
        return choose_prompts(load_run_corpus(run, corpus=known, fetch=fetch))
    except RecurraError as error:
        raise TextError(f"{error}; or give prompts of your own, which need no text") from None


def _run_part(trial: PlannedRun, test: float | None) -> RunPart:
    train = [
        (record.characters, record.seconds, record.smooth_nats_per_char)
        for record in trial.run.records_of(Progress)
    ]
    held_out = [
        (record.characters or 0, record.seconds or 0.0, record.nats_per_char)
        for record in trial.run.records_of(Evaluation)
    ]
    return RunPart(
        trial.contestant,
        trial.budget,
        trial.seed,
        trial.run.config.recipe,
        trial.finished(),
        test,
        tuple(point for point in held_out if math.isfinite(point[2])),
        tuple(point for point in train if math.isfinite(point[2])),
    )


def _writers(trials: Sequence[PlannedRun], runs: Sequence[RunPart]) -> dict[str, Model]:
    """Of each network the run at the last budget with the lowest validation loss.

    None of a network whose runs all diverged before they had saved anything.
    """
    found: dict[str, tuple[float, FinishedRun]] = {}
    for trial, part in zip(trials, runs, strict=True):
        loss, run = part.outcome.val_nats_per_char, trial.run
        loss = math.inf if loss is None else loss
        saved = run.run.has("best") or run.run.has("last")
        if trial.budget == trials[-1].budget and saved:
            known = found.get(trial.contestant)
            if known is None or loss < known[0]:
                found[trial.contestant] = loss, run
    return {name: run.best for name, (_, run) in found.items()}


def _networks(trials: Sequence[PlannedRun], runs: Sequence[RunPart]) -> list[NetworkPart]:
    parts: dict[str, NetworkPart] = {}
    for trial, run in zip(trials, runs, strict=True):
        if trial.contestant not in parts:
            equations = trial.run.run.equations
            parts[trial.contestant] = NetworkPart(trial.contestant, equations, {})
        size = (run.recipe.hidden, run.outcome.parameters)
        parts[trial.contestant].sizes[trial.budget] = size
    return list(parts.values())


def _searched(trials: Sequence[PlannedRun], runs: Sequence[RunPart]) -> list[NetworkPart]:
    """The networks of a search's best trials; those of the same equations share their place."""
    parts: dict[str, NetworkPart] = {}
    for trial, run in zip(trials, runs, strict=True):
        name, equations = trial.run.config.network, trial.run.run.equations
        if any(part.name == name for part in parts.values()) and equations not in parts:
            name = f"{name} {trial.contestant}"
        part = parts.setdefault(equations, NetworkPart(name, equations, {}))
        part.sizes[trial.contestant] = (run.recipe.hidden, run.outcome.parameters)
    return list(parts.values())
