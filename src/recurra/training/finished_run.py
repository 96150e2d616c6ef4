"""A run folder, read: its configuration, network, records and model, each at most once."""

import math
from array import array
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recurra.compute.optimizers.registry import make_optimizer
from recurra.compute.plan import make_plan
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import ShapeSolver
from recurra.lang.shapes import Shapes
from recurra.models.adaptation.base import GradientSquares
from recurra.models.model import Model
from recurra.storage.checkpoints import Arrays
from recurra.storage.runs import Name, Run
from recurra.text.vocabulary import Vocabulary
from recurra.training.extensions import Extension, extended
from recurra.training.recipe import Recipe
from recurra.training.records import Evaluation, Finished, Progress, read_records
from recurra.training.resume_state import ResumeState
from recurra.training.run_config import RunConfig


@dataclass(frozen=True)
class Losses:
    """A loss along the way, wherever it was finite.

    Attributes:
        steps, characters, seconds: ``(n,)``, where it was measured.
        nats: ``(n,)``, per character.
    """

    steps: NDArray[np.float64]
    characters: NDArray[np.float64]
    seconds: NDArray[np.float64]
    nats: NDArray[np.float64]


@dataclass(frozen=True)
class FinishedRun:
    """A run as it was left; what it has read, it keeps.

    Attributes:
        run: its folder, opened.
    """

    run: Run

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a run folder.

        Raises:
            RunError: it is no run, or is damaged.
        """
        return cls(Run.open(folder))

    @cached_property
    def config(self) -> RunConfig:
        """The configuration of the run."""
        return RunConfig.load(self.run)

    @cached_property
    def extensions(self) -> tuple[Extension, ...]:
        """The budgets that it was given later."""
        return Extension.load(self.run)

    @cached_property
    def recipe(self) -> Recipe:
        """How it is trained, with its latest budget."""
        return extended(self.config.recipe, self.extensions)

    @cached_property
    def network(self) -> Network:
        """Its equations, parsed."""
        return parse(self.run.equations, self.config.network)

    @cached_property
    def shapes(self) -> Shapes:
        """The sizes of its vectors and parameters."""
        return ShapeSolver(self.network).shapes(len(self.run.vocabulary), self.config.recipe.hidden)

    @cached_property
    def _read(self) -> tuple[Losses, Losses, Finished | None]:
        """All that its records tell; they are read once, one by one: there may be millions."""
        recipe = self.config.recipe
        rows, last = {kind: array("d") for kind in (Progress, Evaluation)}, None
        for record in read_records(self.run, recipe.batch * recipe.seq_len):
            last = record
            match record:
                case Progress(step, characters, smooth_nats_per_char=nats, seconds=seconds):
                    row = (step, characters, seconds, nats)
                case Evaluation(step, nats, characters=characters, seconds=seconds):
                    row = (step, characters or 0, seconds or 0.0, nats)
                case _:
                    continue
            if math.isfinite(nats):
                rows[type(record)].extend(row)
        train, held_out = (Losses(*np.array(rows[kind]).reshape(-1, 4).T) for kind in rows)
        return train, held_out, last if isinstance(last, Finished) else None

    @property
    def train(self) -> Losses:
        """Its smoothed training loss along the way."""
        return self._read[0]

    @property
    def held_out(self) -> Losses:
        """Its held-out loss along the way, estimated."""
        return self._read[1]

    @property
    def held_out_loss(self) -> float | None:
        """The held-out loss of its best checkpoint: of the whole text, or the lowest estimate."""
        if self.finished is not None and self.finished.val_nats_per_char is not None:
            return self.finished.val_nats_per_char
        return float(self.held_out.nats.min()) if len(self.held_out.nats) else None

    @property
    def finished(self) -> Finished | None:
        """Its last record; None while training is not over."""
        return self._read[2]

    @cached_property
    def best(self) -> Model:
        """The model of its best checkpoint; of the last one, if there is no best."""
        return self.model("best" if self.run.has("best") else "last")

    def load(self, checkpoint: Name) -> tuple[Arrays, Any]:
        """The arrays and meta of a checkpoint; they have the shapes of this network and recipe.

        Raises:
            RunError: it was not saved, or is damaged.
        """
        recipe, parameters = self.config.recipe, self.shapes.parameters
        wanted = {f"parameter/{name}": shape for name, shape in parameters.items()}
        if checkpoint == "last":
            for slot in make_optimizer(recipe.optimizer_settings).slots:
                wanted |= {f"optimizer/{name}/{slot}": shape for name, shape in parameters.items()}
            if recipe.average:
                wanted |= {f"average/{name}": shape for name, shape in parameters.items()}
            plan = make_plan(self.network)
            for name, size in plan.sizes(self.shapes).items():
                if lags := plan.state.get(name):
                    wanted[f"state/{name}"] = lags, recipe.batch, size
        return self.run.load(checkpoint, wanted)

    def model(self, checkpoint: Name) -> Model:
        """The model of a checkpoint.

        Raises:
            RunError: it was not saved, or is damaged.
        """
        vocabulary, shapes = Vocabulary(self.run.vocabulary), self.shapes
        arrays, _ = self.load(checkpoint)
        parameters = {name: arrays[f"parameter/{name}"] for name in shapes.parameters}
        return Model(self.network, vocabulary, shapes, parameters)

    @cached_property
    def gradient_squares(self) -> GradientSquares | None:
        """Mean squares of its gradients, as its optimiser kept them; None: it keeps none.

        Raises:
            RunError: there is no last checkpoint, or it is damaged.
        """
        recipe, shapes = self.recipe, self.shapes.parameters
        optimizer = make_optimizer(recipe.optimizer_settings)
        arrays, meta = self.load("last")
        updates = ResumeState.read(meta, self.run.folder / "last.safetensors").updates
        characters, means = recipe.batch * recipe.seq_len, {}
        # of the gradient of the mean loss, whatever training took
        unit = 1.0 if recipe.reduction == "mean" else characters**-2.0
        for name in shapes:
            own = {slot: arrays[f"optimizer/{name}/{slot}"] for slot in optimizer.slots}
            mean = optimizer.mean_squares(own, max(1, updates))
            if mean is None:
                return None
            means[name] = unit * mean
        return GradientSquares(means, characters)


def load_model(run: Run | str | Path, checkpoint: Name | None = None) -> Model:
    """The model of a run.

    Args:
        run: a run folder.
        checkpoint: "best" (lowest held-out loss) or "last"; None: the best that there is.

    Raises:
        RunError: the folder is no run, is damaged, or holds no checkpoint yet.
    """
    reader = FinishedRun(run if isinstance(run, Run) else Run.open(run))
    return reader.best if checkpoint is None else reader.model(checkpoint)
