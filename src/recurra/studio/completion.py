"""A completion as OpenAI's API defines it: what was asked for, and the characters of the answer.

A token is a character, and its number that of the vocabulary. Log probabilities are the model's
own, before temperature.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from recurra.compute.sampling import Sampling
from recurra.errors import RecurraError
from recurra.models.adaptation.reader import AdaptiveReader
from recurra.models.model import Model
from recurra.models.writer import AT_ONCE, Array, Writer, pieces, until
from recurra.storage.typed_json import read_typed
from recurra.studio.errors import BadRequestError
from recurra.studio.forms import MOST_SEED, check_range, read_object
from recurra.text.vocabulary import Vocabulary

CHARACTERS = 16  # written where a request does not say how many, as by OpenAI
MOST_CHARACTERS = 1_000_000  # read, written and told in one request, with their alternatives
MOST_LEARNED = 100_000  # characters that teach the model of one request
MOST_CHOICES = 128
MOST_ALTERNATIVES = 20
STOPS = 4
LONGEST_STOP = 4096  # characters
PIECE = 70 * AT_ONCE  # characters of a prompt that are read before others have their turn
Prompts = list[str] | list[list[int]]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class CompletionRequest:
    """A request, as OpenAI defines it. None is a field's default.

    Ours are ``top_k``, and ``adapt``: learn from the prompt while reading it.
    """

    model: str
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    adapt: bool | None = None
    n: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: dict[str, bool] | None = None
    logprobs: int | None = None
    echo: bool | None = None
    user: str | None = None
    # only as they are without effect
    best_of: int | None = None
    suffix: str | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None

    def check(self) -> None:
        """Refuse what makes no sense, or what nothing here can do.

        Raises:
            RequestError: with the name of the field.
        """
        check_range("max_tokens", self.max_tokens, 0, MOST_CHARACTERS)
        check_range("n", self.n, 1, MOST_CHOICES)
        check_range("logprobs", self.logprobs, 0, MOST_ALTERNATIVES)
        check_range("seed", self.seed, 0, MOST_SEED)
        stops = self.stops
        if len(stops) > STOPS or any(not 0 < len(stop) <= LONGEST_STOP for stop in stops):
            raise BadRequestError("stop", f"stop has to be up to {STOPS} texts that are not empty")
        if self.best_of not in (None, self.n or 1):
            raise BadRequestError("best_of", "best_of cannot be other than n here: leave it out")
        for name in ("suffix", "presence_penalty", "frequency_penalty", "logit_bias"):
            if getattr(self, name):
                raise BadRequestError(name, f"{name} has no effect here: leave it out")
        try:
            self.sampling  # noqa: B018 (checked now)
        except RecurraError as error:
            raise BadRequestError(str(error).split()[0], str(error)) from None

    @property
    def stops(self) -> list[str]:
        """Texts before which writing ends."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    @property
    def characters(self) -> int:
        """How many to write."""
        return CHARACTERS if self.max_tokens is None else self.max_tokens

    @property
    def sampling(self) -> Sampling:
        """How characters are drawn."""
        temperature = 1.0 if self.temperature is None else self.temperature
        return Sampling(temperature, self.top_k, self.top_p)


@dataclass(frozen=True)
class Token:
    """A character of an answer, with its log probability where that was asked for."""

    text: str
    log_p: float | None = None
    likeliest: dict[str, float] | None = None


@dataclass
class Choice:
    """A part of an answer: the next characters of one text, and its end where it has come.

    Attributes:
        index: of the text.
        offset: characters of the text before.
        tokens: the characters.
        finish: "stop", "length", or None where more is to come.
    """

    index: int
    offset: int = 0
    tokens: list[Token] = field(default_factory=list)
    finish: str | None = None

    def to_json(self, logprobs: bool) -> dict[str, Any]:
        """As in an answer."""
        told = None
        if logprobs:
            told = {
                "tokens": [token.text for token in self.tokens],
                "token_logprobs": [token.log_p for token in self.tokens],
                "top_logprobs": [token.likeliest for token in self.tokens],
                "text_offset": [self.offset + i for i in range(len(self.tokens))],
            }
        text = "".join(token.text for token in self.tokens)
        return {"index": self.index, "text": text, "logprobs": told, "finish_reason": self.finish}


