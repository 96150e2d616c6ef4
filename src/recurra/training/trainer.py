"""The training loop: yields records, prints nothing, and can be killed at any moment.

A run is a function of its text, equations, recipe and threads: everything that decides what
comes next is in the checkpoint ``last``, and what is only looked at (held-out loss, samples,
saves, the clock) decides nothing. Only a budget of minutes lets the clock in.
"""

import contextlib
import math
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from typing import TypeVar

import numpy as np

from recurra.compute.base import Weights
from recurra.compute.registry import DEFAULT_ENGINE, make_engine
from recurra.errors import RunError
from recurra.lang.network import Network
from recurra.models.evaluation import Loss, cut, evaluate, stream_losses
from recurra.models.initialisation import initialise
from recurra.models.model import Model
from recurra.models.writer import Writer
from recurra.storage.runs import Run
from recurra.text.batches import Streams
from recurra.text.corpus import Corpus, predictable
from recurra.training.checkpointer import Checkpointer
from recurra.training.clock import Clock
from recurra.training.divergence import explain_divergence
from recurra.training.extensions import Extension, extend, extended
from recurra.training.recipe import MODERN, Recipe
from recurra.training.records import (
    Compiling,
    Evaluating,
    Evaluation,
    Finished,
    Kept,
    Notice,
    Progress,
    Record,
    Sample,
    Saved,
)
from recurra.training.resolve import resolve
from recurra.training.schedule import learning_rate
from recurra.training.stopping import (
    DIVERGED,
    INTERRUPTED,
    REASONS,
    Reason,
    StopRequest,
    StopRequested,
    Watch,
    budget_used,
)
from recurra.training.warm_start import WarmStart

# Held-out text is looked at in pieces of so many characters, side by side, while training.
PIECE = 1000
# Seconds between two records of what is compiled, or of how much is evaluated.
POLL = 0.25


AnyRecord = TypeVar("AnyRecord", bound=Kept)


