"""The training loop: yields records, prints nothing, and can be killed at any moment.

A run is a function of its text, equations, recipe and threads: everything that decides what
comes next is in the checkpoint ``last``, and what is only looked at (held-out loss, samples,
saves, the clock) decides nothing. Only a budget of minutes lets the clock in.
"""

import contextlib
import math
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from recurra.compute.base import Engine, Parameters
from recurra.compute.engines import DEFAULT_ENGINE, make_engine
from recurra.compute.optimizers import Optimizer, learning_rate
from recurra.compute.plan import make_plan
from recurra.errors import RunError, SettingError
from recurra.lang.network import Network
from recurra.lang.shapes import ShapeSolver
from recurra.models.evaluation import Loss, cut, evaluate
from recurra.models.initialisation import initialise, suited_rate
from recurra.models.model import Model
from recurra.models.sampling import Writer
from recurra.storage.runs import Name, Run
from recurra.text.batches import Streams
from recurra.text.corpus import Corpus
from recurra.training.clock import Clock
from recurra.training.recipe import ENDS, MODERN, Recipe
from recurra.training.records import (
    Compiling,
    Evaluation,
    Finished,
    Kept,
    Lost,
    Progress,
    Record,
    Sample,
    Saved,
    has_finished,
    to_json,
)
from recurra.training.stopping import (
    DIVERGED,
    INTERRUPTED,
    REASONS,
    StopAsked,
    StopRequest,
    Watch,
    budget_used,
)

# Held-out text is looked at in pieces of so many characters, side by side, while training.
PIECE = 1000
# Seconds between two records of what is compiled.
GLANCE = 0.25

AnyRecord = TypeVar("AnyRecord", bound=Kept)


