"""Presets: what to train and how, for people who only want to say how long they will wait.

Which network and which settings depends on the vocabulary: where it is large, as in Chinese, the
output layer does most of the work. The larger a network, the more it needs dropout, and time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.errors import unknown
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.text.corpus import Corpus
from recurra.training.recipe import MODERN, Recipe

PRESETS = ("fast", "good", "best")
# From here on: the network `large`, whose softmax has a shortlist.
LARGE_VOCABULARY = 1000


@dataclass(frozen=True)
class Preset:
    """A network and a recipe for a corpus."""

    network: Network
    recipe: Recipe


# network -> preset -> fields of the recipe that are not MODERN's. On a short text the epochs come
# first: read more often, it is learned by heart.
_SETTINGS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "glstm": {
        "fast": {"minutes": 2.0, "epochs": 8, "hidden": 288, "lr": 2 / 288, "dropout": 0.1},
        "good": {"minutes": 10.0, "epochs": 15, "hidden": 416, "lr": 2 / 416, "dropout": 0.25},
        "best": {"minutes": 30.0, "epochs": 25, "hidden": 512, "lr": 2 / 512, "dropout": 0.45},
    },
    "large": {
        "fast": {"minutes": 2.0, "epochs": 4, "hidden": 256},
        "good": {"minutes": 10.0, "epochs": 8, "hidden": 320, "dropout": 0.3},
        "best": {"minutes": 30.0, "epochs": 12, "hidden": 512, "dropout": 0.45},
    },
}
# Rare characters get few gradients: strong decay would undo in between what they have learned.
_WEIGHT_DECAY = {"glstm": 0.1, "large": 0.03}


def preset(
    name: str,
    corpus: Corpus,
    network: str | Path | None = None,
    choices: Mapping[str, str | float] | None = None,
) -> Preset:
    """Network and recipe of a preset for a corpus.

    Args:
        name: "fast", "good" or "best": about 2, 10 and 30 minutes, or less on a short text.
        corpus: its vocabulary decides; where it is short, fewer streams are read, and held-out text
            is looked at every epoch.
        network: another one, as for `recurra.load_network`; it gets the preset's size, and
            the learning rate that its sizes ask for.
        choices: as for `recurra.load_network`.

    Raises:
        SettingError: no such preset, network or choice.
        EquationError: another network is refused.
    """
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    own = "large" if len(corpus.vocabulary) >= LARGE_VOCABULARY else "glstm"
    recipe = MODERN.with_(weight_decay=_WEIGHT_DECAY[own], **_SETTINGS[own][name])
    if network not in (None, own):
        recipe = recipe.with_(lr=None)
    # a stream should be read in some steps, not in one; and the best model of a short text comes
    # and goes within a few hundred steps
    characters = sum(map(len, corpus.train))
    batch = max(1, min(recipe.batch, characters // (10 * recipe.seq_len)))
    epoch = max(10, characters // (batch * recipe.seq_len))
    recipe = recipe.with_(batch=batch, evaluate_every=min(recipe.evaluate_every, epoch))
    return Preset(load_network(network or own, choices), recipe)
