"""How well a finished run predicts a text: as it is, learning as it reads, and in a mixture."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recurra.compute.registry import DEFAULT_ENGINE
from recurra.errors import RunError, TextError
from recurra.models.adaptation.base import Adaptation
from recurra.models.adaptation.reader import AdaptiveReader, adaptive_loss
from recurra.models.adaptation.registry import make_rule
from recurra.models.adaptation.search import find_settings
from recurra.models.compressors import Compressor, require_compressor
from recurra.models.evaluation import Loss, Text, evaluate
from recurra.models.model import Model
from recurra.storage.runs import Run
from recurra.text.corpus import ENOUGH, Corpus, group_short, load_corpus, predictable
from recurra.text.download import Progress
from recurra.text.sources import Source, is_stream
from recurra.text.store import CHUNK
from recurra.text.vocabulary import Vocabulary
from recurra.training.finished_run import FinishedRun
from recurra.training.mixtures import COUNTS, make_mixture, tell_reading
from recurra.training.sessions import load_run_corpus


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
        mean: the loss of the mean of the runs' predictions, with the trained weights; None where no
            other run is in the mixture.
        mixture: the loss of a mixture of runs and counts; None where that was not asked for.
        versus: the losses of compressors that have read the run's training text, by name.
    """

    text: str
    windows: int | None
    loss: Loss
    skipped: int = 0
    adaptive: Loss | None = None
    adaptation: Adaptation | None = None
    mean: Loss | None = None
    mixture: Loss | None = None
    versus: Mapping[str, Loss] = field(default_factory=dict)


def score(
    run: Run,
    sources: Sequence[Source] | None = None,
    *,
    corpus: Corpus | None = None,
    encoding: str | None = None,
    windows: int | None = None,
    adapt: Adaptation | None = None,
    mix: Sequence[Source] = (),
    versus: Sequence[str] = (),
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
    fetch: bool = False,
    progress: Progress | None = None,
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
        mix: evaluate a mixture too, of this run and others, or "counts" of its training text; its
            networks learn if ``adapt`` is given, its counts and its weights always do.
        versus: give the losses of these compressors too, "zpaq" or "ppmd".
        engine, threads: what computes.
        fetch: see `load_run_corpus`.
        progress: called again and again with a line that tells how much has been evaluated.

    Raises:
        RecurraError: the run or a text is refused, there is nothing to evaluate, or the model
            predicts no finite numbers.
    """
    for name in versus:
        require_compressor(name)
    if adapt is not None:
        make_rule(adapt.rule)
    opened = FinishedRun(run)
    model = opened.best
    computes = model.engine(engine, threads)
    own = None
    if not any(map(is_stream, sources or ())):  # a pipe is read once: it is another text
        own = _own_corpus(opened, sources, corpus, fetch, refused=not sources)
    parts, skipped = _held_out(own), 0
    if sources and not parts:
        given = load_corpus(sources, encoding, (100, 0, 0, "position"), progress=progress)
        known = [*_known(given, model.vocabulary)]
        skipped = len(given.numbers) - sum(map(len, known))
        groups = group_short(list(map(len, known)), ENOUGH)
        parts = {"given": tuple(np.concatenate([known[n] for n in group]) for group in groups)}
        if adapt is not None or mix or versus:
            needed = COUNTS in mix or bool(versus)
            own = _own_corpus(opened, None, corpus, fetch, refused=needed)
    if not parts:
        raise RunError(f"{run.folder} held no text out: name a text to evaluate it on")

    def reader_with(settings: Adaptation) -> AdaptiveReader:
        return AdaptiveReader(model.engine(engine, threads), settings, opened.gradient_squares)

    trained_on = own.train if own else ()
    compressors = [Compressor(name, _decoded(model, trained_on)) for name in versus]
    reader = mixture = None
    for name, part in parts.items():
        prices = {one.name: one.loss(_decoded(model, part)) for one in compressors}
        for protocol in [None] if windows is None else [None, windows]:
            report = tell_reading(progress, f"the {name} text", part)
            loss, adaptive = evaluate(computes, part, protocol, report), None
            mean = mixed = None
            if not math.isfinite(loss.nats):
                raise RunError(
                    f"the model of {run.folder} predicts no finite numbers: restore a backup, or "
                    "train it again"
                )
            if adapt is not None and protocol is None:
                if reader is None:
                    validation = _held_out(own).get("validation", ())
                    reader = reader_with(find_settings(adapt, validation, reader_with))
                report = tell_reading(progress, f"the {name} text, learning", part)
                adaptive = adaptive_loss(reader, part, report)
            settings = reader.settings if reader and adaptive else None
            if mix and protocol is None:
                mixture = mixture or make_mixture(
                    opened, mix, own, settings, engine, threads, progress
                )
                if len(mixture.members) > 1:
                    report = tell_reading(progress, f"the {name} text, network by network", part)
                    mean = mixture.mean_loss(part, report)
                report = tell_reading(progress, f"the {name} text, mixed", part)
                mixed = mixture.loss(part, report)
            yield Score(name, protocol, loss, skipped, adaptive, settings, mean, mixed, prices)


def _known(corpus: Corpus, vocabulary: Vocabulary) -> Iterator[Text]:
    """The training part of each text in the numbers of a vocabulary, without what that lacks."""
    place = {character: number for number, character in enumerate(vocabulary.characters)}
    number_of = np.array([place.get(one, -1) for one in corpus.vocabulary.characters], np.int32)
    for text in corpus.train:
        known, end = np.empty(len(text), np.int32), 0
        for begin in range(0, len(text), CHUNK):
            numbers = number_of[text[begin : begin + CHUNK]]
            numbers = numbers[numbers >= 0]
            known[end : end + len(numbers)] = numbers
            end += len(numbers)
        yield known[:end]


def _decoded(model: Model, texts: Sequence[Text]) -> list[str]:
    return [model.vocabulary.decode(text) for text in texts]


def _own_corpus(
    opened: FinishedRun,
    sources: Sequence[Source] | None,
    corpus: Corpus | None,
    fetch: bool,
    *,
    refused: bool,
) -> Corpus | None:
    """A run's own text.

    Args:
        opened, sources, corpus, fetch: see `load_run_corpus`.
        refused: whether texts that are missing or others are an error; else there is none.
    """
    try:
        return load_run_corpus(opened, sources, corpus=corpus, fetch=fetch)
    except (RunError, TextError):
        if refused:
            raise
        return None


def _held_out(corpus: Corpus | None) -> Mapping[str, Sequence[Text]]:
    """The held-out parts of a corpus, those that have something to predict."""
    parts = {"validation": corpus.validation, "test": corpus.test} if corpus else {}
    return {name: part for name, part in parts.items() if predictable(part)}
