"""Winner of a search: what a training takes over from it."""

from dataclasses import dataclass
from pathlib import Path

from recurra.lang.network import Network
from recurra.text.corpus import TextSpec
from recurra.training.recipe import Recipe


@dataclass(frozen=True)
class Winner:
    """The best trial of a study, as a training of its own is to have it."""

    network: Network
    recipe: Recipe
    text: TextSpec
    folder: Path
