"""Beginning with the weights of another run: characters are matched by name."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recurra.compute.base import Engine, Group, Parameters
from recurra.compute.optimizers.registry import make_optimizer
from recurra.compute.registry import make_engine
from recurra.errors import RunError, SettingError
from recurra.lang.shape_solver import ShapeSolver
from recurra.storage.runs import Name
from recurra.storage.typed_json import read_typed
from recurra.text.vocabulary import Vocabulary
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import Recipe
from recurra.training.run_config import Origin

WARMUP = 10  # steps at most, where trained weights begin: they need no careful first steps
# Pieces of text, and characters of each, that the output bias is fitted to.
_TEXTS, _LENGTH = 32, 100


@dataclass(frozen=True)
class _Counts:
    """Steps of a checkpoint's training, and of its optimiser, which only the last one tells."""

    step: int
    updates: int = 0

    def __post_init__(self) -> None:
        for name, count in vars(self).items():
            if not 0 <= count < 2**63:
                raise RunError(f"{name} is out of bounds")


@dataclass(frozen=True)
class WarmStart:
    """The numbers of a run, for another one to begin with.

    Attributes:
        source: the run.
        origin: what the configuration of the other one says of it.
        groups: what is taken over.
        updates: of its optimiser, if that is kept.
    """

    source: FinishedRun
    origin: Origin
    groups: tuple[Group, ...]
    updates: int
    _saved: Parameters

    @classmethod
    def of(cls, source: FinishedRun, keep_optimizer: bool = False) -> Self:
        """Read a run: its best checkpoint; with its optimiser, which only that has, its last.

        Raises:
            RunError: it is damaged, or holds no checkpoint yet.
        """
        run = source.run
        name: Name = "best" if run.has("best") and not keep_optimizer else "last"
        arrays, meta = source.load(name)
        groups: tuple[Group, ...] = ("parameter", "optimizer") if keep_optimizer else ("parameter",)
        saved = {n: array for n, array in arrays.items() if n.partition("/")[0] in groups}
        cure = "restore a backup, or train again"
        place = f"the checkpoint {name} of {run.folder}"
        counts = read_typed(_Counts, meta, place, cure, lenient=True)
        origin = Origin(str(run.folder), name, counts.step, keep_optimizer)
        return cls(source, origin, groups, counts.updates if keep_optimizer else 0, saved)

    @property
    def recipe(self) -> Recipe:
        """That of the run, with a short warm-up."""
        own = self.source.recipe
        return own.with_(warmup=min(own.warmup, WARMUP))

    def vocabulary(self, text: Vocabulary) -> Vocabulary:
        """The characters of a text, and behind them those that only this run knows."""
        return Vocabulary(text.characters + "".join(text.unknown(self.source.run.vocabulary)))

    def check(self, recipe: Recipe) -> None:
        """Refuse an optimiser that the state which is to be kept does not fit.

        Raises:
            SettingError: so.
        """
        own = self.source.config.recipe
        kinds = [(r.optimizer, make_optimizer(r.optimizer_settings).slots) for r in (own, recipe)]
        if self.origin.keep_optimizer and kinds[0] != kinds[1]:
            raise SettingError(
                f"{self.origin.run} was trained with optimizer={own.optimizer} and "
                f"momentum={own.momentum:g}, and its state fits only that: train with the same, or "
                "do not keep it"
            )

    def arrays(self, vocabulary: Vocabulary, initial: Parameters) -> Parameters:
        """The numbers to begin with: this run's, and for characters new to it the initial ones.

        Args:
            vocabulary: of the new run.
            initial: parameters of the new run, and optimiser slots if they are kept.
        """
        known = self.source.run.vocabulary
        into = [i for i, one in enumerate(vocabulary.characters) if one in known]
        place = {one: i for i, one in enumerate(known)}
        out_of = [place[vocabulary.characters[i]] for i in into]
        wide = self._vocabulary_axes()
        numbers: Parameters = {}
        for name, start in initial.items():
            axes = wide[name.split("/")[1]]
            numbers[name] = start.copy()
            numbers[name][_cells(into, axes, start.shape)] = self._saved[name][
                _cells(out_of, axes, start.shape)
            ]
        return numbers

    def fit_output_bias(self, engine: Engine, text: NDArray[Any], vocabulary: Vocabulary) -> None:
        """Let an engine that has these weights predict each character as often as a text has it.

        Only the output's bias changes: how often characters occur is what differs most between two
        authors, and what a new character has no weights for (Saerens et al. 2002 correct a
        classifier for other frequencies of its classes so). With the optimiser's state kept, only
        new characters are fitted.

        Args:
            engine: its parameters are those of `arrays`.
            text: the training text, in numbers.
            vocabulary: of the new run.
        """
        shapes, biases = engine.shapes, engine.plan.logits.biases[:1]
        length = min(_LENGTH, len(text) // _TEXTS)
        if not biases or not length:
            return
        reader = make_engine("reference", engine.plan, shapes, np.float64, 1)
        parameters = engine.dump("parameter")
        reader.load(parameters)
        starts = np.linspace(0, len(text) - length, _TEXTS).astype(np.intp)
        state, predicted = reader.zero_state(_TEXTS), np.zeros(shapes.vocabulary)
        for place in range(length):
            found, state = reader.next_log_probabilities(text[starts + place], state)
            predicted += np.exp(found).sum(axis=0)
        classes = [slice(start, end) for start, end in shapes.class_bounds]
        predicted, occurring = (
            np.concatenate([counts, [counts[members].sum() for members in classes]])
            for counts in (predicted, np.bincount(text, minlength=shapes.vocabulary))
        )
        share = np.maximum(predicted / (_TEXTS * length), np.finfo(np.float32).tiny)
        # what the model predicts counts as much as one character of each kind
        shift = np.log((occurring / share + shapes.vocabulary) / (len(text) + shapes.vocabulary))
        if self.origin.keep_optimizer:
            known = [one in self.source.run.vocabulary for one in vocabulary.characters]
            shift[: len(known)][known] = 0.0
        bias = f"parameter/{biases[0]}"
        parameters[bias] += shift.astype(engine.dtype)
        engine.load(parameters)

    def describe(self, vocabulary: Vocabulary) -> str:
        """Say where the new run's numbers come from.

        Args:
            vocabulary: of the new run.
        """
        known, all_ = self.source.run.vocabulary, len(vocabulary)
        optimizer = " and its optimiser" if self.origin.keep_optimizer else ""
        return (
            f"Weights{optimizer} of {self.origin.run}, step {self.origin.step:,} "
            f"({self.origin.checkpoint}): it knows {len(known):,} of the {all_:,} characters; "
            f"{all_ - len(known):,} are new."
        )

    def _vocabulary_axes(self) -> dict[str, set[int]]:
        """Which axes of each parameter grow with the vocabulary."""
        shapes, hidden = self.source.shapes, self.source.config.recipe.hidden
        wider = ShapeSolver(self.source.network).shapes(shapes.vocabulary + 1, hidden).parameters
        return {
            name: {axis for axis, n in enumerate(shape) if n != wider[name][axis]}
            for name, shape in shapes.parameters.items()
        }


def _cells(characters: list[int], axes: set[int], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Index of some characters' numbers, and of all of those that belong to no character."""
    every: list[NDArray[Any]] = [
        np.array(characters, np.intp) if axis in axes else np.arange(size)
        for axis, size in enumerate(shape)
    ]
    return np.ix_(*every)
