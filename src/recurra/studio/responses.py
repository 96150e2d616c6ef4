"""Answers and refusals as JSON.

A refusal has the form that clients of ``/v1`` know: ``{"error": {"message", "type", "param",
"code"}}``, everywhere. Its message is one sentence for people.
"""

import json
import tempfile
import traceback
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from recurra.errors import EquationError, RecurraError, RequestError
from recurra.storage.files import finite
from recurra.studio.errors import BadRequestError, MissingError


def to_json(value: Any) -> str:
    """JSON in ASCII, so that lone surrogates of a name are no fault; no number is infinite."""
    return json.dumps(finite(value), allow_nan=False, separators=(",", ":"))


def answer(value: Any, status: int = 200) -> Response:
    """A response of JSON."""
    return Response(to_json(value), status, media_type="application/json")


def refusal(
    status: int,
    message: str,
    param: str | None = None,
    code: str | None = None,
    **place: int,
) -> Response:
    """A response that tells what was wrong, and what to do."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"message": message, "type": kind, "param": param, "code": code, **place}
    return answer({"error": error}, status)


def refuse(request: Request | None, error: Exception) -> Response:
    """The response to an error of the library: 400, or 404 for what is not there."""
    match error:
        case BadRequestError(field=field, message=message, status=status, code=code):
            return refusal(status, message, field, code)
        case RequestError(field=field, message=message):
            return refusal(400, message, field)
        case EquationError(line=line, column=column):
            return refusal(400, str(error), line=line, column=column)
        case MissingError():
            return refusal(404, str(error), code="not_found")
    return refusal(400, str(error))


def refuse_http(request: Request, error: Exception) -> Response:
    """The response to a path, or a method, that there is not."""
    assert isinstance(error, HTTPException)
    return refusal(error.status_code, f"{request.method} {request.url.path}: {error.detail}")


def tell_fault(request: Request, error: Exception) -> Response:
    """The response to what should not happen: one sentence; the traceback is in a file."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="recurra-", suffix=".log", delete=False
    ) as log:
        traceback.print_exception(error, file=log)
    return refusal(
        500,
        f"unexpectedly, {type(error).__name__}: this is a fault in Recurra; please report it with "
        f"the file {log.name}",
    )


def leave(request: Request, error: Exception) -> Response:
    """An answer that nobody reads: who asked has hung up before all was said."""
    return Response(status_code=499)


HANDLERS: Mapping[Any, Any] = {
    RecurraError: refuse,
    HTTPException: refuse_http,
    ClientDisconnect: leave,
    Exception: tell_fault,
}
