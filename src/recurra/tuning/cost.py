"""How long a study will take, and what memory and disk it needs, from a few measured steps.

A handful of settings, from the smallest network of the space to the largest, train for a second
each, in processes like those of the search and as many at a time; what lies between is
interpolated by the number of parameters. The rest is arithmetic.
"""

import contextlib
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import RecurraError, RunError
from recurra.lang.shapes import ShapeSolver
from recurra.text.corpus import Corpus
from recurra.training.records import Finished
from recurra.training.trainer import Trainer
from recurra.tuning.pruning import WAITS
from recurra.tuning.sampler import suggest
from recurra.tuning.space import Setting
from recurra.tuning.spec import Protocol, shown
from recurra.tuning.trials import Trial

PROBES = 6  # settings that are measured
DRAWS = 200  # settings that stand for those of a search without a grid
BASE = 400 * 2**20  # what a process with its libraries, kernels and texts needs at most
REFUSED = 2  # exit code of a process of ours that ended with a sentence
ROWS = 2048  # rows of logits while held-out text is evaluated


@dataclass(frozen=True)
class Probe:
    """What one setting was measured to need.

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
class Estimate:
    """What a study will need.

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


def estimate(protocol: Protocol, workers: int) -> Estimate:
    """Measure, and reckon what a study needs; takes some seconds a probe.

    Raises:
        RecurraError: no setting of the space can be trained.
    """
    corpus = protocol.text.load("the study")
    vocabulary = len(corpus.vocabulary)
    count = min(protocol.trials, DRAWS) if protocol.sampler != "grid" else protocol.trials
    # for TPE, settings of the same space
    settings = [suggest(protocol, [], number) for number in range(count)]
    sizes = np.array([count_parameters(protocol, s, vocabulary) for s in settings])
    needs = np.array([memory_needed(protocol, s, vocabulary) for s in settings])
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
        probes = tuple(pool.map(lambda setting: _measure(protocol, setting), chosen))
    measured = np.log([probe.parameters for probe in probes])
    training, reading = (
        np.interp(np.log(sizes[fits]), measured, [getattr(probe, name) for probe in probes])
        for name in ("seconds_per_char", "evaluation_seconds_per_char")
    )
    share = expected_share(protocol, int(fits.sum()))
    held_out = sum(len(text) for text in corpus.validation)
    evaluations = np.array([_evaluated(protocol, s, held_out) for s in _kept(settings, fits)])
    each = share * (protocol.length * training + evaluations * reading) + held_out * reading
    scale = protocol.trials / count
    # While all wait at the first rung, only those that may still be among the best keep theirs.
    waits = protocol.pruner.name in WAITS
    kept = protocol.pruner.kept(count, protocol.groups) / count if waits else 1.0
    return Estimate(
        trials=protocol.trials,
        workers=workers,
        characters=round(scale * float(fits.sum()) * share * protocol.length),
        seconds=scale * float(each.sum()) / workers,
        at_most=protocol.pruner.name not in ("none", *WAITS),
        memory=int(max([*needs[fits], *(probe.memory or 0 for probe in probes)])),
        too_large=round(scale * float((~fits).sum())),
        disk=round(scale * kept * float(sum(4 * sizes[fits] * (2 + _slots(protocol))))),
        probes=probes,
    )


def expected_share(protocol: Protocol, trials: int) -> float:
    """What part of a training in full a trial takes on average; 1 where nobody can know."""
    pruner, left, way, total = protocol.pruner, trials, 0, 0.0
    if pruner.name not in WAITS or trials == 0:
        return 1.0
    for rung in pruner.rungs:
        total += left * (rung - way)
        way, left = rung, pruner.kept(left, protocol.groups)
    total += max(left, min(protocol.finalists, trials)) * (protocol.length - way)
    return total / (trials * protocol.length)


def count_parameters(protocol: Protocol, setting: Setting, vocabulary: int) -> int:
    """Numbers that a setting trains."""
    hidden = protocol.recipe_of(setting).hidden
    return ShapeSolver(protocol.network(setting)).shapes(vocabulary, hidden).count


def memory_needed(protocol: Protocol, setting: Setting, vocabulary: int) -> int:
    """Bytes that a process needs in order to train a setting, reckoned on the safe side."""
    recipe = protocol.recipe_of(setting)
    shapes = ShapeSolver(protocol.network(setting)).shapes(vocabulary, recipe.hidden)
    numbers = shapes.count * (3 + _slots(protocol))  # itself, the best one, gradient; optimiser's
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


def probe(protocol: Protocol, setting: Setting, corpus: Corpus) -> Probe:
    """Train a setting for about a second, and read some held-out text, in this process."""
    trainer = Trainer(
        protocol.network(setting),
        corpus,
        protocol.recipe_of(setting),
        engine=protocol.engine,
        threads=1,
    )
    seconds, speed, until = 0.0, 0.0, 2
    while seconds < 1.0:
        until *= 2
        begun = time.perf_counter()
        *_, finished = trainer.records(until)
        seconds = time.perf_counter() - begun
        assert isinstance(finished, Finished)
        speed = finished.chars_per_second or speed
        if trainer.watch.step < until:  # it diverged, or that was all
            break
    trainer.held_out_loss()  # the first time may compile
    begun = time.perf_counter()
    read = trainer.held_out_loss().characters
    return Probe(
        setting,
        trainer.model.shapes.count,
        1.0 / speed if speed else 0.0,
        (time.perf_counter() - begun) / read,
        _peak_memory(),
    )


def main() -> None:
    """A process that measures: protocol and setting come as JSON, the `Probe` goes as JSON."""
    asked = json.load(sys.stdin)
    try:
        protocol = Protocol.from_json(asked["protocol"])
        found = probe(protocol, asked["setting"], protocol.text.load("the study"))
    except RecurraError as error:
        sys.stderr.write(str(error))
        sys.exit(REFUSED)
    json.dump(vars(found), sys.stdout)


def _measure(protocol: Protocol, setting: Setting) -> Probe:
    program = "from recurra.tuning.cost import main; main()"
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program],
        input=json.dumps({"protocol": protocol.as_json(), "setting": setting}),
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


def _evaluated(protocol: Protocol, setting: Setting, held_out: int) -> float:
    """Held-out characters that are looked at on the way of a training in full."""
    recipe = protocol.recipe_of(setting)
    assert recipe.steps is not None
    looks = recipe.steps // recipe.evaluate_every + len(protocol.pruner.rungs)
    return looks * min(recipe.evaluate_characters, held_out)


def _slots(protocol: Protocol) -> int:
    return len(protocol.recipe.optimizer_settings.slots)


def _peak_memory() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def fraction_done(protocol: Protocol, trials: Sequence[Trial]) -> float:
    """How much of all characters has been trained on, a lower bound where trials end early."""
    if all(trial.over for trial in trials):
        return 1.0
    # What an early end has saved counts as done.
    whole = protocol.pruner.name not in WAITS
    done = sum(protocol.length if whole and t.over else t.characters for t in trials)
    share = expected_share(protocol, len(trials))
    return min(1.0, done / (share * len(trials) * protocol.length))
