"""A training's checkpoints and metrics in its run folder, in the order that a resume relies on."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from recurra.compute.base import Engine, Weights
from recurra.errors import RunError
from recurra.storage.runs import EXTENSIONS, Run
from recurra.text.batches import Streams
from recurra.training.clock import Clock
from recurra.training.extensions import Extension
from recurra.training.records import Finished, Kept, Lost, Sample, has_finished, to_json
from recurra.training.resume_state import ResumeState
from recurra.training.stopping import INTERRUPTED, Watch


class Checkpointer:
    """Keeps a training, and brings it back; without a run nothing is kept. See `Run`.

    Attributes:
        saved_step: step of the last checkpoint; 0 before the first.
        sampled_step: step of the last sample that was written to its end.
        earlier_updates: of the optimiser, by the run that this one began from.
        has_best: whether the engine holds the parameters with the lowest held-out loss.

    Args:
        run: the folder.
        engine: whose numbers are kept.
        streams, rng: position in the text, generator of dropout masks.
        clock: wall-clock figures.
    """

    def __init__(
        self,
        run: Run | None,
        engine: Engine,
        streams: Streams,
        rng: np.random.Generator,
        clock: Clock,
    ) -> None:
        self.run, self.engine, self.streams, self.rng, self.clock = run, engine, streams, rng, clock
        self.saved_step = self.sampled_step = self.earlier_updates = 0
        self.has_best = False
        self._extensions: tuple[Extension, ...] = ()
        self._paused: Mapping[str, Any] = {}

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Hold the run folder: one process at a time."""
        return self.run.lock() if self.run else contextlib.nullcontext()

    def log(self, record: Kept, step: int) -> None:
        """Write a record to the metrics."""
        if isinstance(record, Sample):
            self.sampled_step = step
        if self.run is not None:
            self.run.append_metrics(to_json(record, step))

    def save_best(self, weights: Weights, watch: Watch) -> bool:
        """Keep these parameters as the best; whether there is a run to save them in."""
        self.engine.copy(weights, "best")
        self.has_best = True
        if self.run is None:
            return False
        best = self.engine.dump("best")
        arrays = {f"parameter/{name.partition('/')[2]}": array for name, array in best.items()}
        self.run.save("best", arrays, {"step": watch.step, "nats_per_char": watch.best})
        return True

    def save_last(self, watch: Watch) -> bool:
        """Save all that decides what comes next; whether there is a run to save it in."""
        if self.run is None:
            return False
        meta: dict[str, Any] = {
            "step": watch.step,
            "watch": asdict(watch),
            "updates": watch.step + self.earlier_updates,
            "generator": self.rng.bit_generator.state,
            "stream": self.streams.position,
        }
        if self._extensions:
            meta["extensions"] = [asdict(extension) for extension in self._extensions]
        self.run.write_clock(self.clock.saved())
        arrays = self.engine.dump("parameter", "optimizer", "state", "average")
        self.run.save("last", arrays, meta)
        self.saved_step = watch.step
        return True

    def restore(self, watch: Watch, vocabulary: str) -> tuple[Watch, list[Lost]]:
        """Bring back what the run's folder holds, if anything, and start the clock.

        Args:
            watch: the present one.
            vocabulary: the characters in the order of their numbers.

        Returns:
            The watch to go on with, and what was there at the last save but is not any more.

        Raises:
            RunError: the folder belongs to another training, or has lost what this one was.
        """
        run = self.run
        if run is None:
            self.clock.start(self._paused)
            return watch, []
        if run.vocabulary != vocabulary:
            raise RunError(
                f"{run.folder} numbers its characters in another way than this trainer: "
                "begin a new run"
            )
        self._extensions = Extension.load(run)
        if not run.has("last"):
            if watch.step or self.streams.position:
                raise RunError(
                    f"{run.folder} was interrupted before it had saved anything: begin anew, "
                    "with a trainer of its own"
                )
            run.truncate_metrics(-1)
            self.clock.start({})
            return watch, []
        arrays = self.engine.dump("parameter", "optimizer", "state", "average")
        saved, meta = run.load("last", {name: array.shape for name, array in arrays.items()})
        self.engine.load({name: saved[name] for name in arrays})
        state = ResumeState.read(meta, run.folder / "last.safetensors")
        if state.extensions != self._extensions[: len(state.extensions)]:
            raise RunError(
                f"{run.folder / EXTENSIONS} lacks a budget that the run has been trained with: "
                "restore a backup"
            )
        state.restore(self.rng)
        self.earlier_updates = state.updates - state.step
        self.streams.position, watch = state.stream, state.watch
        lost = _find_lost(run, watch)
        self.has_best = run.has("best")
        if self.has_best:
            wanted = {name: a.shape for name, a in arrays.items() if name.startswith("parameter/")}
            best, _ = run.load("best", wanted)
            self.engine.load({f"best/{name.partition('/')[2]}": best[name] for name in wanted})
        run.truncate_metrics(watch.step, watch.evaluated_step)
        samples = [r["step"] for r in run.iter_metrics() if r.get("kind") == "sample"]
        self.saved_step, self.sampled_step = watch.step, max(samples, default=0)
        self.clock.start(run.read_clock())
        return watch, lost

    def finish(self, end: Finished, step: int) -> Finished:
        """Write the last record, once; an interrupted run tells of its end when it has gone on."""
        if self.run is None:
            self._paused = self.clock.saved()
        elif end.stopped_by != INTERRUPTED and not has_finished(self.run, step):
            self.log(end, step)
        return end


def _find_lost(run: Run, watch: Watch) -> list[Lost]:
    """Files that were there at the last save; without the best one the next counts as the best."""
    step, best_step, lost = watch.step, watch.best_step, []
    if not run.has_metrics:
        lost.append(f"metrics.jsonl is gone, and the records of the first {step:,} steps with it")
    if best_step and not run.has("best"):
        lost.append(
            f"best.safetensors is gone, and the model of step {best_step:,} with it: the next "
            "held-out loss counts as the lowest"
        )
        watch.best, watch.best_step = math.inf, 0
    return [Lost(step, words) for words in lost]
