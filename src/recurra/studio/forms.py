"""The bodies of requests: JSON objects; those of the page checked against a dataclass."""

import json
from typing import Any, TypeVar

from starlette.requests import Request

from recurra.storage.typed_json import read_typed
from recurra.studio.errors import BadRequestError

T = TypeVar("T")


async def read_form(request: Request, form: type[T]) -> T:
    """The body of a request as an object of a dataclass.

    Raises:
        RecurraError: it is none.
    """
    body = read_object(await request.body())
    return read_typed(form, body, "the request", "ask as the page does")


def read_object(body: bytes) -> dict[str, Any]:
    """The object in a body of JSON.

    Raises:
        BadRequestError: it is none.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadRequestError("body", "the body of the request has to be a JSON object")
    return found
