"""How long a study will take, and what memory and disk it needs, from a few measured steps.

A handful of settings, from the smallest network of the space to the largest, train for a second
each, in processes like those of the search and as many at a time; what lies between is
interpolated by the number of parameters. The rest is arithmetic.
"""

import contextlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recurra.compute.optimizers.registry import make_optimizer
from recurra.errors import RecurraError, RunError
from recurra.lang.shape_solver import ShapeSolver
from recurra.text.corpus import Corpus
from recurra.training.processes import ONE_THREAD, REFUSED
from recurra.training.speed import measure_speed
from recurra.training.trainer import Trainer
from recurra.tuning.pruners.base import SynchronousPruner
from recurra.tuning.space import Setting
from recurra.tuning.study_spec import StudySpec, shown
from recurra.tuning.trials import Trial

DAY = 86_400.0  # seconds that the published W-RNN code spent on one grid, on 12 cores, unfinished
PROBES = 6  # settings that are measured
DRAWS = 200  # settings that stand for those of a search without a grid
BASE = 400 * 2**20  # what a process with its libraries, kernels and texts needs at most
ROWS = 2048  # rows of logits while held-out text is evaluated


@dataclass(frozen=True)
class Probe:
    """Time and memory of one setting, measured.

    Attributes:
        setting: its values.
        parameters: numbers that it trains.
        seconds_per_char: of training.
        evaluation_seconds_per_char: of reading held-out text.
        memory: highest number of bytes that its process had; None where the system does not say.
    """

    setting: Setting
    parameters: int
    seconds_per_char: float
    evaluation_seconds_per_char: float
    memory: int | None


@dataclass(frozen=True)
class CostEstimate:
    """Time, memory and disk of a study, estimated.

    Attributes:
        trials: how many.
        workers: processes at a time.
        characters: that all trials together train on.
        seconds: wall time.
        at_most: whether these two are an upper bound: how many trials such a pruner ends early
            cannot be known beforehand.
        memory: bytes of the largest trial's process.
        too_large: how many trials do not fit into memory, and will be skipped.
        disk: bytes of checkpoints at most; those of pruned trials are removed.
        probes: what was measured.
    """

    trials: int
    workers: int
    characters: int
    seconds: float
    at_most: bool
    memory: int
    too_large: int
    disk: int
    probes: tuple[Probe, ...]


def estimate_cost(spec: StudySpec, workers: int) -> CostEstimate:
    """Measure, and reckon what a study needs; takes some seconds a probe.

    Raises:
        RecurraError: no setting of the space can be trained.
    """
    corpus = spec.text.load("the study")
    vocabulary = len(corpus.vocabulary)
    count = spec.trials if spec.sampler.exhaustive else min(spec.trials, DRAWS)
    # without a history TPE, too, draws settings of the space
    settings = [spec.suggest([], number) for number in range(count)]
    sizes = np.array([count_parameters(spec, s, vocabulary) for s in settings])
    needs = np.array([memory_needed(spec, s, vocabulary) for s in settings])
    limit = memory_limit()
    fits = needs <= (math.inf if limit is None else limit / workers)
    if not fits.any():
        raise RunError(
            f"no setting fits into memory: the smallest needs {needs.min() / 2**30:.1f} GiB for "
            f"each of {workers} processes; search smaller networks, or use fewer --workers"
        )
    order = np.flatnonzero(fits)[np.argsort(sizes[fits], kind="stable")]
    places = np.unique(np.linspace(0, len(order) - 1, PROBES).round().astype(int))
    chosen = [settings[order[place]] for place in places]
    with ThreadPoolExecutor(workers) as pool:
        probes = tuple(pool.map(lambda setting: _measure(spec, setting), chosen))
    measured = np.log([probe.parameters for probe in probes])
    training, reading = (
        np.interp(np.log(sizes[fits]), measured, [getattr(probe, name) for probe in probes])
        for name in ("seconds_per_char", "evaluation_seconds_per_char")
    )
    known = _expected_fraction(spec, int(fits.sum()))
    fraction = 1.0 if known is None else known
    held_out = sum(len(text) for text in corpus.validation)
    evaluations = np.array([_evaluated(spec, s, held_out) for s in _kept(settings, fits)])
    each = fraction * (spec.length * training + evaluations * reading) + held_out * reading
    scale = spec.trials / count
    pruner, kept = spec.pruner, 1.0
    if isinstance(pruner, SynchronousPruner):
        # While all wait at the first rung, only those that may still be promoted keep theirs.
        kept = pruner.promoted(count, spec.groups) / count
    return CostEstimate(
        trials=spec.trials,
        workers=workers,
        characters=round(scale * float(fits.sum()) * fraction * spec.length),
        seconds=scale * float(each.sum()) / workers,
        at_most=known is None,
        memory=int(max([*needs[fits], *(probe.memory or 0 for probe in probes)])),
        too_large=round(scale * float((~fits).sum())),
        disk=round(scale * kept * float(sum(4 * sizes[fits] * (2 + _slots(spec))))),
        probes=probes,
    )


