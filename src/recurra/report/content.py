"""All that a report tells, as plain data, before it becomes a page in some language."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.comparison.comparison import FILE, Comparison, Trial
from recurra.comparison.environment import machine
from recurra.comparison.results import Results, settle
from recurra.errors import RecurraError, SettingError, TextError
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
        outcome: as in :class:`recurra.training.records.Finished`.
        held_out, train: characters, seconds and nats per character, along the way.
    """

    network: str
    budget: str
    seed: int
    recipe: Recipe
    outcome: dict[str, Any]
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
    comparison: Comparison | None = None
    results: Results | None = None
    search: SearchPart | None = None
    tests: dict[tuple[str, str, int], float | None] = {}
    kinds = [kind for kind in (FILE, STUDY_FILE) if (Path(folders[0]) / kind).exists()]
    if kinds and len(folders) > 1:
        raise SettingError("a report tells of one comparison, of one study, or of runs")
    if kinds == [FILE]:
        comparison = Comparison.open(folders[0])
        results = settle(comparison)
        tests = {(row.contestant, row.budget, row.seed): row.test for row in results.rows}
        trials = comparison.finalists()
        commands, environment = comparison_commands(comparison), comparison.environment
    elif kinds:
        search, trials = gather_search(folders[0])
        commands, environment = study_commands(search.protocol), machine()
    else:
        trials = _trials([Run.open(folder) for folder in folders])
        commands = [run_command(Run.open(trial.folder)) for trial in trials]
        environment = machine()
    runs = tuple(
        _run_part(trial, tests.get((trial.contestant, trial.budget, trial.seed)))
        for trial in trials
    )
    first = Run.open(trials[0].folder)
    writers = _writers(trials, runs) if characters else {}
    if prompts is None:
        prompts = _prompts(first) if writers else []
    return Content(
        texts=tuple(map(shown_source, asked(first).text["sources"])),
        vocabulary=len(first.vocabulary),
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


def _trials(runs: Sequence[Run]) -> list[Trial]:
    """Runs that were not compared: under the names of their networks if those tell them apart."""
    networks = [asked(run).network for run in runs]
    seeds = [asked(run).recipe.seed for run in runs]
    names = networks
    texts = {(network, run.equations) for network, run in zip(networks, runs, strict=True)}
    if len({*zip(networks, seeds, strict=True)}) < len(runs) or len(texts) > len({*networks}):
        names = [run.folder.name for run in runs]
        if len({*names}) < len(names):
            names = [f"{network}-{i}" for i, network in enumerate(networks, 1)]
    return [
        Trial("trained", name, seed, run.folder)
        for name, seed, run in zip(names, seeds, runs, strict=True)
    ]


def _prompts(run: Run) -> list[str]:
    try:
        return choose_prompts(load_run_corpus(run))
    except RecurraError as error:
        raise TextError(f"{error}; or give prompts of your own, which need no text") from None


def _run_part(trial: Trial, test: float | None) -> RunPart:
    outcome, run = trial.finished(), Run.open(trial.folder)
    recipe = asked(run).recipe
    per_step = recipe.batch * recipe.seq_len
    held_out, train, seconds = [], [], 0.0
    for record in run.metrics():
        if record["kind"] == "progress" and record["smooth_nats_per_char"] is not None:
            seconds = record["seconds"]
            train.append((record["characters"], seconds, record["smooth_nats_per_char"]))
        elif record["kind"] == "evaluation" and record["nats_per_char"] is not None:
            held_out.append((record["step"] * per_step, seconds, record["nats_per_char"]))
    return RunPart(
        trial.contestant,
        trial.budget,
        trial.seed,
        recipe,
        outcome,
        test,
        tuple(held_out),
        tuple(train),
    )


def _writers(trials: Sequence[Trial], runs: Sequence[RunPart]) -> dict[str, Model]:
    """Of each network the run at the last budget with the lowest validation loss.

    None of a network whose runs all diverged before they had saved anything.
    """
    found: dict[str, tuple[float, Run]] = {}
    for trial, part in zip(trials, runs, strict=True):
        loss, run = part.outcome["val_nats_per_char"], Run.open(trial.folder)
        loss = math.inf if loss is None else loss
        saved = run.has("best") or run.has("last")
        if trial.budget == trials[-1].budget and saved:
            known = found.get(trial.contestant)
            if known is None or loss < known[0]:
                found[trial.contestant] = loss, run
    return {name: load_model(run) for name, (_, run) in found.items()}


def _networks(trials: Sequence[Trial], runs: Sequence[RunPart]) -> list[NetworkPart]:
    parts: dict[str, NetworkPart] = {}
    for trial, run in zip(trials, runs, strict=True):
        if trial.contestant not in parts:
            equations = Run.open(trial.folder).equations
            parts[trial.contestant] = NetworkPart(trial.contestant, equations, {})
        size = (run.recipe.hidden, run.outcome["parameters"])
        parts[trial.contestant].sizes[trial.budget] = size
    return list(parts.values())


def _searched(trials: Sequence[Trial], runs: Sequence[RunPart]) -> list[NetworkPart]:
    """The networks of a search's best trials; those of the same equations share their place."""
    parts: dict[str, NetworkPart] = {}
    for trial, run in zip(trials, runs, strict=True):
        folder = Run.open(trial.folder)
        name = asked(folder).network
        if any(part.name == name for part in parts.values()) and folder.equations not in parts:
            name = f"{name} {trial.contestant}"
        part = parts.setdefault(folder.equations, NetworkPart(name, folder.equations, {}))
        part.sizes[trial.contestant] = (run.recipe.hidden, run.outcome["parameters"])
    return list(parts.values())
