"""Find the settings of dynamic evaluation on validation text, never on test text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from recurra.errors import SettingError
from recurra.models.adaptation.base import Adaptation
from recurra.models.adaptation.reader import AdaptiveReader, adaptive_loss
from recurra.models.adaptation.registry import make_rule
from recurra.models.evaluation import Text

# Characters of validation text that each setting is tried on.
CHARACTERS = 20_000


def find_settings(
    settings: Adaptation,
    texts: Sequence[Text],
    reader_with: Callable[[Adaptation], AdaptiveReader],
    characters: int = CHARACTERS,
) -> Adaptation:
    """Fill in the rate, then the decay, that predict validation text best.

    Args:
        settings: what is given in them stays.
        texts: validation text; its beginning is read.
        reader_with: makes a reader with these settings.
        characters: at most so many are read for each setting that is tried.

    Raises:
        SettingError: no rate of the rule suits this network.
    """
    rule, tried = make_rule(settings.rule), _beginning(texts, characters)
    found = replace(
        settings,
        rate=rule.rates[0] if settings.rate is None else settings.rate,
        decay=rule.decays[0] if settings.decay is None else settings.decay,
    )

    @cache
    def nats(candidate: Adaptation) -> float:
        reader = reader_with(candidate)
        try:
            return adaptive_loss(reader, tried).nats
        except SettingError:  # it diverged
            return math.inf

    if settings.rate is None:
        found = min((replace(found, rate=rate) for rate in rule.rates), key=nats)
        while nats(found) == math.inf and found.rate:  # a network that has hardly been trained
            found = replace(found, rate=found.rate / 10)
    if settings.decay is None and len(rule.decays) > 1:
        found = min((replace(found, decay=decay) for decay in rule.decays), key=nats)
    return found


def _beginning(texts: Sequence[Text], characters: int) -> list[Text]:
    """The first texts, together no longer than that, the last one cut."""
    kept = []
    for text in texts:
        if characters > 0:
            kept.append(text[: characters + 1])
            characters -= len(text)
    return kept