def _expected_fraction(spec: StudySpec, trials: int) -> float | None:
    return spec.pruner.expected_share(trials, spec.length, spec.finalists, spec.groups)


def count_parameters(spec: StudySpec, setting: Setting, vocabulary: int) -> int:
    """Numbers that a setting trains."""
    hidden = spec.recipe_of(setting).hidden
    return ShapeSolver(spec.network(setting)).shapes(vocabulary, hidden).count


def memory_needed(spec: StudySpec, setting: Setting, vocabulary: int) -> int:
    """Bytes that a process needs in order to train a setting, reckoned on the safe side."""
    recipe = spec.recipe_of(setting)
    shapes = ShapeSolver(spec.network(setting)).shapes(vocabulary, recipe.hidden)
    numbers = shapes.count * (3 + _slots(spec))  # itself, the best one, gradient; optimiser's
    rows = recipe.batch * recipe.seq_len
    numbers += 6 * rows * sum(shapes.vectors.values()) + 2 * max(rows, ROWS) * vocabulary
    return BASE + numbers * np.dtype(recipe.dtype).itemsize


def memory_limit() -> int | None:
    """Bytes of memory that this machine, or this container of it, has; None if unknown."""
    limits = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        total = next(line for line in lines if line.startswith("MemTotal:"))
        limits.append(1024 * int(total.split()[1]))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            limits.append(int(Path("/sys/fs/cgroup", name).read_text()))
    return min(limits, default=None)


def probe(spec: StudySpec, setting: Setting, corpus: Corpus) -> Probe:
    """Train a setting for about a second, and read some held-out text, in this process."""
    trainer = Trainer(
        spec.network(setting),
        corpus,
        spec.recipe_of(setting),
        engine=spec.engine,
        threads=1,
    )
    speed = measure_speed(trainer)
    return Probe(setting, trainer.shapes.count, speed.training, speed.evaluation, _peak_memory())


def main() -> None:
    """A process that measures: spec and setting come as JSON, the `Probe` goes as JSON."""
    task = json.load(sys.stdin)
    try:
        spec = StudySpec.from_json(task["spec"])
        found = probe(spec, task["setting"], spec.text.load("the study"))
    except RecurraError as error:
        sys.stderr.write(str(error))
        sys.exit(REFUSED)
    json.dump(vars(found), sys.stdout)


def _measure(spec: StudySpec, setting: Setting) -> Probe:
    program = "from recurra.tuning.cost import main; main()"
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-P", "-c", program],
        input=json.dumps({"spec": spec.as_json(), "setting": setting}),
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip() or f"exit code {done.returncode}"
        if done.returncode != REFUSED:
            words = words.splitlines()[-1]
        raise RunError(f"{shown(setting)} cannot be trained: {words}")
    return Probe(**json.loads(done.stdout))


def _kept(settings: list[Setting], fits: Any) -> Iterator[Setting]:
    return (setting for setting, fit in zip(settings, fits, strict=True) if fit)


def _evaluated(spec: StudySpec, setting: Setting, held_out: int) -> float:
    """Held-out characters that are looked at on the way of a training in full."""
    recipe = spec.recipe_of(setting)
    assert recipe.steps is not None
    looks = recipe.steps // recipe.evaluate_every + len(spec.pruner.rungs)
    return looks * min(recipe.evaluate_characters, held_out)


def _slots(spec: StudySpec) -> int:
    return len(make_optimizer(spec.recipe.optimizer_settings).slots)


def _peak_memory() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def fraction_done(spec: StudySpec, trials: Sequence[Trial]) -> float:
    """How much of all characters has been trained on, a lower bound where trials end early."""
    if all(trial.finished for trial in trials):
        return 1.0
    fraction = None
    if isinstance(spec.pruner, SynchronousPruner):
        fraction = _expected_fraction(spec, len(trials))
    if fraction is not None:
        done = sum(trial.characters for trial in trials)
        return min(1.0, done / (fraction * len(trials) * spec.length))
    # What an early end has saved counts as done.
    done = sum(spec.length if trial.finished else trial.characters for trial in trials)
    return min(1.0, done / (len(trials) * spec.length))
