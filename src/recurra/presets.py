"""Presets: what to train and how, for people who only want to say how long they will wait.

Which network and which settings depends on the vocabulary: where it is large, as in Chinese, the
output layer does most of the work. The larger a network, the more it needs dropout, and time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recurra.corpora import Corpus
from recurra.errors import SettingError
from recurra.network import Network
from recurra.networks import load_network
from recurra.recipes import MODERN, Recipe

PRESETS = ("fast", "good", "best")
# From here on, characters have classes and share their embedding with the output layer.
LARGE_VOCABULARY = 1000


@dataclass(frozen=True)
class Preset:
    """A network and a recipe for a corpus."""

    network: Network
    recipe: Recipe


# preset -> (network, choices of its equations, fields of the recipe that are not MODERN's)
_Table = Mapping[str, tuple[str, Mapping[str, str], Mapping[str, Any]]]
_SMALL: _Table = {
    "fast": (
        "wrnn",
        {"f1": "gelu"},
        {"minutes": 2.0, "hidden": 320, "lr": 6e-3, "dropout": 0.1, "weight_decay": 0.1},
    ),
    "good": ("gru2", {}, {"minutes": 10.0, "hidden": 384, "lr": 2e-3, "dropout": 0.2}),
    "best": ("gru2", {}, {"minutes": 30.0, "hidden": 512, "lr": 2e-3, "dropout": 0.3}),
}
_LARGE: _Table = {
    "fast": ("large", {}, {"minutes": 2.0, "hidden": {"": 256, "e": 128}, "lr": 2e-3}),
    "good": ("large", {}, {"minutes": 10.0, "hidden": {"": 384, "e": 192}, "lr": 2e-3}),
    "best": ("large", {}, {"minutes": 30.0, "hidden": {"": 512, "e": 256}, "lr": 2e-3}),
}


def preset(name: str, corpus: Corpus) -> Preset:
    """What a preset means for a corpus.

    Args:
        name: "fast", "good" or "best": about 2, 10 and 30 minutes.
        corpus: its vocabulary decides, and where it is short, fewer streams are read.

    Raises:
        SettingError: no such preset.
    """
    if name not in PRESETS:
        raise SettingError(f"no preset {name}: choose one of {', '.join(PRESETS)}")
    table = _LARGE if len(corpus.vocabulary) >= LARGE_VOCABULARY else _SMALL
    network, choices, settings = table[name]
    recipe = MODERN.with_(**settings)
    # a stream should be read in some steps, not in one
    streams = sum(map(len, corpus.train)) // (10 * recipe.seq_len)
    return Preset(
        load_network(network, choices), recipe.with_(batch=max(1, min(recipe.batch, streams)))
    )
