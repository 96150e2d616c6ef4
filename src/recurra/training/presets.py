"""Presets: what to train and how, for people who only want to say how long they will wait.

Which network and which settings depends on the vocabulary: where it is large, as in Chinese, the
output layer does most of the work. The larger a network, the more it needs dropout, and time: on
a slow machine a smaller one learns more in the same minutes.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from recurra.errors import unknown
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.text.corpus import Corpus
from recurra.training.recipe import MODERN, Recipe

PRESETS = ("fast", "good", "best")
# From here on: the network `tiedlstm`, whose softmax has a shortlist.
LARGE_VOCABULARY = 1000


@dataclass(frozen=True)
class Preset:
    """A network and a recipe for a corpus."""

    network: Network
    recipe: Recipe


@dataclass(frozen=True)
class _Size:
    """A size of a network, and what goes with it.

    Attributes:
        hidden, dropout: of the recipe.
        epochs: on a short text they come first: read more often, it is learned by heart.
        characters: that its training reads, where the time is right for it.
        rate: its learning rate times hidden.
        optimizer: of the recipe. In ten minutes on Shakespeare muon and AdamW reach the same.
    """

    hidden: int
    dropout: float
    epochs: int
    characters: float
    rate: float
    optimizer: str = "muon"


# The size of each preset is in its place; the first two are for slower machines.
_SIZES: Mapping[str, tuple[_Size, ...]] = {
    "glstm": (
        _Size(128, 0.0, 5, 0.9e6, 3.0),
        _Size(192, 0.0, 6, 2.0e6, 3.0),
        _Size(288, 0.05, 8, 4.1e6, 3.0),
        _Size(416, 0.25, 15, 11.5e6, 2.0, "adamw"),
        _Size(512, 0.45, 25, 22.3e6, 2.0, "adamw"),
    ),
    "tiedlstm": (
        _Size(128, 0.0, 3, 1.1e6, 2.0),
        _Size(192, 0.0, 4, 2.3e6, 2.0),
        _Size(256, 0.0, 4, 4.2e6, 2.0),
        _Size(384, 0.15, 8, 10.6e6, 2.0),
        _Size(512, 0.3, 12, 22.0e6, 2.0),
    ),
}
_PLACES = {"fast": 2, "good": 3, "best": 4}
_MINUTES = {"fast": 2.0, "good": 10.0, "best": 30.0}
# Rare characters get few gradients: strong decay would undo in between what they have learned.
_WEIGHT_DECAY = {"glstm": 0.1, "tiedlstm": 0.03}


def preset(
    name: str,
    corpus: Corpus,
    network: str | Path | None = None,
    choices: Mapping[str, str | float] | None = None,
    *,
    minutes: float | None = None,
    measure: Callable[[Preset], float] | None = None,
) -> Preset:
    """Network and recipe of a preset for a corpus.

    Args:
        name: "fast", "good" or "best": about 2, 10 and 30 minutes, or less on a short text.
        corpus: its vocabulary decides; where it is short, fewer streams are read, and held-out text
            is looked at every epoch.
        network: another one, as for `recurra.load_network`; it gets the preset's size, and
            the learning rate that its sizes ask for.
        choices: as for `recurra.load_network`.
        minutes: other ones.
        measure: the characters a second that a preset trains on here; 0: not known. The size is
            the one whose training takes the time that is nearest to the minutes; where nothing is
            measured, that of two cores of 2025.

    Raises:
        SettingError: no such preset, network or choice.
        EquationError: another network is refused.
    """
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    own = "tiedlstm" if len(corpus.vocabulary) >= LARGE_VOCABULARY else "glstm"
    loaded = load_network(network or own, choices)
    usual, minutes = _SIZES[own][_PLACES[name]], minutes or _MINUTES[name]

    def of_size(size: _Size) -> Preset:
        recipe = MODERN.with_(
            hidden=size.hidden,
            dropout=size.dropout,
            optimizer=size.optimizer,
            weight_decay=_WEIGHT_DECAY[own],
            lr=size.rate / size.hidden if network in (None, own) else None,
        ).with_(minutes=minutes, epochs=size.epochs)
        # a stream should be read in some steps, not in one; and the best model of a short text
        # comes and goes within a few hundred steps
        characters = sum(map(len, corpus.train))
        batch = max(1, min(recipe.batch, characters // (10 * recipe.seq_len)))
        epoch = max(10, characters // (batch * recipe.seq_len))
        recipe = recipe.with_(batch=batch, evaluate_every=min(recipe.evaluate_every, epoch))
        return Preset(loaded, recipe)

    chosen = of_size(usual)
    speed = measure(chosen) if measure else 0.0
    if not speed:
        return chosen

    def distance(size: _Size) -> float:
        seconds = size.characters * (size.hidden / usual.hidden) ** 2 / speed
        return abs(math.log(seconds / (60.0 * minutes)))

    return of_size(min(_SIZES[own], key=distance))
