"""Remarks on texts: what of them would surprise a user who trusts the held-out loss."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from recurra.text.corpus import ENOUGH, Corpus, predictable

Counts = NDArray[np.int64]

# A character is strange if it is so many times as frequent in a held-out part as in training, and a
# part if so much of it is. Of novels in Chinese at most 0.27 is, from 10,000 characters on.
_TIMES = 10
_STRANGE = 0.3
_LEAST = 250  # characters of a part below which chance decides that


def remarks(corpus: Corpus) -> Iterator[str]:
    """Sentences on how texts are split, and on held-out parts that say little of a network."""
    if corpus.joined:
        yield (
            f"{corpus.joined:,} short texts are split as one, in their order: the last of them are "
            "held out (--split-by position splits each by itself)"
        )
    held_out = {"validation": corpus.validation, "test": corpus.test}
    for (name, part), share in zip(held_out.items(), corpus.shares[1:], strict=True):
        characters = sum(len(text) - 1 for text in predictable(part))
        if share and characters < ENOUGH:
            yield (
                f"the {name} part has {characters:,} characters to predict, too few to evaluate "
                f"on: give {round(ENOUGH / share):,} characters or more in all, or a larger share "
                "with --split"
            )
    if not predictable(corpus.validation):
        yield "no text is held out while training: no best model is kept, and --patience never acts"
    for name, counts in zip(held_out, corpus.counts[1:], strict=True):
        strange = _strange_share(corpus.counts[0], counts)
        if strange > _STRANGE:
            yield (
                f"{strange:.0%} of the {name} part are characters that training hardly has: its "
                "loss says little about text like the training text; look at the ends of the texts"
            )
    if framed := sum(one.framed for one in corpus.documents):
        yield (
            f"{framed:,} of the texts have the licence of Project Gutenberg around them, which is "
            "learnt and predicted like the rest: leave it out with --no-frames"
        )
    if empty := [one.name for one in corpus.documents if not one.characters]:
        yield f"empty, and left out: {', '.join(empty[:3])}{', ...' * (len(empty) > 3)}"


def _strange_share(before: Counts, now: Counts) -> float:
    """Share of a part in characters that are far less frequent in training."""
    if now.sum() < _LEAST:
        return 0.0
    strange = now * (before.sum() / now.sum()) > _TIMES * before
    return float(now[strange].sum() / now.sum())
