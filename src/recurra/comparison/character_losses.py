"""The test part: opened once, when every run has finished; its losses are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recurra.comparison.comparison import Comparison, PlannedRun
from recurra.errors import RunError
from recurra.models.evaluation import character_losses
from recurra.storage.checkpoints import load_checkpoint, save_checkpoint
from recurra.storage.typed_json import read_typed
from recurra.text.corpus import Corpus, predictable
from recurra.text.sources import Source
from recurra.training.finished_run import FinishedRun

FILE = "test.safetensors"
_CURE = "restore a backup, or remove the file to measure the losses again"


@dataclass(frozen=True)
class _Meta:
    documents: tuple[int, ...]
    seal: str


@dataclass(frozen=True)
class Scores:
    """The losses of a comparison on its test part.

    Attributes:
        losses: a finalist's key -> nats of every character ``(n,)``, document after document.
            One that diverged before its first checkpoint is missing.
        documents: characters of each document; together n.
    """

    losses: Mapping[str, NDArray[np.float32]]
    documents: tuple[int, ...]


def measure_test_losses(
    comparison: Comparison, sources: Sequence[Source] | None = None, *, fetch: bool = False
) -> Scores:
    """The losses of every finalist on the test part: computed once, read ever after.

    Args:
        comparison: opened.
        sources: where its texts are now, if they were moved.
        fetch: download texts that the comparison has at an address.

    Raises:
        RunError: a run has not finished or is damaged, or the scores belong elsewhere.
        TextError: a text is missing.
    """
    path = comparison.folder / FILE
    if not path.exists():
        corpus = comparison.text.load(comparison.folder, sources, fetch=fetch)
        documents, losses = _score(comparison, corpus)
        save_checkpoint(path, losses, {"documents": documents, "seal": comparison.seal})
    losses, kept = load_checkpoint(path)
    meta = read_typed(_Meta, kept, path, _CURE)
    if meta.seal != comparison.seal:
        raise RunError(
            f"{path} does not belong to the comparison.json beside it: restore what was there"
        )
    finalists = {planned.key for planned in comparison.finalists()}
    wanted = (sum(meta.documents),), np.dtype(np.float32)
    if min(meta.documents, default=0) < 1 or any(
        name not in finalists or (of_run.shape, of_run.dtype) != wanted
        for name, of_run in losses.items()
    ):
        raise RunError(f"{path} does not hold the losses of these runs: {_CURE}")
    return Scores(losses, meta.documents)


def _score(
    comparison: Comparison, corpus: Corpus
) -> tuple[list[int], dict[str, NDArray[np.float32]]]:
    texts = predictable(corpus.held_out("test"))
    losses = {}
    for planned in comparison.finalists():
        opened = _finished_run(comparison, planned)
        if opened.run.has("best") or opened.run.has("last"):
            model = opened.best
            engine = model.engine(comparison.engine, comparison.threads)
            # a run may number characters in its own way
            own = [model.vocabulary.encode(corpus.vocabulary.decode(text)) for text in texts]
            found = character_losses(engine, own)
            losses[planned.key] = np.concatenate(found).astype(np.float32)
    return [len(text) - 1 for text in texts], losses


def _finished_run(comparison: Comparison, planned: PlannedRun) -> FinishedRun:
    if planned.outcome() is None:
        raise RunError(
            f"{planned.folder} has not finished: recurra compare --resume {comparison.folder}"
        )
    if planned.run.config.text.fingerprint != comparison.text.fingerprint:
        raise RunError(
            f"{planned.folder} was trained on other texts than its comparison: remove it"
        )
    return planned.run