class Trainer:
    """Trains one network on one corpus; iterate over `records`.

    Attributes:
        engine: holds and changes the numbers.
        watch: the losses so far.
        streams, rng: where in the text training is; the generator of dropout masks.

    Args:
        network: the equations.
        corpus: trained on its training part, stopped and evaluated by its validation part.
        recipe: how.
        run: where to keep checkpoints and metrics; what it holds already is gone on from.
        engine: "compiled", "reference", or one of your own.
        threads: part of what the result depends on.
        save_seconds: at most so long between two saves of ``last``.
        clock: tells the time.

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
        clock: Clock | None = None,
    ) -> None:
        resolved = resolve(network, corpus, recipe)
        recipe, shapes = resolved.recipe, resolved.shapes
        self.network, self.corpus, self.recipe, self.shapes = network, corpus, recipe, shapes
        self.run, self.save_seconds = run, save_seconds
        self.streams = Streams(corpus.training, recipe.batch, recipe.seq_len)
        self.rng = np.random.default_rng(recipe.seed)
        self._engine_name = engine
        self.engine = make_engine(engine, resolved.plan, shapes, recipe.dtype, threads)
        counts = corpus.counts[0]
        start = initialise(resolved.plan, shapes, self.rng, recipe.init, recipe.dtype, counts)
        self.engine.load({f"parameter/{name}": value for name, value in start.items()})
        self.engine.prepare(resolved.settings)
        # the weights that are evaluated and kept as the best
        self.evaluated: Weights = "average" if recipe.average else "parameter"
        if recipe.average:
            self.engine.copy("parameter", "average")
        self.watch = Watch.begin(recipe, shapes.vocabulary)
        self.held_out = predictable(corpus.validation)
        length = min(PIECE, recipe.evaluate_characters)
        self._estimated_on = cut(self.held_out, length, recipe.evaluate_characters)
        self._clock = clock or Clock()
        self._checkpointer = Checkpointer(run, self.engine, self.streams, self.rng, self._clock)
        self._stop = StopRequest()
        self._notices: list[Notice] = []

    def stop(self) -> None:
        """Ask for an early end: after the present step `records` saves ``last`` and finishes.

        A sample or an evaluation that takes long is cut short, and made when the run goes on.
        """
        self._stop.set()

    def begin_with(self, warm: WarmStart) -> None:
        """Begin with the numbers of another run, and save them at once.

        Raises:
            RunError: the run folder cannot be written.
        """
        self.engine.load(warm.arrays(self.corpus.vocabulary, self.engine.dump(*warm.groups)))
        warm.fit_output_bias(self.engine, self.corpus.training, self.corpus.vocabulary)
        if self.recipe.average:
            self.engine.copy("parameter", "average")
        self._checkpointer.earlier_updates = warm.updates
        with self._checkpointer.lock():
            self._checkpointer.save_last(self.watch)
        self._notices.append(Notice(0, warm.describe(self.corpus.vocabulary)))

    def extend(self, budget: Mapping[str, int | float]) -> None:
        """Give the run another budget, and keep it in its folder.

        Args:
            budget: ``{"steps": 8000}``, epochs or minutes: counted from the beginning of the run.

        Raises:
            SettingError: the budget is used up already, or not what ends the run.
            RunError: the run is in use, part of a comparison or a search, or cannot be written.
        """
        assert self.run is not None
        with self._checkpointer.lock():
            watch, _ = self._checkpointer.restore(self.watch, self.corpus.vocabulary.characters)
            new = Extension(watch.step, dict(budget))
            said = extend(self.run, self.recipe, new, watch, self.streams.steps_per_epoch)
        self.recipe = extended(self.recipe, [new])
        self._notices.append(Notice(watch.step, said))

    @property
    def stop_requested(self) -> bool:
        """Whether `stop` was called, even if too late to change how the training ended."""
        return self._stop.requested

    @property
    def steps_of_budget(self) -> int | None:
        """Steps that its budget has, if it is one of steps or epochs."""
        if self.recipe.epochs is not None:
            return math.ceil(self.recipe.epochs * self.streams.steps_per_epoch)
        return self.recipe.steps

    @property
    def characters(self) -> int:
        """Characters predicted so far."""
        return self.watch.step * self.recipe.batch * self.recipe.seq_len

    @property
    def model(self) -> Model:
        """The network with a copy of its present parameters."""
        parameters = {
            name.partition("/")[2]: value for name, value in self.engine.dump("parameter").items()
        }
        return Model(self.network, self.corpus.vocabulary, self.shapes, parameters)

    def records(self, until: int | None = None) -> Iterator[Record]:
        """Train to the end; a run that holds a checkpoint already goes on from there.

        Args:
            until: pause after so many steps, as if `stop` had been called then.

        Raises:
            RunError: the run is in use by another process, damaged, or cannot be written.
        """
        recipe, engine, checkpointer = self.recipe, self.engine, self._checkpointer
        size = recipe.batch * recipe.seq_len
        # One process at a time writes into a run folder, and begins with what it finds there.
        with checkpointer.lock():
            self.watch, lost = checkpointer.restore(self.watch, self.corpus.vocabulary.characters)
            yield from lost
            yield from self._engine_change()
            yield from self._notices
            self._notices = []
            if engine.cold and self._reason(until) is None:
                if place := engine.unwritable_cache:
                    yield Notice(
                        self.watch.step,
                        f"every command compiles again, for no kernel can be kept in {place}",
                    )
                with self._clock.paused():
                    yield from self._compile()
            try:
                # What a stop request has cut short is looked at now.
                yield from self._observe()
                while (reason := self._reason(until)) is None:
                    # The next T characters of B streams, and the characters that follow each.
                    inputs, targets, restarted = self.streams.next()
                    # The rate rises, then falls as a cosine while the budget is used up.
                    rate = self._rate()
                    engine.measures = (self.watch.step + 1) % recipe.record_every == 0
                    with self._clock.training(size), np.errstate(over="ignore", invalid="ignore"):
                        # Forward, backward through time, clip, update: all inside the engine.
                        loss = engine.step(
                            inputs,
                            targets,
                            rate,
                            update=self.watch.step + 1 + checkpointer.earlier_updates,
                            restarted=restarted or not recipe.carry_state,
                            rng=self.rng,
                        )
                        # The running mean is evaluated; training itself never sees it.
                        if recipe.average:
                            engine.average(self._average_weight())
                    # The smoothed loss, of one sequence, is what the stop rules go by.
                    self.watch.train(loss / recipe.batch, recipe.smoothing)
                    if budget := self._budget():
                        self._clock.note_used(budget[1])
                    if self._diverged():
                        continue  # and end, with that as the reason
                    # Tell, write, evaluate: in the order that a resume relies on, see `Run`.
                    if self.watch.step % recipe.record_every == 0:
                        yield self._log(self._progress(loss / size, rate))
                    yield from self._observe()
                    if self._clock.since_save() > self.save_seconds:
                        yield from self._save()
                # The end: once more the held-out loss, then that of the best on all of the text.
                if reason not in (DIVERGED, INTERRUPTED):
                    yield from self._evaluate()
            except StopRequested:
                reason = INTERRUPTED
            if reason != DIVERGED:
                yield from self._save()
            end = yield from self._finished(DIVERGED if self._diverged() else reason)
            yield checkpointer.finish(end, self.watch.step)

    def held_out_loss(self) -> Loss:
        """The held-out loss of the evaluated parameters, estimated on some of the text.

        Raises:
            TextError: no text was held out.
        """
        return evaluate(self.engine, self._estimated_on, weights=self.evaluated)

    def _engine_change(self) -> Iterator[Notice]:
        """Tell of a run that goes on with another engine than it began with."""
        began = self.run.config.get("engine") if self.run else self._engine_name
        if self.watch.step and began != self._engine_name:
            yield Notice(
                self.watch.step,
                f"the run began with the engine {began} and goes on with {self._engine_name}: from "
                f"step {self.watch.step:,} on, its numbers may differ in their last digits",
            )

    def _compile(self) -> Iterator[Compiling]:
        """Let the engine compile, until that is done or a stop is asked for."""
        begun = time.monotonic()
        yield Compiling(self.network.name)

        def compile() -> None:
            # whatever fails here fails again, and is told, where it counts
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                self.engine.compile()

        compilation = threading.Thread(target=compile, daemon=True)
        compilation.start()
        while not self._stop.requested and compilation.is_alive():
            compilation.join(POLL)
            kernel = self.engine.compiling
            yield Compiling(self.network.name, kernel, time.monotonic() - begun)

    # -- one step

    def _rate(self) -> float:
        recipe, budget = self.recipe, self._budget()
        assert recipe.lr is not None  # resolved
        used = budget[1] if budget else 0.0
        step, final = self.watch.step, recipe.final_lr
        return learning_rate(recipe.lr, step, used, warmup=recipe.warmup, final=final)

    def _average_weight(self) -> float:
        # m = decay m + (1 - decay) p; a short past is averaged over less (Polyak & Juditsky 1992)
        step = self.watch.step
        return 1.0 - min(self.recipe.average, (1.0 + step) / (10.0 + step))

    def _reason(self, until: int | None) -> Reason | None:
        """Why training is over, if it is."""
        if self._diverged():
            return DIVERGED
        if self._stop.requested or (until is not None and self.watch.step >= until):
            return INTERRUPTED
        budget = self._budget()
        used_up = budget[0] if budget and budget[1] >= 1.0 else None
        return self.watch.reason(self.recipe) or used_up

    def _diverged(self) -> bool:
        return self.watch.diverged(self.recipe, self.shapes.vocabulary)

    def _budget(self) -> tuple[Reason, float] | None:
        return budget_used(
            self.recipe, self.watch.step, self.streams.steps_per_epoch, self._clock.seconds()
        )

    # -- looks, which decide nothing

    def _log(self, record: AnyRecord) -> AnyRecord:
        self._checkpointer.log(record, self.watch.step)
        return record

    def _observe(self) -> Iterator[Record]:
        """Records due after this step that nobody has had yet: a sample, the held-out loss."""
        step, recipe = self.watch.step, self.recipe
        if step and recipe.sample_every and step % recipe.sample_every == 0:
            yield from self._sample()
        if step and step % recipe.evaluate_every == 0:
            yield from self._evaluate()

    def _sample(self) -> Iterator[Record]:
        """A text from a cold start; its random numbers are its own."""
        step, recipe = self.watch.step, self.recipe
        if self._checkpointer.sampled_step == step:
            return
        writer = Writer(self.model, seed=recipe.seed + step, engine=self.engine)
        text = []
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for character in writer.write(recipe.sample_characters):
                    self._stop.check()
                    text.append(character)
        except RunError:  # no finite numbers: the next step's loss will end the training
            return
        yield self._log(Sample(step, "".join(text)))

    def _evaluate(self) -> Iterator[Record]:
        """Estimate the held-out loss, once a step; a new best one is saved at once."""
        watch = self.watch
        if not self._estimated_on or watch.evaluated_step == watch.step:
            return
        loss = evaluate(
            self.engine,
            self._estimated_on,
            progress=lambda _: self._stop.check(),
            weights=self.evaluated,
        )
        best = watch.evaluate(loss.nats_per_char)
        yield self._log(
            Evaluation(
                watch.step,
                loss.nats_per_char,
                loss.bits_per_char,
                best,
                self.characters,
                self._clock.seconds(),
            )
        )
        if best:
            if self._finite() and self._checkpointer.save_best(self.evaluated, watch):
                yield Saved(watch.step, "best")
            yield from self._save()

    def _progress(self, nats_per_char: float, rate: float) -> Progress:
        budget, seconds = self._budget(), self._clock.seconds()
        return Progress(
            step=self.watch.step,
            characters=self.characters,
            nats_per_char=nats_per_char,
            smooth_loss=self.watch.smooth,
            smooth_nats_per_char=self.watch.smooth / self.recipe.seq_len,
            rate=rate,
            chars_per_second=self._clock.recent_speed(),
            seconds=seconds,
            fraction=budget[1] if budget else None,
            seconds_left=self._clock.seconds_left(budget[1]) if budget else None,
            gradient_norm=self.engine.gradient_norm,
        )

    # -- saves and the end

    def _finite(self) -> bool:
        """Whether parameters are still numbers; if not, that is divergence."""
        if self.engine.all_finite():
            return True
        self.watch.smooth = math.nan
        return False

    def _save(self) -> Iterator[Record]:
        if self._finite() and self._checkpointer.save_last(self.watch):
            yield Saved(self.watch.step, "last")

    def _whole_loss(self) -> Generator[Record, None, Loss]:
        """The loss of the best parameters over the whole held-out text."""
        losses, reading = stream_losses(self.engine, self.held_out, "best")
        whole, reported = sum(map(len, losses)), time.monotonic()
        for done in reading:
            self._stop.check()
            if time.monotonic() - reported > POLL:
                reported = time.monotonic()
                yield Evaluating(self.watch.step, done, whole)
        return Loss.of(losses)

    def _finished(self, reason: Reason) -> Generator[Record, None, Finished]:
        """The end; with the loss of the best parameters over the whole held-out text."""
        watch, loss = self.watch, None
        if self._checkpointer.has_best and reason != INTERRUPTED:
            try:
                loss = yield from self._whole_loss()
            except StopRequested:
                reason = INTERRUPTED
        return Finished(
            stopped_by=reason,
            message=self._explained() if reason == DIVERGED else REASONS[reason],
            run=str(self.run.folder) if self.run else None,
            network=self.network.name,
            parameters=self.shapes.count,
            vocabulary=self.shapes.vocabulary,
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

    def _explained(self) -> str:
        saved = self._checkpointer.saved_step
        return explain_divergence(self.network, self.recipe, self.watch, self.engine, saved)
