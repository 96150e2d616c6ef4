"""Remarks on texts: what of them would surprise a user who trusts the held-out loss."""

from collections.abc import Iterator

import numpy as np

from recurra.text.corpus import ENOUGH, Corpus, Parts, predictable
from recurra.text.frames import has_frame

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
    for name, part in held_out.items():
        strange = _strange_share(corpus.train, part)
        if strange > _STRANGE:
            yield (
                f"{strange:.0%} of the {name} part are characters that training hardly has: its "
                "loss says little about text like the training text; look at the ends of the texts"
            )
    if framed := sum(has_frame(one.text) for one in corpus.documents):
        yield (
            f"{framed:,} of the texts have the licence of Project Gutenberg around them, which is "
            "learnt and predicted like the rest: leave it out with --no-frames"
        )
    if empty := [one.name for one in corpus.documents if not one.text]:
        yield f"empty, and left out: {', '.join(empty[:3])}{', ...' * (len(empty) > 3)}"


def _strange_share(train: Parts, part: Parts) -> float:
    """Share of a part in characters that are far less frequent in training."""
    known, met = np.concatenate(train), np.concatenate(part)
    if len(met) < _LEAST:
        return 0.0
    size = int(max(known.max(initial=0), met.max())) + 1
    before, now = np.bincount(known, minlength=size), np.bincount(met, minlength=size)
    strange = now * (len(known) / len(met)) > _TIMES * before
    return float(now[strange].sum() / len(met))