class Completion:
    """The characters that answer one request.

    Args:
        request: what was asked for.
        prompts: texts, or numbers of characters.
        model: writes.
        reader: of the model, where it learns from the prompts.

    Attributes:
        skipped: characters of the prompts that the model does not know.
        read: characters of the prompts; written: of the answer.

    Raises:
        BadRequestError: a prompt has characters that the model does not know where each is to have
            a log probability, or there is too much to tell.
    """

    def __init__(
        self,
        request: CompletionRequest,
        prompts: Prompts,
        model: Model,
        reader: AdaptiveReader | None = None,
    ) -> None:
        self.request, self.model, self.written = request, model, 0
        self._reader = reader
        self._prompts = [self._numbers(prompt) for prompt in prompts]
        self.read = sum(map(len, self._prompts))
        texts = [prompt for prompt in prompts if isinstance(prompt, str)]
        self.skipped = model.vocabulary.unknown("".join(texts))
        if self.skipped and request.echo and request.logprobs is not None:
            named = ", ".join(map(repr, self.skipped[:5]))
            raise BadRequestError(
                "prompt", f"the model does not know {named} of the prompt: leave them out"
            )
        copies = request.n or 1
        told = len(self._prompts) * copies * request.characters + self.read * copies
        if len(self._prompts) * copies > MOST_CHOICES:
            raise BadRequestError("n", f"these are more than {MOST_CHOICES} texts: ask for fewer")
        if reader is not None and self.read * copies > MOST_LEARNED:
            raise BadRequestError(
                "adapt", f"a model learns from {MOST_LEARNED:,} characters at most: give fewer"
            )
        if told * (1 + (request.logprobs or 0)) > MOST_CHARACTERS:
            raise BadRequestError(
                "max_tokens",
                f"this is more than {MOST_CHARACTERS:,} characters, with their alternatives: ask "
                "for less at once",
            )

    def parts(self) -> Iterator[Choice]:
        """The answer, character by character; parts without any give others their turn.

        Raises:
            RunError: the model predicts no finite numbers.
        """
        request = self.request
        reader = self._reader
        engine = reader.engine if reader else self.model.engine(threads=1)
        for place, numbers in enumerate(self._prompts):
            for copy in range(request.n or 1):
                seed = None if request.seed is None else request.seed + copy
                if reader is not None:
                    reader.restart()
                writer = Writer(self.model, request.sampling, seed, engine, reader)
                yield from self._text(place * (request.n or 1) + copy, writer, numbers)

    def usage(self) -> dict[str, int]:
        """How many characters there were."""
        return {
            "prompt_tokens": self.read,
            "completion_tokens": self.written,
            "total_tokens": self.read + self.written,
        }

    def _numbers(self, prompt: str | list[int]) -> Array:
        vocabulary = self.model.vocabulary
        if isinstance(prompt, str):
            return vocabulary.encode(vocabulary.known(prompt))
        check_numbers("prompt", prompt, vocabulary)
        return np.array(prompt, np.int32)

    def _text(self, index: int, writer: Writer, numbers: Array) -> Iterator[Choice]:
        request, offset = self.request, 0
        told = request.echo and request.logprobs is not None
        for place in pieces(len(numbers), AT_ONCE if told else PIECE):
            piece = numbers[place]
            text = self.model.vocabulary.decode(piece)
            tokens = [Token(text)]
            if told:
                log_p = [None, *writer.follow(piece)][-len(piece) :]
                tokens = list(map(self._token, piece.tolist(), log_p))
            else:
                writer.read(text)
            yield Choice(index, offset, tokens if request.echo else [])
            offset += len(text) if request.echo else 0
        drawn = (
            map(Token, writer.write(request.characters))
            if request.logprobs is None
            else (self._token(number, log_p) for number, log_p in writer.draw(request.characters))
        )
        count = 0
        for token in until(request.stops, drawn, lambda token: token.text):
            count += 1
            yield Choice(index, offset + count - 1, [token])
        self.written += count
        yield Choice(index, offset + count, [], "length" if count == request.characters else "stop")

    def _token(self, number: int, log_p: Array | None) -> Token:
        known = self.model.vocabulary.characters
        text = known[number]
        if log_p is None:
            return Token(text)
        likeliest = np.argsort(-log_p, kind="stable")[: self.request.logprobs]
        told = {known[i]: float(log_p[i]) for i in likeliest}
        told.setdefault(text, float(log_p[number]))
        return Token(text, float(log_p[number]), told)


def read_request(body: bytes) -> tuple[CompletionRequest, Prompts]:
    """The request in a body of JSON, and its prompts.

    Raises:
        RecurraError: it is none.
    """
    wanted = read_object(body)
    prompt: Any = wanted.pop("prompt", "")
    if isinstance(prompt, str) or (_is_list_of(prompt, int) and prompt):
        prompt = [prompt]
    lists = isinstance(prompt, list) and all(_is_list_of(numbers, int) for numbers in prompt)
    if not prompt or not (lists or _is_list_of(prompt, str)):
        raise BadRequestError(
            "prompt", "prompt has to be a text or a list of texts, or of numbers of characters"
        )
    request = read_typed(CompletionRequest, wanted, "the request", "see the documents")
    request.check()
    return request, prompt


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


def read_field(body: bytes, name: str, kind: type[T]) -> T:
    """A field of a body of JSON.

    Raises:
        BadRequestError: it is not there, or of another type.
    """
    value = read_object(body).get(name)
    if not isinstance(value, kind):
        raise BadRequestError(name, f"{name} has to be a {kind.__name__}")
    return value


def check_numbers(name: str, numbers: list[Any], vocabulary: Vocabulary) -> None:
    """Refuse what are no numbers of characters.

    Raises:
        BadRequestError: with the name of the field.
    """
    last = len(vocabulary) - 1
    if not all(type(number) is int and 0 <= number <= last for number in numbers):
        raise BadRequestError(name, f"a number of a character has to be from 0 to {last:,}")
