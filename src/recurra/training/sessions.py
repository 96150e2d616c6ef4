"""From names to a trainer, and from a run folder back to its trainer and its texts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from recurra.compute.registry import DEFAULT_ENGINE, available_threads, require_engine
from recurra.errors import RunError
from recurra.lang.network import Network
from recurra.storage.runs import KEPT_TEXT, Run
from recurra.text.corpus import DEFAULT_SPLIT, Corpus, Split, TextSpec, load_corpus
from recurra.text.sources import Source, is_stream
from recurra.text.vocabulary import Vocabulary
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import MODERN, Recipe
from recurra.training.resolve import resolve
from recurra.training.run_config import RunConfig
from recurra.training.trainer import Trainer
from recurra.training.warm_start import WarmStart


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
    warm: WarmStart | None = None,
) -> Trainer:
    """A trainer with a new run folder, which appears only when nothing can be refused any more.

    Args:
        sources: files, folders, URLs or "shakespeare"; see `recurra.load_corpus`.
        network: the equations.
        recipe: how to train.
        out: the run folder; None: ``runs/NETWORK-TEXT-001``, or the next free number.
        encoding: of all texts; None: found out for each.
        split: training, validation and test parts of each text.
        corpus: what `load_corpus` made of just these sources, if it is there already.
        engine: "compiled", "reference", "torch" with or without a device ("torch:cuda"), or one of
            your own.
        threads: how many share a batch; None: as many as there are cores.
        warm: a run to begin from, whose network this is; see `start_from`.

    Raises:
        TextError, SettingError, RunError: a text, a setting or the folder is refused.
    """
    threads = threads or available_threads()
    if isinstance(sources, Source):
        sources = [sources]
    require_engine(engine, threads)
    corpus = corpus or load_corpus(sources, encoding, split)
    if warm is not None:
        warm.check(recipe)
        recipe = recipe.with_(hidden=warm.source.config.recipe.hidden)
        corpus = corpus.numbered(warm.vocabulary(corpus.vocabulary))
    recipe = resolve(network, corpus, recipe).recipe
    kept = corpus.text if len(sources) == 1 and is_stream(sources[0]) else None
    if kept is not None:
        sources, encoding = [KEPT_TEXT], "utf-8"
    text = TextSpec.of(sources, encoding, split, corpus)
    if kept is not None:
        text = replace(text, sources=(KEPT_TEXT,))
    origin = warm.origin if warm else None
    config = RunConfig(network.name, text, recipe, engine, threads, origin)
    pieces = (config.to_json(), network.source, corpus.vocabulary.characters, kept)
    if out is not None:
        run = Run.create(out, *pieces)
    else:
        name = f"{network.name}-{Path(sources[0]).stem}"
        run = Run.create_numbered("runs", name, *pieces)
    trainer = Trainer(network, corpus, recipe, run=run, engine=engine, threads=threads)
    if warm is not None:
        trainer.begin_with(warm)
    return trainer


def start_from(
    run: Run,
    sources: Sequence[Source],
    recipe: Recipe | None = None,
    *,
    keep_optimizer: bool = False,
    out: Source | None = None,
    encoding: str | None = None,
    split: Split = DEFAULT_SPLIT,
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
) -> Trainer:
    """A trainer with a new run folder that begins with the weights of another run.

    Equations and sizes are those of that run. Characters are matched by name; those that it never
    saw begin as in any training. The origin is kept in the new run's configuration.

    Args:
        run: where the weights come from: its best checkpoint.
        sources: what to train on.
        recipe: how to train; None: as that run was, with a warm-up of at most ten steps.
        keep_optimizer: go on with the state of its optimiser too, from its last checkpoint.
        out, encoding, split, engine, threads: see :func:`start`.

    Raises:
        TextError, SettingError, RunError: the run, a text, a setting or the folder is refused.
    """
    warm = WarmStart.of(FinishedRun(run), keep_optimizer)
    return start(
        sources,
        warm.source.network,
        recipe or warm.recipe,
        out=out,
        encoding=encoding,
        split=split,
        engine=engine,
        threads=threads,
        warm=warm,
    )


def resume(
    run: Run,
    sources: Sequence[Source] | None = None,
    *,
    budget: Mapping[str, int | float] | None = None,
    corpus: Corpus | None = None,
    fetch: bool = False,
    engine: str | None = None,
) -> Trainer:
    """A trainer that goes on where a run stopped, or was killed.

    Args:
        run: a run folder, opened.
        budget: another one, such as ``{"steps": 8000}``, counted from the beginning of the run; it
            is kept in the folder, and the learning rate follows its schedule from here on.
        sources, corpus, fetch: see `load_run_corpus`.
        engine: another one than it began with, for this time; its numbers may then differ in
            their last digits.

    Raises:
        RunError: the folder is damaged, or the texts are not those that the run began with.
        SettingError: the budget is used up already, or not what ends the run.
        TextError: a text is missing.
    """
    opened = FinishedRun(run)
    config = opened.config
    if config.origin and not run.has("last"):
        raise RunError(
            f"{run.folder} was interrupted before it had the weights of {config.origin.run}: begin "
            "anew, with --init-from"
        )
    require_engine(engine or config.engine, config.threads)
    corpus = load_run_corpus(opened, sources, corpus=corpus, fetch=fetch)
    trainer = Trainer(
        opened.network,
        corpus,
        opened.recipe,
        run=run,
        engine=engine or config.engine,
        threads=config.threads,
    )
    if budget:
        trainer.extend(budget)
    return trainer


def load_run_corpus(
    opened: FinishedRun,
    sources: Sequence[Source] | None = None,
    *,
    corpus: Corpus | None = None,
    fetch: bool = False,
) -> Corpus:
    """The texts that a run was trained on, split and numbered as they were.

    Args:
        opened: a run.
        sources: where the texts are now, if they were moved.
        corpus: the texts, if they have been read.
        fetch: download texts that the run's configuration has at an address.

    Raises:
        RunError: they are not what they were.
        TextError: a text is missing.
    """
    text, folder = opened.config.text, opened.run.folder
    if corpus is None:
        corpus = text.load(folder, sources, fetch=fetch)
    text.check(corpus, folder)
    return corpus.numbered(Vocabulary(opened.run.vocabulary))  # a run may have an order of its own
