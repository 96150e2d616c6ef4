"""The place Write: a text read character by character, and continued, with what was likely.

Answers are lines of JSON, as they are computed: lists of cells ``[character, nats, likeliest,
before, after]``. ``nats`` is the surprise at the character; ``likeliest`` are up to ten characters,
with their probabilities before temperature and after. The first character of all follows nothing,
and has null and "" in their place; a character that the model does not know has null twice.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from recurra.compute.sampling import Sampling
from recurra.errors import RequestError
from recurra.models.model import Model
from recurra.models.writer import AHEAD, Array, Writer
from recurra.studio.forms import MOST_SEED, Form, check_range, read_form
from recurra.studio.models import Models
from recurra.studio.pool import Pool
from recurra.studio.responses import answer

LIKELIEST = 10
LONGEST = 1_000_000  # characters of a text
TOLD = 6000  # characters at its end whose cells are told
MOST = 20_000  # characters written at once
PIECE = 2048  # characters read before others have their turn

Cell = list[Any]


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
    """

    run: str
    text: str
    characters: int = 200
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    line: bool = False

    def check(self) -> None:
        """Refuse what makes no sense, or is too much.

        Raises:
            RequestError: with the name of the field.
        """
        if len(self.text) > LONGEST:
            raise RequestError("text", f"a text has {LONGEST:,} characters at most")
        check_range("characters", self.characters, 1, MOST)
        check_range("seed", self.seed, 0, MOST_SEED)

    def writer(self, model: Model) -> Writer:
        """A writer that has read nothing yet."""
        sampling = Sampling(self.temperature, self.top_k, self.top_p)
        return Writer(model, sampling, self.seed)


def routes(models: Models, pool: Pool) -> list[BaseRoute]:
    """The routes of the place."""

    async def runs(request: Request) -> Response:
        entries = await pool.run(models.entries)
        return answer({"runs": [{"id": e.id, "label": e.label} for e in entries]})

    def streamed(cells: Callable[[Writing, Model], Iterator[Cell | None]]) -> Any:
        async def route(request: Request) -> Response:
            form = await read_form(request, Writing)
            model = await pool.run(lambda: models.load(form.run))
            return await _lines(pool, cells(form, model), request)

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


def _read(form: Writing, model: Model) -> Iterator[Cell | None]:
    """The cells at the end of a text; the last one, without a character, is what may follow."""
    writer = form.writer(model)
    start = max(0, len(form.text) - TOLD)
    yield from _past(writer, form.text[:start])
    cells = _Cells(model, writer.sampling)
    known = set(model.vocabulary.characters)
    for character in form.text[start:]:
        if character not in known:
            yield [character, None, None, [], []]
            continue
        for number, log_p in writer.follow(model.vocabulary.encode(character)):
            yield [character, None, "", [], []] if log_p is None else cells.cell(number, log_p)
    for _, log_p in writer.draw(1):
        yield cells.cell(None, log_p)


def _written(form: Writing, model: Model) -> Iterator[Cell | None]:
    """The cells of a continuation."""
    writer = form.writer(model)
    yield from _past(writer, form.text)
    cells = _Cells(model, writer.sampling)
    for start in range(0, form.characters, AHEAD):
        numbers, log_p = zip(*writer.draw(min(AHEAD, form.characters - start)), strict=True)
        for cell in cells.cells(numbers, log_p):
            yield cell
            if form.line and cell[0] == "\n":
                return


def _past(writer: Writer, text: str) -> Iterator[None]:
    """Read a text of which nothing is told, in pieces."""
    for start in range(0, len(text), PIECE):
        writer.read(text[start : start + PIECE])
        yield None


class _Cells:
    """Makes cells of a model's predictions."""

    def __init__(self, model: Model, sampling: Sampling) -> None:
        self.characters, self.sampling = model.vocabulary.characters, sampling

    def cell(self, number: int | None, log_p: Array) -> Cell:
        """The cell of a character, or of what may follow."""
        (cell,) = self.cells([number], [log_p])
        return cell

    def cells(self, numbers: Sequence[int | None], log_p: Sequence[Array]) -> Iterator[Cell]:
        """The cells of characters, each with the log probabilities (V,) before it."""
        rows = np.stack(log_p)
        count = min(LIKELIEST, rows.shape[1])
        top = np.argpartition(-rows, count - 1)[:, :count]
        found = np.take_along_axis(rows, top, 1)
        order = np.argsort(-found, kind="stable")
        top, found = (np.take_along_axis(array, order, 1) for array in (top, found))
        before = np.exp(found.astype(np.float64)).round(4)
        after = np.take_along_axis(self.sampling.probabilities(rows), top, 1).round(4)
        characters = self.characters
        columns = rows, top.tolist(), before.tolist(), after.tolist()
        for number, row, likeliest, *chances in zip(numbers, *columns, strict=True):
            nats = None if number is None else round(-float(row[number]), 3)
            character = "" if number is None else characters[number]
            yield [character, nats, "".join(characters[i] for i in likeliest), *chances]
