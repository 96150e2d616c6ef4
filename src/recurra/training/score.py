"""How well a finished run predicts a text, with the weights that it has or learning as it reads."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from recurra.compute.registry import DEFAULT_ENGINE
from recurra.errors import RunError, TextError
from recurra.models.adaptation.base import Adaptation
from recurra.models.adaptation.reader import AdaptiveReader, adaptive_loss
from recurra.models.adaptation.search import find_settings
from recurra.models.evaluation import Loss, Text, evaluate
from recurra.storage.runs import Run
from recurra.text.corpus import ENOUGH, Corpus, join_short
from recurra.text.sources import Source, read_documents
from recurra.training.finished_run import FinishedRun
from recurra.training.sessions import load_run_corpus

Parts = Mapping[str, Sequence[Text]]


@dataclass(frozen=True)
class Score:
    """How well a run predicts one text.

    Attributes:
        text: "validation" or "test", parts of the run's own text, or "given".
        windows: the state starts from zeros every so many characters; None: it is carried.
        loss: over the whole of that text, with the trained weights.
        skipped: characters of a given text that the model does not know; they were left out.
        adaptive: the loss if it learns from what it has read; None where that was not asked for.
        adaptation: how it learns.
    """

    text: str
    windows: int | None
    loss: Loss
    skipped: int = 0
    adaptive: Loss | None = None
    adaptation: Adaptation | None = None


def score(
    run: Run,
    sources: Sequence[Source] | None = None,
    *,
    corpus: Corpus | None = None,
    encoding: str | None = None,
    windows: int | None = None,
    adapt: Adaptation | None = None,
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
    fetch: bool = False,
) -> Iterator[Score]:
    """Evaluate a run's best model over the whole of its held-out text, or of other texts.

    Args:
        run: a run folder, opened; nothing in it is changed.
        sources: texts to read instead of the validation and test parts of the run's own, those of
            less than 1,000 characters as one; or where its own are now, if they were moved.
        corpus: the run's own texts, if they have been read.
        encoding: of these texts; None: found out for each.
        windows: evaluate with cold windows of so many characters too.
        adapt: evaluate while learning from the text too, each part anew. What is None in these
            settings is found on the run's own validation text, where that is at hand.
        engine, threads: what computes.
        fetch: see `load_run_corpus`.

    Raises:
        RecurraError: the run or a text is refused, there is nothing to evaluate, or the model
            predicts no finite numbers.
    """
    opened = FinishedRun(run)
    model = opened.best
    computes = model.engine(engine, threads)
    parts, skipped = _own_parts(opened, sources, corpus, fetch, refused=not sources), 0
    validation = parts.get("validation", ())
    if sources and not parts:
        documents = read_documents(sources, encoding)
        known = [model.vocabulary.known(document.text) for document in documents]
        skipped = sum(len(document.text) for document in documents) - sum(map(len, known))
        texts, _ = join_short(known, ENOUGH)
        parts = {"given": tuple(map(model.vocabulary.encode, texts))}
        if adapt is not None:
            own = _own_parts(opened, None, corpus, fetch, refused=False)
            validation = own.get("validation", ())
    if not parts:
        raise RunError(f"{run.folder} held no text out: name a text to evaluate it on")

    def reader_with(settings: Adaptation) -> AdaptiveReader:
        squares = opened.gradient_squares
        return AdaptiveReader(model.engine(engine, threads), settings, squares)

    reader = None
    for name, part in parts.items():
        for protocol in [None] if windows is None else [None, windows]:
            loss, adaptive = evaluate(computes, part, protocol), None
            if not math.isfinite(loss.nats):
                raise RunError(
                    f"the model of {run.folder} predicts no finite numbers: restore a backup, or "
                    "train it again"
                )
            if adapt is not None and protocol is None:
                reader = reader or reader_with(find_settings(adapt, validation, reader_with))
                adaptive = adaptive_loss(reader, part)
            settings = reader.settings if reader and adaptive else None
            yield Score(name, protocol, loss, skipped, adaptive, settings)


def _own_parts(
    opened: FinishedRun,
    sources: Sequence[Source] | None,
    corpus: Corpus | None,
    fetch: bool,
    *,
    refused: bool,
) -> Parts:
    """The held-out parts of a run's own text, those that have something to predict.

    Args:
        opened, sources, corpus, fetch: see `load_run_corpus`.
        refused: whether texts that are missing or others are an error; else there are no parts.
    """
    try:
        corpus = load_run_corpus(opened, sources, corpus=corpus, fetch=fetch)
    except (RunError, TextError):
        if refused:
            raise
        return {}
    parts = {"validation": corpus.validation, "test": corpus.test}
    return {name: part for name, part in parts.items() if any(len(t) > 1 for t in part)}
