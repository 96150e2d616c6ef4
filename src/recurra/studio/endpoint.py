"""``/v1/models`` and ``/v1/completions``, as OpenAI's client and lm-evaluation-harness ask."""

import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from recurra.errors import RecurraError
from recurra.models.model import Model
from recurra.studio.completion import (
    Choice,
    Completion,
    check_numbers,
    read_field,
    read_request,
)
from recurra.studio.errors import BadRequestError, MissingError
from recurra.studio.models import Models
from recurra.studio.pool import Pool
from recurra.studio.responses import answer, refuse, to_json


def routes(models: Models, pool: Pool) -> list[BaseRoute]:
    """The routes of the endpoint."""

    async def list_models(request: Request) -> Response:
        entries = await pool.run(models.entries)
        return answer({"object": "list", "data": [_shown(entry.id) for entry in entries]})

    async def show_model(request: Request) -> Response:
        name = request.path_params["model"]
        await pool.run(lambda: _load(models, name))
        return answer(_shown(name))

    async def complete(request: Request) -> Response:
        wanted, prompts = read_request(await request.body())
        model = await pool.run(lambda: _load(models, wanted.model))
        reader = await pool.run(lambda: models.reader(wanted.model)) if wanted.adapt else None
        completion = Completion(wanted, prompts, model, reader)
        slices = pool.stream(completion.parts(), request)
        first = await anext(slices, None)  # what can be refused is refused by now
        if first is None:
            return Response(status_code=499)  # nobody reads any more
        head = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": wanted.model,
        }
        if wanted.stream:
            events = _events(completion, head, first, slices)
            return StreamingResponse(events, media_type="text/event-stream")
        choices: dict[int, Choice] = {}
        _gather(choices, first)
        async for found in slices:
            _gather(choices, found)
        if not all(choice.finish for choice in choices.values()):
            return Response(status_code=499)
        told = [choice.to_json(wanted.logprobs is not None) for choice in choices.values()]
        whole = {**head, "choices": told, "usage": completion.usage()}
        if completion.skipped:
            whole["skipped"] = completion.skipped
        return Response(await pool.run(lambda: to_json(whole)), media_type="application/json")

    async def describe(request: Request) -> Response:
        # a text begins as after a line break
        known = not (await pool.run(models.only)).vocabulary.unknown("\n")
        return answer({"bos_token": "\n" if known else None, "eos_token": None})

    async def tokenize(request: Request) -> Response:
        prompt = read_field(await request.body(), "prompt", str)
        numbers = (await pool.run(models.only)).vocabulary.encode(prompt).tolist()
        return answer({"tokens": numbers, "count": len(numbers)})

    async def detokenize(request: Request) -> Response:
        numbers = read_field(await request.body(), "tokens", list)
        vocabulary = (await pool.run(models.only)).vocabulary
        check_numbers("tokens", numbers, vocabulary)
        return answer({"prompt": vocabulary.decode(np.array(numbers, np.int32))})

    return [
        Route("/v1/models", list_models),
        Route("/v1/models/{model:path}", show_model),
        Route("/v1/completions", complete, methods=["POST"]),
        # as vLLM has them, and lm-evaluation-harness asks
        Route("/tokenizer_info", describe),
        Route("/tokenize", tokenize, methods=["POST"]),
        Route("/detokenize", detokenize, methods=["POST"]),
    ]


async def _events(
    completion: Completion,
    head: Mapping[str, Any],
    first: list[Choice],
    slices: AsyncIterator[list[Choice]],
) -> AsyncIterator[str]:
    """The answer as server-sent events, one for what a slice of time has made of a text."""
    request = completion.request
    logprobs = request.logprobs is not None

    def events(found: list[Choice]) -> Iterator[str]:
        made: dict[int, Choice] = {}
        _gather(made, found)
        for choice in made.values():
            if choice.tokens or choice.finish:
                yield f"data: {to_json({**head, 'choices': [choice.to_json(logprobs)]})}\n\n"

    try:
        for event in events(first):
            yield event
        async for found in slices:
            for event in events(found):
                yield event
    except RecurraError as error:
        yield f"data: {bytes(refuse(None, error).body).decode()}\n\n"
        return
    if (request.stream_options or {}).get("include_usage"):
        yield f"data: {to_json({**head, 'choices': [], 'usage': completion.usage()})}\n\n"
    yield "data: [DONE]\n\n"


def _gather(choices: dict[int, Choice], found: Sequence[Choice]) -> None:
    """Put parts together that belong to one text."""
    for part in found:
        known = choices.setdefault(part.index, Choice(part.index, part.offset))
        known.tokens += part.tokens
        known.finish = part.finish


def _load(models: Models, name: str) -> Model:
    try:
        return models.load(name)
    except MissingError as error:
        raise BadRequestError("model", str(error), 404, "model_not_found") from None


def _shown(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "recurra"}
