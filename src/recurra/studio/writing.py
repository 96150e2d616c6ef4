"""The place Write: a text read character by character, and continued, with what was likely.

Answers are lines of JSON, as they are computed: lists of cells ``[text, nats, likeliest, before,
after]``, each of some characters. ``nats`` are the surprises at each, in thousandths; ``likeliest``
the ten likeliest in the place of each, one text for all, with their probabilities before
temperature and after, in ten-thousandths. The first character of all follows nothing, and has null
and "" in their place; characters that the model does not know have null twice. In the last cell of
a text that was read, "" stands for what may follow.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from recurra.compute.sampling import Sampling
from recurra.errors import RequestError
from recurra.models.writer import AT_ONCE, Array, Writer, pieces
from recurra.studio.forms import MOST_SEED, Form, check_range, read_form
from recurra.studio.models import Models
from recurra.studio.pool import Pool
from recurra.studio.responses import answer

LIKELIEST = 10
LONGEST = 1_000_000  # characters of a text
MOST_LEARNED = 100_000  # characters of one that is learned from
TOLD = 6000  # characters at its end whose cells are told
MOST = 20_000  # characters written at once
PIECE = 35 * AT_ONCE  # characters read before others have their turn

Cell = tuple[str, list[int | None], str | None, list[int], list[int]]


@dataclass(frozen=True, kw_only=True)
class Writing(Form):
    """A text, who reads or continues it, and how.

    Attributes:
        run: the id of a run.
        text: what there is.
        characters: how many to write.
        temperature, top_k, top_p: see `recurra.Sampling`.
        seed: equal seeds write equal texts.
        line: stop behind the end of a line.
        adapt: learn from the text while reading it.
    """

    run: str
    text: str
    characters: int = 200
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    line: bool = False
    adapt: bool = False

    def check(self) -> None:
        """Refuse what makes no sense, or is too much.

        Raises:
            RequestError: with the name of the field.
        """
        if len(self.text) > LONGEST:
            raise RequestError("text", f"a text has {LONGEST:,} characters at most")
        if self.adapt and len(self.text) > MOST_LEARNED:
            raise RequestError("adapt", f"a model learns from {MOST_LEARNED:,} characters at most")
        check_range("characters", self.characters, 1, MOST)
        check_range("seed", self.seed, 0, MOST_SEED)

    def writer(self, models: Models) -> Writer:
        """A writer that has read nothing yet.

        Raises:
            MissingError: there is no such run.
            RunError: it is damaged, or has not been saved yet.
            SettingError: an option that makes no sense.
        """
        sampling = Sampling(self.temperature, self.top_k, self.top_p)
        reader = models.reader(self.run) if self.adapt else None
        return Writer(models.load(self.run), sampling, self.seed, reader=reader)


def routes(models: Models, pool: Pool) -> list[BaseRoute]:
    """The routes of the place."""

    async def runs(request: Request) -> Response:
        entries = await pool.run(models.entries)
        return answer({"runs": [{"id": e.id, "label": e.label} for e in entries]})

    def streamed(cells: Callable[[Writing, Writer], Iterator[Cell | None]]) -> Any:
        async def route(request: Request) -> Response:
            form = await read_form(request, Writing)
            writer = await pool.run(lambda: form.writer(models))
            return await _lines(pool, cells(form, writer), request)

        return route

    return [
        Route("/api/write/runs", runs),
        Route("/api/write/read", streamed(_read), methods=["POST"]),
        Route("/api/write/continue", streamed(_written), methods=["POST"]),
    ]


async def _lines(pool: Pool, cells: Iterable[Cell | None], request: Request) -> Response:
    """Cells as lines of JSON, a line for all that are computed together."""
    slices = pool.stream(cells, request)
    first = await anext(slices, None)  # refused by now, if it is

    async def lines() -> AsyncIterator[str]:
        if first is not None:
            yield _line(first)
        async for found in slices:
            yield _line(found)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def _line(cells: list[Cell | None]) -> str:
    # writers refuse what is not finite, so that nobody need look at each number again
    told = [cell for cell in cells if cell is not None]
    return json.dumps(told, allow_nan=False, separators=(",", ":")) + "\n"


def _read(form: Writing, writer: Writer) -> Iterator[Cell | None]:
    """The cells of the end of a text."""
    vocabulary = writer.model.vocabulary
    start = max(0, len(form.text) - TOLD)
    yield from _past(writer, form.text[:start])
    for known, run in groupby(form.text[start:], set(vocabulary.characters).__contains__):
        text = "".join(run)
        if not known:
            yield text, [None] * len(text), None, [], []
            continue
        for place in pieces(len(text), AT_ONCE):
            numbers = vocabulary.encode(text[place])
            log_p = writer.follow(numbers)
            if len(log_p) < len(numbers):
                yield text[0], [None], "", [], []
            yield _cell(writer, numbers[len(numbers) - len(log_p) :], log_p)
    for _, log_p in writer.draw(1):
        yield "", [None], *_likeliest(writer, log_p[None])


def _written(form: Writing, writer: Writer) -> Iterator[Cell | None]:
    """The cells of a continuation."""
    yield from _past(writer, form.text)
    drawn = writer.draw(form.characters)
    while some := list(islice(drawn, AT_ONCE)):
        numbers, log_p = zip(*some, strict=True)
        line = writer.model.vocabulary.decode(np.array(numbers)).find("\n") + 1 if form.line else 0
        yield _cell(writer, np.array(numbers[: line or None]), np.stack(log_p[: line or None]))
        if line:
            return


def _past(writer: Writer, text: str) -> Iterator[None]:
    """Read a text of which nothing is told, in pieces."""
    for place in pieces(len(text), PIECE):
        writer.read(text[place])
        yield None


def _cell(writer: Writer, numbers: Array, log_p: Array) -> Cell:
    """The cell of characters, ``(T,)``, with the log probabilities (T, V) before each."""
    nats = -1000.0 * np.take_along_axis(log_p, numbers[:, None], 1)[:, 0]
    text = writer.model.vocabulary.decode(numbers)
    return text, nats.round().astype(int).tolist(), *_likeliest(writer, log_p)


def _likeliest(writer: Writer, log_p: Array) -> tuple[str, list[int], list[int]]:
    """The likeliest of each row (T, V), and their probabilities before temperature and after."""
    count = min(LIKELIEST, log_p.shape[1])
    top = np.argpartition(-log_p, count - 1)[:, :count]
    found = np.take_along_axis(log_p, top, 1)
    order = np.argsort(-found, kind="stable")
    top, found = (np.take_along_axis(array, order, 1) for array in (top, found))
    after = np.take_along_axis(writer.sampling.probabilities(log_p), top, 1)
    chances = np.stack([np.exp(found).ravel(), after.ravel()])
    before, after = (10_000 * chances).round().astype(int).tolist()
    return writer.model.vocabulary.decode(top.ravel()), before, after
