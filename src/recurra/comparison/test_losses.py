"""The test part: opened once, when every run has finished; its losses are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recurra.comparison.comparison import Comparison, Trial
from recurra.errors import RunError, TextError
from recurra.models.evaluation import character_losses
from recurra.storage.checkpoints import load_checkpoint, save_checkpoint
from recurra.storage.runs import Run
from recurra.text.corpus import Corpus, load_corpus
from recurra.training.run_config import asked
from recurra.training.sessions import Source, load_model

FILE = "test.safetensors"


@dataclass(frozen=True)
class Scores:
    """What the test part said.

    Attributes:
        losses: a finalist's key -> nats of every character ``(n,)``, document after document.
            One that diverged before its first checkpoint is missing.
        documents: characters of each document; together n.
    """

    losses: Mapping[str, NDArray[np.float32]]
    documents: tuple[int, ...]


def load_text(comparison: Comparison, sources: Sequence[Source] | None = None) -> Corpus:
    """The texts of a comparison, parted as they were.

    Args:
        comparison: opened.
        sources: where the texts are now, if they were moved.

    Raises:
        RunError: they are not what they were.
        TextError: a text is missing.
    """
    text = comparison.text
    corpus = load_corpus(sources or text["sources"], text["encoding"], text["split"])
    if corpus.fingerprint != text["fingerprint"]:
        raise RunError(
            f"the texts of {comparison.folder} have changed since it began: put back what was "
            f"there ({', '.join(text['sources'])}), or begin a new comparison"
        )
    return corpus


def open_test(comparison: Comparison, sources: Sequence[Source] | None = None) -> Scores:
    """The losses of every finalist on the test part: computed once, read ever after.

    Raises:
        RunError: a run has not finished or is damaged, or the scores belong elsewhere.
        TextError: a text is missing.
    """
    path = comparison.folder / FILE
    if not path.exists():
        documents, losses = _score(comparison, load_text(comparison, sources))
        save_checkpoint(path, losses, {"documents": documents, "seal": comparison.seal})
    losses, meta = load_checkpoint(path)
    if meta["seal"] != comparison.seal:
        raise RunError(
            f"{path} does not belong to the comparison.json beside it: restore what was there"
        )
    return Scores(losses, tuple(meta["documents"]))


def _score(
    comparison: Comparison, corpus: Corpus
) -> tuple[list[int], dict[str, NDArray[np.float32]]]:
    texts = [text for text in corpus.test if len(text) > 1]
    if not texts:
        raise TextError(
            "the test part holds no text, and a comparison is judged by it: train with a split "
            "such as 90/5/5"
        )
    losses = {}
    for trial in comparison.finalists():
        run = _finished_run(comparison, trial)
        if run.has("best") or run.has("last"):
            model = load_model(run)
            engine = model.engine(comparison.engine, comparison.threads)
            # a run may number characters in its own way
            own = [model.vocabulary.encode(corpus.vocabulary.decode(text)) for text in texts]
            found = character_losses(engine, own)
            losses[trial.key] = np.concatenate(found).astype(np.float32)
    return [len(text) - 1 for text in texts], losses


def _finished_run(comparison: Comparison, trial: Trial) -> Run:
    if trial.outcome() is None:
        raise RunError(
            f"{trial.folder} has not finished: recurra compare --resume {comparison.folder}"
        )
    run = Run.open(trial.folder)
    if asked(run).text["fingerprint"] != comparison.text["fingerprint"]:
        raise RunError(f"{run.folder} was trained on other texts than its comparison: remove it")
    return run
