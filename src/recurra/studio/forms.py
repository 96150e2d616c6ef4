"""The bodies of requests: JSON objects; those of the page are checked against a dataclass."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recurra.errors import RequestError
from recurra.storage.typed_json import read_typed
from recurra.studio.errors import BadRequestError
from recurra.studio.pool import Pool
from recurra.studio.responses import answer

MOST_SEED = 2**63 - 1

T = TypeVar("T", bound="Form")


class Form:
    """A dataclass that a body of JSON is read as."""

    def check(self) -> None:
        """Refuse values that have the right types, and make no sense.

        Raises:
            RecurraError: with the name of the field.
        """


async def read_form(request: Request, form: type[T]) -> T:
    """The body of a request as an object of a dataclass.

    Raises:
        RecurraError: it is none.
    """
    body = read_object(await request.body())
    wanted = read_typed(form, body, "the request", "ask as the page does")
    wanted.check()
    return wanted


def computed(path: str, form: type[T], compute: Callable[[T], Any], pool: Pool) -> Route:
    """A route that answers a form with what is computed from it.

    Args:
        path: of the route.
        form: a dataclass.
        compute: form -> the answer, as values of JSON.
        pool: computes.
    """

    async def route(request: Request) -> Response:
        wanted = await read_form(request, form)
        return answer(await pool.run(lambda: compute(wanted)))

    return Route(path, route, methods=["POST"])


def check_range(field: str, value: float | None, low: int, high: int) -> None:
    """Refuse a number that makes no sense; None is a default.

    Raises:
        RequestError: with the name of the field.
    """
    if value is not None and not low <= value <= high:
        raise RequestError(field, f"{field} has to be from {low:,} to {high:,}")


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
