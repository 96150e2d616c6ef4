"""From names to a trainer, and from a run folder back to its trainer, its model and its texts.

What a run was asked for stands in its ``config.json``: the network's name, the texts and how they
were read, the recipe, the engine and the threads.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import index
from pathlib import Path
from typing import Any, TypeVar

from recurra.compute.engines import DEFAULT_ENGINE, available_threads, check_engine
from recurra.errors import RecurraError, RunError, TextError
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shapes import ShapeSolver
from recurra.models.evaluation import Loss, evaluate
from recurra.models.model import Model
from recurra.storage.runs import Name, Run
from recurra.text.corpus import DEFAULT_SPLIT, Corpus, Split, lasting, load_corpus, read_documents
from recurra.text.vocabulary import Vocabulary
from recurra.training.recipe import MODERN, Recipe
from recurra.training.records import Finished, Record
from recurra.training.resolve import resolve
from recurra.training.stopping import DIVERGED
from recurra.training.trainer import Trainer

Source = str | Path
Value = TypeVar("Value")


@dataclass(frozen=True)
class Score:
    """How well a run predicts one text.

    Attributes:
        text: "validation" or "test", parts of the run's own text, or "given".
        windows: the state starts from zeros every so many characters; None: it is carried.
        loss: over the whole of that text.
        skipped: characters of a given text that the model does not know; they were left out.
    """

    text: str
    windows: int | None
    loss: Loss
    skipped: int = 0


def start(
    sources: Sequence[Source],
    network: Network,
    recipe: Recipe = MODERN,
    *,
    out: Source | None = None,
    encoding: str | None = None,
    split: Split = DEFAULT_SPLIT,
    corpus: Corpus | None = None,
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
) -> Trainer:
    """A trainer with a new run folder, which appears only when nothing can be refused any more.

    Args:
        sources: files, folders, URLs or "shakespeare"; see :func:`recurra.load_corpus`.
        network: the equations.
        recipe: how to train.
        out: the run folder; None: ``runs/NETWORK-TEXT-001``, or the next free number.
        encoding: of all texts; None: found out for each.
        split: training, validation and test parts of each text.
        corpus: what `load_corpus` made of just these sources, if it is there already.
        engine: "compiled" or "reference".
        threads: how many share a batch; None: as many as there are cores.

    Raises:
        TextError, SettingError, RunError: a text, a setting or the folder is refused.
    """
    threads = threads or available_threads()
    if isinstance(sources, str | Path):
        sources = [sources]
    corpus = corpus or load_corpus(sources, encoding, split)
    check_engine(engine, threads)
    recipe = resolve(network, corpus, recipe).recipe
    text = {
        "sources": [lasting(source) for source in sources],
        "encoding": encoding,
        "split": split if isinstance(split, str) else list(split),
        "fingerprint": corpus.fingerprint,
    }
    config = configuration(network, recipe, text, engine, threads)
    pieces = (config, network.source, corpus.vocabulary.characters)
    if out is not None:
        run = Run.create(out, *pieces)
    else:
        name = f"{network.name}-{Path(sources[0]).stem}"
        run = Run.create_numbered("runs", name, *pieces)
    return Trainer(network, corpus, recipe, run=run, engine=engine, threads=threads)


def configuration(
    network: Network, recipe: Recipe, text: Mapping[str, Any], engine: str, threads: int
) -> dict[str, Any]:
    """What a run's ``config.json`` holds, for `resume` and its like to read.

    Args:
        network: the equations.
        recipe: resolved, with its learning rate.
        text: "sources", "encoding", "split" and "fingerprint".
        engine, threads: what computes.
    """
    return {
        "network": network.name,
        "text": dict(text),
        "recipe": asdict(recipe),
        "engine": engine,
        "threads": threads,
    }


def resume(run: Run, sources: Sequence[Source] | None = None) -> Trainer:
    """A trainer that goes on where a run stopped, or was killed.

    Args:
        run: a run folder, opened.
        sources: where its texts are now, if they were moved.

    Raises:
        RunError: the folder is damaged, or the texts are not those that the run began with.
        TextError: a text is missing.
    """
    recipe = _field(run, lambda config: Recipe(**config["recipe"]))
    engine, threads = _field(run, lambda config: (config["engine"], index(config["threads"])))
    corpus = load_run_corpus(run, sources)
    return Trainer(_network(run), corpus, recipe, run=run, engine=engine, threads=threads)


def train(
    sources: Sequence[Source],
    network: Network | Source = "wrnn",
    recipe: Recipe = MODERN,
    *,
    report: Callable[[Record], object] | None = None,
    out: Source | None = None,
    encoding: str | None = None,
    split: Split = DEFAULT_SPLIT,
    corpus: Corpus | None = None,
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
) -> Finished:
    """Train a network on texts, from beginning to end.

    Args:
        sources: files, folders, URLs or "shakespeare".
        network: the equations, the name of a library network, or the path of a ``.eq`` file.
        recipe: how to train.
        report: called with every record on the way.
        out, encoding, split, corpus, engine, threads: see :func:`start`.

    Returns:
        The figures of the run; its folder is ``.run``.

    Raises:
        RecurraError: a text, a setting or the folder is refused, or the training diverged.
    """
    if not isinstance(network, Network):
        network = load_network(network)
    trainer = start(
        sources,
        network,
        recipe,
        out=out,
        encoding=encoding,
        split=split,
        corpus=corpus,
        engine=engine,
        threads=threads,
    )
    for record in trainer.records():
        if report is not None:
            report(record)
    assert isinstance(record, Finished)
    if record.stopped_by == DIVERGED:
        raise RunError(record.message)
    return record


def load_model(run: Run | Source, checkpoint: Name | None = None) -> Model:
    """The model of a run.

    Args:
        run: a run folder.
        checkpoint: "best" (lowest held-out loss) or "last"; None: the best that there is.

    Raises:
        RunError: the folder is no run, is damaged, or holds no checkpoint yet.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    network, vocabulary = _network(run), Vocabulary(run.vocabulary)
    hidden = _field(run, lambda config: Recipe(**config["recipe"])).hidden
    shapes = ShapeSolver(network).shapes(len(vocabulary), hidden)
    wanted = {f"parameter/{name}": shape for name, shape in shapes.parameters.items()}
    arrays, _ = run.load(checkpoint or ("best" if run.has("best") else "last"), wanted)
    return Model(
        network, vocabulary, shapes, {n: arrays[f"parameter/{n}"] for n in shapes.parameters}
    )


