"""The bodies of the page's requests: JSON, checked against a dataclass."""

import json
from typing import Any, TypeVar

from starlette.requests import Request

from recurra.errors import RecurraError
from recurra.storage.typed_json import read_typed

T = TypeVar("T")


async def read_form(request: Request, form: type[T]) -> T:
    """The body of a request as an object of a dataclass.

    Raises:
        RecurraError: it is none.
    """
    try:
        body: Any = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise RecurraError("the body of the request has to be a JSON object") from None
    return read_typed(form, body, "the request", "ask as the page does")
