"""One trial: an ordinary run in the study's folder, trained from rung to rung.

It goes on from its checkpoint, whoever trained it before, and ends in the same bytes as if it had
been trained in one go: rungs only look.
"""

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recurra.compute.registry import require_engine
from recurra.storage.files import finite
from recurra.storage.runs import Run
from recurra.text.corpus import Corpus
from recurra.training.records import Finished, Sample, read_records
from recurra.training.resolve import resolve
from recurra.training.run_config import RunConfig
from recurra.training.stopping import DIVERGED as TRAINING_DIVERGED
from recurra.training.stopping import INTERRUPTED
from recurra.training.trainer import Trainer
from recurra.tuning.space import Setting
from recurra.tuning.study_spec import StudySpec
from recurra.tuning.trials import DIVERGED, DONE, PRUNED, WAITING, State, Trial

SAVE_SECONDS = 20.0  # a killed process costs a trial so much at most


@dataclass(frozen=True)
class Outcome:
    """How far a trial has come: its new state, and what belongs to that (see `Trial`)."""

    state: State
    loss: float | None = None
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


def open_trainer(
    spec: StudySpec, corpus: Corpus, setting: Setting, folder: Path, engine: str | None = None
) -> Trainer:
    """The trainer of a trial: with a new run, or with the one that is there.

    ``engine`` is the study's on one of several devices; None: on any.

    Raises:
        SettingError, TextError: the setting does not fit the network or the text.
        RunError: the folder is damaged or cannot be written.
    """
    network, recipe = spec.network(setting), spec.recipe_of(setting)
    if folder.exists():
        run = Run.open(folder)
    else:
        require_engine(engine or spec.engine)
        recipe = resolve(network, corpus, recipe).recipe
        config = RunConfig(network.name, spec.text, recipe, spec.engine, 1)
        run = Run.create(folder, config.to_json(), network.source, corpus.vocabulary.characters)
    return Trainer(
        network,
        corpus,
        recipe,
        run=run,
        engine=engine or spec.engine,
        threads=1,
        save_seconds=SAVE_SECONDS,
    )


def train_on(
    trainer: Trainer,
    trial: Trial,
    spec: StudySpec,
    until: int | None,
    ends: Callable[[int, float], bool],
) -> Outcome:
    """Train a trial to its end or to a rung.

    Args:
        trainer: of `open_trainer`; its `stop` makes the trial wait.
        trial: which rungs it has come to.
        spec: which there are.
        until: the rung at which to wait; None: go on to the end.
        ends: called at every new rung with the held-out loss: whether the trial ends there.
    """
    recipe = trainer.recipe
    assert recipe.steps is not None
    for rung in spec.pruner.rungs:
        step = math.ceil(rung / (recipe.batch * recipe.seq_len))
        if rung in trial.rungs or step >= recipe.steps:
            continue
        finished = _train(trainer, step)
        if finished.stopped_by != INTERRUPTED:
            return _outcome(trainer, finished)
        if trainer.watch.step < step:
            return Outcome(WAITING)
        if trainer.watch.step > step:
            # The store has lost what came after (a backup was restored): the trial begins anew.
            assert trainer.run is not None
            shutil.rmtree(trainer.run.folder)
            return Outcome(WAITING)
        loss = trainer.held_out_loss().nats_per_char
        if ends(rung, loss if math.isfinite(loss) else math.inf):
            return Outcome(PRUNED)
        if rung == until:
            return Outcome(WAITING)
    return _outcome(trainer, _train(trainer, None))


def _train(trainer: Trainer, until: int | None) -> Finished:
    *_, last = trainer.records(until)
    assert isinstance(last, Finished)
    return last


def _outcome(trainer: Trainer, finished: Finished) -> Outcome:
    if finished.stopped_by == INTERRUPTED:
        return Outcome(WAITING)
    loss = finished.val_nats_per_char
    figures = asdict(finished) | {"sample": _sample(trainer, finished.min_smooth_loss_step)}
    result = finite(figures)
    if finished.stopped_by == TRAINING_DIVERGED or loss is None or not math.isfinite(loss):
        return Outcome(DIVERGED, reason=finished.message, result=result)
    return Outcome(DONE, loss, finished.message, result)


def _sample(trainer: Trainer, step: int) -> str | None:
    """The last text that was written up to a step, or else the first."""
    assert trainer.run is not None
    records = read_records(trainer.run, trainer.recipe.batch * trainer.recipe.seq_len)
    samples = [record for record in records if isinstance(record, Sample)]
    before = [sample for sample in samples if sample.step <= step]
    chosen = before[-1:] or samples[:1]
    return chosen[0].text if chosen else None