class Trainer:
    """Trains one network on one corpus; iterate over `records`.

    Args:
        network: the equations.
        corpus: trained on its training part, stopped and judged by its validation part.
        recipe: how.
        run: where to keep checkpoints and metrics; what it holds already is gone on from.
        engine: "compiled" or "reference".
        threads: part of what the result depends on.
        save_seconds: at most so long between two saves of ``last``.

    Raises:
        SettingError, TextError: sizes that do not fit the equations; a text too short.
    """

    def __init__(
        self,
        network: Network,
        corpus: Corpus,
        recipe: Recipe = MODERN,
        *,
        run: Run | None = None,
        engine: str = DEFAULT_ENGINE,
        threads: int = 1,
        save_seconds: float = 60.0,
    ) -> None:
        plan = make_plan(network)
        shapes = ShapeSolver(network).shapes(len(corpus.vocabulary), recipe.hidden)
        self.rate = recipe.lr or suited_rate(plan, shapes)  # the run's config tells which
        recipe = recipe.with_(lr=self.rate)
        self.corpus, self.recipe, self.run, self.save_seconds = corpus, recipe, run, save_seconds
        text = np.concatenate(corpus.train)
        self.streams = Streams(text, recipe.batch, recipe.seq_len)
        self.engine: Engine = make_engine(engine, plan, shapes, np.dtype(recipe.dtype), threads)
        self.rng = np.random.default_rng(recipe.seed)
        counts = np.bincount(text, minlength=shapes.vocabulary)
        parameters = initialise(plan, shapes, self.rng, recipe.init, recipe.dtype, counts)
        self.model = Model(network, corpus.vocabulary, shapes, parameters)
        self.optimizer = Optimizer(recipe.optimizer_settings, parameters)
        self.state = self.engine.zero_state(recipe.batch)
        self.watch = Watch.begin(recipe, shapes.vocabulary)
        self.best: Parameters | None = None
        self.averaged = {name: p.copy() for name, p in parameters.items() if recipe.average}
        self.held_out = tuple(text for text in corpus.validation if len(text) > 1)
        if not self.held_out:
            _refuse_what_judges(recipe)
        length = min(PIECE, recipe.evaluate_characters)
        self._estimated_on = cut(self.held_out, length, recipe.evaluate_characters)
        self._paused: Mapping[str, Any] = {}
        self._clock = Clock({})
        self._saved_step = 0
        self._stop = StopRequest()

    def stop(self) -> None:
        """Ask for an early end: after the present step `records` saves ``last`` and finishes.

        A sample that takes long is then left out, an evaluation made when the run goes on.
        """
        self._stop.ask()

    @property
    def characters(self) -> int:
        """Characters predicted so far."""
        return self.watch.step * self.recipe.batch * self.recipe.seq_len

    def records(self, until: int | None = None) -> Iterator[Record]:
        """Train to the end; a run that holds a checkpoint already goes on from there.

        Args:
            until: pause after so many steps, as if `stop` had been called then.

        Raises:
            RunError: the run is in use by another process, damaged, or cannot be written.
        """
        with self.run.lock() if self.run else contextlib.nullcontext():
            yield from self._restore()
            if self.engine.cold:
                yield from self._compile()
            try:
                due = self.watch.step and self.watch.step % self.recipe.evaluate_every == 0
                if due and not self._diverged():
                    yield from self._evaluate()  # does nothing unless a stop has cut it short
                while (reason := self._reason(until)) is None:
                    loss, rate = self._step()
                    if not self._diverged():
                        yield from self._after_step(loss, rate)
                if reason not in (DIVERGED, INTERRUPTED):
                    yield from self._evaluate()
                if reason != DIVERGED:
                    yield from self._save("last")
                end = self._finish(DIVERGED if self._diverged() else reason)
            except StopAsked:
                yield from self._save("last")
                end = self._finish(DIVERGED if self._diverged() else INTERRUPTED)
            yield end

    def _compile(self) -> Iterator[Compiling]:
        """Compile all kernels by a step that trains nothing, until that is done or a stop asked."""
        name, begun = self.model.network.name, time.monotonic()
        yield Compiling(name)
        rehearsal = threading.Thread(target=self._rehearse, daemon=True)
        rehearsal.start()
        while not self._stop.asked and rehearsal.is_alive():
            rehearsal.join(GLANCE)
            yield Compiling(name, self.engine.compiling, time.monotonic() - begun)

    def _rehearse(self) -> None:
        recipe, engine, rng = self.recipe, self.engine, np.random.default_rng(0)
        parameters = {name: p.copy() for name, p in self.model.parameters.items()}
        text = np.zeros((recipe.seq_len, recipe.batch), np.int32)
        state = engine.zero_state(recipe.batch)
        masks = engine.dropout_masks(recipe.dropout, recipe.seq_len, recipe.batch, rng)
        optimizer = Optimizer(recipe.optimizer_settings, parameters)
        # whatever fails here fails again, and is told, where it counts
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            engine.train_step(parameters, optimizer, 0.0, text, text, state, masks=masks)
            if self.held_out:
                engine.losses(parameters, text, text, state)
            if recipe.sample_every:
                engine.next_log_probabilities(parameters, text[0], state)

    def held_out_loss(self) -> Loss:
        """The held-out loss of the present parameters, estimated on some of the text.

        Raises:
            TextError: no text was held out.
        """
        return evaluate(self.engine, self.judged, self._estimated_on)

    def _step(self) -> tuple[float, float]:
        """One training step: its loss per character and its learning rate."""
        recipe, watch = self.recipe, self.watch
        size = recipe.batch * recipe.seq_len
        budget = self._budget()
        rate = learning_rate(
            self.rate,
            watch.step,
            budget[1] if budget else 0.0,
            warmup=recipe.warmup,
            final=recipe.final_lr,
        )
        # Numbers that grow out of bounds are met by the stop rules, in a sentence.
        with self._clock.training(size), np.errstate(over="ignore", invalid="ignore"):
            inputs, targets, restarted = self.streams.next()
            if restarted or not recipe.carry_state:
                self.state = self.engine.zero_state(recipe.batch)
            loss, self.state = self.engine.train_step(
                self.model.parameters,
                self.optimizer,
                rate,
                inputs,
                targets,
                self.state,
                scale=1.0 / size if recipe.reduction == "mean" else 1.0,
                masks=self.engine.dropout_masks(
                    recipe.dropout,
                    recipe.seq_len,
                    recipe.batch,
                    self.rng,
                    same_over_time=recipe.dropout_same,
                ),
            )
            self._average()
        watch.train(loss / recipe.batch, recipe.smoothing)
        return loss / size, rate

    @property
    def judged(self) -> Parameters:
        """The parameters that are evaluated and kept as the best: the averaged ones, if any."""
        return self.averaged or self.model.parameters

    def _average(self) -> None:
        # m = decay m + (1 - decay) p; a short past is averaged over less (Polyak & Juditsky 1992)
        weight = 1.0 - min(self.recipe.average, (1.0 + self.watch.step) / (10.0 + self.watch.step))
        for name, mean in self.averaged.items():
            mean += weight * (self.model.parameters[name] - mean)

    def _after_step(self, loss: float, rate: float) -> Iterator[Record]:
        """All that is due after a step, in the order that a resume relies on: see `Run`."""
        step, recipe = self.watch.step, self.recipe
        if step % recipe.record_every == 0:
            yield self._log(self._progress(loss, rate))
        if recipe.sample_every and step % recipe.sample_every == 0:
            yield from self._sample()
        if step % recipe.evaluate_every == 0:
            yield from self._evaluate()
        if self._clock.since_save() > self.save_seconds:
            yield from self._save("last")

    def _progress(self, loss: float, rate: float) -> Progress:
        budget, seconds = self._budget(), self._clock.seconds()
        return Progress(
            step=self.watch.step,
            characters=self.characters,
            nats_per_char=loss,
            smooth_loss=self.watch.smooth,
            smooth_nats_per_char=self.watch.smooth / self.recipe.seq_len,
            rate=rate,
            chars_per_second=self._clock.recent_speed(),
            seconds=seconds,
            fraction=budget[1] if budget else None,
            seconds_left=seconds * max(0.0, 1.0 / budget[1] - 1.0) if budget else None,
        )

    def _evaluate(self) -> Iterator[Record]:
        """Estimate the held-out loss, once a step; a new best one is saved at once."""
        if not self._estimated_on or self.watch.evaluated_step == self.watch.step:
            return
        loss = evaluate(self.engine, self.judged, self._estimated_on, check=self._stop.check)
        best = self.watch.evaluate(loss.nats_per_char)
        yield self._log(
            Evaluation(
                self.watch.step,
                loss.nats_per_char,
                loss.bits_per_char,
                best,
                self.characters,
                self._clock.seconds(),
            )
        )
        if best:
            self.best = {name: p.copy() for name, p in self.judged.items()}
            yield from self._save("best")
            yield from self._save("last")

    def _sample(self) -> Iterator[Record]:
        """A text from a cold start; its random numbers are its own."""
        step, recipe = self.watch.step, self.recipe
        writer = Writer(self.model, seed=recipe.seed + step, engine=self.engine)
        pieces = []
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for character in writer.write(recipe.sample_characters):
                    self._stop.check()
                    pieces.append(character)
        except RunError:  # no finite numbers: the next step's loss will end the training
            return
        yield self._log(Sample(step, "".join(pieces)))

    def _reason(self, until: int | None) -> str | None:
        """Why training is over, if it is."""
        if self._diverged():
            return DIVERGED
        if self._stop.asked or (until is not None and self.watch.step >= until):
            return INTERRUPTED
        budget = self._budget()
        used_up = budget[0] if budget and budget[1] >= 1.0 else None
        return self.watch.reason(self.recipe) or used_up

    def _diverged(self) -> bool:
        return self.watch.diverged(self.recipe, self.model.shapes.vocabulary)

    def _budget(self) -> tuple[str, float] | None:
        return budget_used(
            self.recipe, self.watch.step, self.streams.steps_per_epoch, self._clock.seconds()
        )

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays that a resume needs, under their names in a checkpoint."""
        groups: Mapping[str, Mapping[str, NDArray[Any]]] = {
            "parameter": self.model.parameters,
            "optimizer": self.optimizer.slots,
            "state": self.state,
            "average": self.averaged,
        }
        return {f"{group}/{n}": a for group, arrays in groups.items() for n, a in arrays.items()}

    def _save(self, name: Name) -> Iterator[Record]:
        """Save a checkpoint; parameters that are no numbers any more mean divergence instead."""
        if not all(np.isfinite(p).all() for p in self.model.parameters.values()):
            self.watch.smooth = math.nan
            return
        if self.run is None:
            return
        step = self.watch.step
        if name == "best":
            arrays = {f"parameter/{n}": a for n, a in self.judged.items()}
            self.run.save("best", arrays, {"step": step, "nats_per_char": self.watch.best})
        else:
            meta = {
                "step": step,
                "watch": asdict(self.watch),
                "updates": self.optimizer.count,
                "generator": self.rng.bit_generator.state,
                "stream": self.streams.position,
            }
            self.run.write_clock(self._clock.saved())
            self.run.save("last", self._arrays(), meta)
            self._saved_step = step
        yield Saved(step, name)

    def _restore(self) -> Iterator[Lost]:
        """Take over what the run's folder holds, if anything, and start the clock."""
        self._clock = Clock(self._paused)
        if self.run is None:
            return
        if self.run.vocabulary != self.model.vocabulary.characters:
            raise RunError(
                f"{self.run.folder} numbers its characters in another way than this trainer: "
                "begin a new run"
            )
        if not self.run.has("last"):
            if self.watch.step or self.streams.position:
                raise RunError(
                    f"{self.run.folder} was interrupted before it had saved anything: begin anew, "
                    "with a trainer of its own"
                )
            self.run.truncate_metrics(-1)
            return
        arrays = self._arrays()
        saved, meta = self.run.load("last", {name: a.shape for name, a in arrays.items()})
        for name, array in arrays.items():
            array[...] = saved[name]
        self.watch = Watch(**meta["watch"])
        self.optimizer.count = meta["updates"]
        self.rng.bit_generator.state = meta["generator"]
        self.streams.position = meta["stream"]
        self._saved_step = self.watch.step
        yield from self._find_lost(self.run)
        if self.run.has("best"):
            names = {f"parameter/{name}": name for name in self.model.parameters}
            best, _ = self.run.load("best", {name: arrays[name].shape for name in names})
            self.best = {names[name]: array for name, array in best.items()}
        self.run.truncate_metrics(self.watch.step)
        self._clock = Clock(self.run.read_clock())

    def _find_lost(self, run: Run) -> Iterator[Lost]:
        """Files that were there at the last save."""
        step, best_step = self.watch.step, self.watch.best_step
        if not run.has_metrics:
            yield Lost(
                step, f"metrics.jsonl is gone, and the records of the first {step:,} steps with it"
            )
        if best_step and not run.has("best"):
            yield Lost(
                step,
                f"best.safetensors is gone, and the model of step {best_step:,} with it: the next "
                "held-out loss counts as the lowest",
            )
            self.watch.best, self.watch.best_step = math.inf, 0

    def _log(self, record: AnyRecord) -> AnyRecord:
        if self.run is not None:
            self.run.append_metrics(to_json(record, self.watch.step))
        return record

    def _finish(self, reason: str) -> Finished:
        loss = None
        if self.best is not None and reason != INTERRUPTED:
            loss = evaluate(self.engine, self.best, self.held_out, check=self._stop.check)
        watch = self.watch
        end = Finished(
            stopped_by=reason,
            message=self._cure() if reason == DIVERGED else REASONS[reason],
            run=str(self.run.folder) if self.run else None,
            network=self.model.network.name,
            parameters=self.model.shapes.count,
            vocabulary=self.model.shapes.vocabulary,
            steps=watch.step,
            characters=self.characters,
            seconds=self._clock.seconds(),
            chars_per_second=self._clock.speed(),
            train_nats_per_char=watch.smooth / self.recipe.seq_len,
            val_nats_per_char=loss.nats_per_char if loss else None,
            val_bits_per_char=loss.bits_per_char if loss else None,
            best_step=watch.best_step,
            min_smooth_loss=watch.minimum,
            min_smooth_loss_step=watch.minimum_step,
        )
        if self.run is None:
            self._paused = self._clock.saved()
        # An interrupted run goes on later and tells of its end then; a finished one has told.
        told = self.run is not None and has_finished(self.run)
        return end if reason == INTERRUPTED or told else self._log(end)

    def _cure(self) -> str:
        recipe, smooth = self.recipe, self.watch.smooth
        what = (
            f"grew to {smooth / self.recipe.seq_len:.3g} nats per character, far above guessing"
            if math.isfinite(smooth)
            else "is no finite number any more"
        )
        clip = "" if recipe.clip_norm or recipe.clip_value else " and clip_norm=1"
        lower = min(self.rate / 10, 0.01)  # 0.01: that of the classic recipe
        kept = f"; the state of step {self._saved_step:,} is kept" if self._saved_step else ""
        return (
            f"the loss {what} at step {self.watch.step:,}: most likely the learning rate "
            f"{self.rate:g} is too high for this network; try lr={lower:g}{clip}{kept}"
        )


def _refuse_what_judges(recipe: Recipe) -> None:
    """What of a recipe needs text that was held out."""
    if all(getattr(recipe, end) is None for end in ENDS):
        raise SettingError(
            "no text is held out, so that patience never ends this training: give steps, epochs, "
            "minutes or another --split"
        )
    if recipe.average:
        raise SettingError(
            "no text is held out, and averaged parameters are kept only as the best on it: leave "
            "--average out, or give another --split"
        )