def load_run_corpus(run: Run, sources: Sequence[Source] | None = None) -> Corpus:
    """The texts that a run was trained on, parted and numbered as they were.

    Args:
        run: a run folder, opened.
        sources: where the texts are now, if they were moved.

    Raises:
        RunError: they are not what they were.
        TextError: a text is missing.
    """
    asked, encoding, split, fingerprint = _field(run, lambda config: _text(**config["text"]))
    corpus = load_corpus(sources or asked, encoding, split)
    if corpus.fingerprint != fingerprint:
        raise RunError(
            f"the texts of {run.folder} have changed since it began: put back what was there "
            f"({', '.join(asked)}), or train a new run"
        )
    if corpus.vocabulary.characters != run.vocabulary:  # the run began with one of its own
        corpus = load_corpus(sources or asked, encoding, split, Vocabulary(run.vocabulary))
    return corpus


def score(
    run: Run,
    sources: Sequence[Source] | None = None,
    *,
    encoding: str | None = None,
    windows: int | None = None,
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
) -> Iterator[Score]:
    """Evaluate a run's best model over the whole of its held-out text, or of other texts.

    Args:
        run: a run folder, opened.
        sources: texts to read instead of the validation and test parts of the run's own; or where
            its own are now, if they were moved.
        encoding: of these texts; None: found out for each.
        windows: evaluate with cold windows of so many characters too.
        engine, threads: what computes.

    Raises:
        RecurraError: the run or a text is refused, or there is nothing to evaluate.
    """
    model = load_model(run)
    computes = model.engine(engine, threads)
    skipped = 0
    parts = {}
    try:
        corpus = load_run_corpus(run, sources)
        parts = {"validation": corpus.validation, "test": corpus.test}
        parts = {name: part for name, part in parts.items() if any(len(t) > 1 for t in part)}
    except (RunError, TextError):
        if not sources:
            raise
    if sources and not parts:
        documents = read_documents(sources, encoding)
        known = [model.vocabulary.known(document.text) for document in documents]
        skipped = sum(len(document.text) for document in documents) - sum(map(len, known))
        parts = {"given": tuple(map(model.vocabulary.encode, known))}
    if not parts:
        raise RunError(f"{run.folder} held no text out: name a text to evaluate it on")
    for name, part in parts.items():
        for protocol in [None] if windows is None else [None, windows]:
            loss = evaluate(computes, part, protocol)
            yield Score(name, protocol, loss, skipped)


def _network(run: Run) -> Network:
    return parse(run.equations, _field(run, lambda config: str(config["network"])))


def _field(run: Run, read: Callable[[dict[str, Any]], Value]) -> Value:
    """Something read from a run's configuration."""
    try:
        return read(run.config)
    except (LookupError, TypeError, RecurraError) as error:
        raise RunError(
            f"{run.folder / 'config.json'} does not say what a run needs ({error}): "
            "restore a backup, or train a new run"
        ) from None


def _text(
    sources: list[str], encoding: str | None, split: Split, fingerprint: str
) -> tuple[list[str], str | None, Split, str]:
    """What a configuration says of a run's texts, if it is what `start` wrote."""
    if not all(isinstance(source, str) for source in sources):
        raise TypeError(f"sources {sources}")
    if not all(isinstance(share, str | int | float) for share in split):
        raise TypeError(f"split {split}")
    if not isinstance(encoding, str | None):
        raise TypeError(f"encoding {encoding}")
    return sources, encoding, split, fingerprint
