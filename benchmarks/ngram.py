"""A fair classical yardstick: a character n-gram model with modified Kneser-Ney smoothing.

Chen & Goodman 1999, section 4.1.1 and equations 24 to 27, interpolated, every order down to the
uniform distribution over the vocabulary. It is trained and evaluated on the same parts of the same
texts as Recurra's networks:

    python benchmarks/ngram.py TEXT... [--order 6] [--split 90/5/5]
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recurra.text.corpus import load_corpus

Numbers = NDArray[np.int64]
Losses = NDArray[np.float64]


def n_gram_losses(
    training: Sequence[Numbers], held_out: Sequence[Numbers], vocabulary: int, order: int
) -> Losses:
    """``-ln p`` of every held-out character but the first of each text.

    A text's first characters have shorter contexts; nothing is padded.
    """
    texts = [np.asarray(text, np.int64) for text in (*training, *held_out)]
    numbers = np.concatenate(texts)
    trained = np.zeros(len(numbers), bool)
    trained[: sum(map(len, training))] = True
    # place within its text: an n-gram ends here only where n - 1 characters stand before
    place = np.concatenate([np.arange(len(text)) for text in texts])
    grams = _numbered(numbers, place, vocabulary, order)
    p = np.full(len(numbers), 1.0 / vocabulary)
    for n in range(1, order + 1):
        whole = trained & (place >= n - 1)
        if n == order:
            counted = whole
        else:  # how many different characters a gram has stood behind, not how often it was seen
            longer = np.flatnonzero(trained & (place >= n))
            first = longer[np.unique(grams[n + 1][longer], return_index=True)[1]]
            counted = np.zeros(len(numbers), bool)
            counted[first] = True
        p = _interpolated(p, grams[n], _contexts(grams[n - 1]), counted, place >= n - 1)
    return -np.log(p[~trained & (place >= 1)])


def _numbered(numbers: Numbers, place: Numbers, vocabulary: int, order: int) -> list[Numbers]:
    """For every n up to the order: which n-gram ends at each character, as a number."""
    grams = [np.zeros(len(numbers), np.int64)]
    for n in range(1, order + 1):
        keys = _contexts(grams[-1]) * vocabulary + numbers
        keys[place < n - 1] = -1
        grams.append(np.unique(keys, return_inverse=True)[1])
    return grams


def _contexts(grams: Numbers) -> Numbers:
    """The gram that ends one character earlier."""
    return np.concatenate([grams[:1], grams[:-1]])


def _interpolated(
    lower: Losses, grams: Numbers, contexts: Numbers, counted: NDArray[np.bool_], whole: NDArray
) -> Losses:
    """p of one order: discounted counts, and what the discounts free for the order below."""
    count = np.bincount(grams[counted], minlength=grams.max() + 1)
    # one position for every gram that was counted, to sum over the grams of a context
    kinds, first = np.unique(grams[counted], return_index=True)
    context = contexts[counted][first]
    size = contexts.max() + 1
    total = np.bincount(context, count[kinds], size)
    discounts = _discounts(count[kinds])
    freed = np.bincount(context, discounts[np.minimum(count[kinds], 3)], size)
    seen = whole & (total[contexts] > 0)
    at, c = contexts[seen], count[grams[seen]]
    p = lower.copy()
    p[seen] = (c - discounts[np.minimum(c, 3)] + freed[at] * lower[seen]) / total[at]
    return p


def _discounts(counts: Numbers) -> Losses:
    """What is taken from a count of 0, 1, 2 and more, from the counts of counts."""
    n1, n2, n3, n4 = (max(1, int((counts == c).sum())) for c in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2)
    taken = [0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    return np.clip(taken, 0.0, [0.0, 1.0, 2.0, 3.0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--order", type=int, nargs="+", default=[3, 4, 5, 6])
    parser.add_argument("--split", default="90/5/5")
    options = parser.parse_args()
    corpus = load_corpus(options.texts, split=options.split)
    for order in options.order:
        losses = n_gram_losses(corpus.train, corpus.validation, len(corpus.vocabulary), order)
        print(f"order {order}: {losses.mean():.4f} nats per character over {len(losses):,}")


if __name__ == "__main__":
    main()
