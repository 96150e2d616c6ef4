"""Texts that networks write, from the same beginnings, and how surprised each was on the way."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recurra.compute.sampling import Sampling
from recurra.errors import TextError
from recurra.models.model import Model
from recurra.models.writer import Writer
from recurra.text.corpus import Corpus, predictable

CHARACTERS = 500


@dataclass(frozen=True)
class Sample:
    """Text that one network wrote.

    Attributes:
        network: its name.
        prompt: what it read first.
        text: what it wrote.
        surprise: of every character of the text, in bits: -log2 of the probability that the
            model itself gave to it, whatever the temperature it was drawn at.
    """

    network: str
    prompt: str
    text: str
    surprise: tuple[float, ...]

    @property
    def mean_surprise(self) -> float:
        """Bits per character."""
        return sum(self.surprise) / max(1, len(self.surprise))


def write_samples(
    models: Mapping[str, Model],
    prompts: Iterable[str],
    characters: int = CHARACTERS,
    sampling: Sampling | None = None,
    seed: int = 0,
) -> list[Sample]:
    """Every model goes on with every prompt; all models from the same seed, each prompt its own.

    Raises:
        TextError: a model knows no character of a prompt.
    """
    samples = []
    for number, prompt in enumerate(prompts):
        for name, model in models.items():
            known = model.vocabulary.known(prompt)
            if not known:
                raise TextError(f"{name} knows no character of the prompt {prompt!r}: give another")
            writer = Writer(model, sampling, seed + number)
            writer.read(known)
            text = "".join(writer.write(characters))
            samples.append(Sample(name, known, text, surprise(model, known, text)))
    return samples


def surprise(model: Model, prompt: str, text: str) -> tuple[float, ...]:
    """Bits of every character of a text that follows a prompt of one or more characters."""
    numbers = model.vocabulary.encode(prompt + text)[:, None]
    if not text:
        return ()
    engine = model.engine(threads=1)
    losses, _ = engine.losses(numbers[:-1], numbers[1:], engine.zero_state(1))
    bits = losses[-len(text) :, 0].astype(np.float64) / math.log(2.0)
    return tuple(bits.tolist())


def choose_prompts(corpus: Corpus) -> list[str]:
    """Two beginnings of sentences from text that the networks did not train on.

    From the validation part, whose job is to be looked at: its first lines, and some from its
    middle. Where there is none, the training text begins.
    """
    parts = predictable(corpus.validation) or list(corpus.train)
    places = [(parts[0], 0)] if len(parts) == 1 else [(parts[0], 0), (parts[len(parts) // 2], 0)]
    if len(parts) == 1:
        places.append((parts[0], len(parts[0]) // 2))
    found = [
        _beginning(corpus.vocabulary.decode(text[start : start + 400])) for text, start in places
    ]
    return list(dict.fromkeys(prompt for prompt in found if prompt))


def _beginning(text: str) -> str:
    """A line's first words: some 60 letters, or 30 characters of a script without blanks."""
    lines: Sequence[str] = [line.strip() for line in text.splitlines()[1:]] or [text.strip()]
    line = next((line for line in lines if len(line) > 20), max(lines, key=len, default=""))
    if len(line) <= 60:
        return line if " " in line else line[:30]
    words = line[:60].rpartition(" ")[0]
    return words or line[:30]
