"""Mixtures of runs and counts; see `recurra.models.mixture`."""

from collections.abc import Callable, Sequence

from recurra.compute.registry import DEFAULT_ENGINE
from recurra.errors import RunError
from recurra.models.adaptation.base import Adaptation
from recurra.models.adaptation.reader import AdaptiveReader
from recurra.models.evaluation import Text
from recurra.models.mixture import Member, Mixture
from recurra.text.corpus import Corpus, predictable
from recurra.text.download import Progress
from recurra.text.sources import Source
from recurra.training.finished_run import FinishedRun

# The name of a mixture's member that counts contexts, beside folders of runs.
COUNTS = "counts"


def make_mixture(
    opened: FinishedRun,
    mix: Sequence[Source],
    own: Corpus | None,
    adapt: Adaptation | None = None,
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Mixture:
    """A run, further ones, and counts of its training text; each learns from what it reads.

    Args:
        opened: the first member; its best model's vocabulary is the mixture's.
        mix: folders of runs, or "counts".
        own: the texts of the run, for the counts.
        adapt: how networks learn; None: they do not.
        engine, threads: what computes.
        progress: called again and again with a line that tells how much has been counted.

    Raises:
        RunError: a run cannot be read, or knows other characters.
        SettingError: a run keeps no mean squares of gradients, and the rule needs them.
    """
    vocabulary, members = opened.best.vocabulary, []
    runs = [opened, *(FinishedRun.open(source) for source in mix if source != COUNTS)]
    for run in runs:
        model = run.best
        if sorted(model.vocabulary.characters) != sorted(vocabulary.characters):
            raise RunError(
                f"{run.run.folder} knows other characters than {opened.run.folder}: mix runs that "
                "were trained on the same text"
            )
        computes = model.engine(engine, threads)
        reader = AdaptiveReader(computes, adapt, run.gradient_squares) if adapt else None
        members.append(Member(computes, model.vocabulary.encode(vocabulary.characters), reader))
    training = own.train if own and COUNTS in mix else None
    report = tell_reading(progress, "the training text", training or ())
    pieces = {"piece": adapt.step} if adapt else {}
    return Mixture(vocabulary, members, training, **pieces, progress=report)


def tell_reading(
    progress: Progress | None, what: str, texts: Sequence[Text]
) -> Callable[[int], object] | None:
    """Make a callback that tells of the characters that are done; None if nobody listens."""
    if progress is None:
        return None
    whole = sum(len(text) - 1 for text in predictable(texts))
    return lambda done: progress(f"reading {what}: {done:,} of {whole:,} characters")
