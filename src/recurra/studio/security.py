"""The guard before every request: from this machine, from this page, with the token, not too large.

The server listens on the loopback interface only. A page of another site can still make a browser
send requests there: so the names in Host and Origin are checked (a stranger's name that leads to
127.0.0.1 is refused), and nothing is answered without the token. The page brings it in a cookie
that scripts cannot read and other sites cannot send; programs in ``Authorization: Bearer``.
"""

import asyncio
import hmac
from html import escape
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recurra.studio.responses import refusal

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MAX_BODY = 4 * 2**20  # bytes of a request
MAX_TEXT = 64 * 2**20  # bytes of a text that is dropped
LIMITS = {"/api/texts": MAX_TEXT}  # where a route takes more than others
BODY_SECONDS = 120.0  # in which the whole of a request has to arrive
# Scripts, styles and pictures come from this server; only attributes of style may stand in a page,
# since figures have them. No form, frame or base leads elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NO_TOKEN = "open the address that recurra printed, with its token; a program sends it as a key"


class _BodyError(Exception):
    """A request whose body is too large or too slow: 413 or 408."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Guard:
    """Lets requests through to an application, and adds headers to its answers.

    Args:
        app: the application.
        token: what every request has to bring.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # a socket of the web: nothing here has one
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        response = self._refusal(scope)
        if response is None:
            try:
                await self.app(scope, self._bounded(scope, receive), send_guarded)
            except _BodyError as error:
                if begun:
                    raise
                response = refusal(error.status, str(error))
                response.headers["connection"] = "close"
        if response is not None:
            await response(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request is not let through; None if it is."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() not in LOOPBACK:
            return _refused(scope, 403, "this server answers to 127.0.0.1 and localhost only")
        if origin is not None and origin.lower() != f"http://{host}".lower():
            return _refused(scope, 403, "a page of another site may not ask this server")
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if scope["method"] == "GET" and "token" in query and self._right(query["token"]):
            return self._welcome(scope)
        cookie = cookie_parser(headers.get("cookie", "")).get(_cookie(scope), "")
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if not self._right(cookie) and not (scheme.lower() == "bearer" and self._right(key)):
            return _refused(scope, 401, NO_TOKEN)
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > _limit(scope):
            return _refused(scope, 413, _too_large(scope))
        return None

    def _right(self, token: str) -> bool:
        given = token.strip().encode("utf-8", "replace")
        return hmac.compare_digest(given, self._token)

    def _welcome(self, scope: Scope) -> Response:
        """Keep the token as a cookie, and lead on to the address without it.

        By a page, since a browser sends a strict cookie only where a page of the same site leads.
        """
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query = urlencode([pair for pair in pairs if pair[0] != "token"])
        # one slash: two would name another host
        target = escape("/" + scope["path"].lstrip("/\\") + (f"?{query}" if query else ""))
        page = HTMLResponse(
            f'<!doctype html><meta http-equiv="refresh" content="0; url={target}">'
            '<title>Recurra</title><link rel="icon" href="data:,">'
            f'<p><a href="{target}">Recurra Studio</a></p>'
        )
        page.set_cookie(
            _cookie(scope), self._token.decode(), path="/", httponly=True, samesite="strict"
        )
        return page

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Receive as many bytes as the route takes, within the time that a request has."""
        left, whole = _limit(scope), False
        end = asyncio.get_running_loop().time() + BODY_SECONDS

        async def receive_bounded() -> Message:
            nonlocal left, whole
            if whole:  # what comes now is that the reader has gone away
                return await receive()
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError:
                raise _BodyError(408, "too slow: the request did not arrive in time") from None
            if message["type"] == "http.request":
                left -= len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if left < 0:
                    raise _BodyError(413, _too_large(scope))
            return message

        return receive_bounded


def _limit(scope: Scope) -> int:
    return LIMITS.get(scope["path"], MAX_BODY)


def _too_large(scope: Scope) -> str:
    return f"too large: {_limit(scope):,} bytes at most"


def _cookie(scope: Scope) -> str:
    """A name of its own for every server: browsers tell hosts apart, not ports."""
    server = scope.get("server") or ("", 0)
    return f"recurra-{server[1]}"


def _refused(scope: Scope, status: int, message: str) -> Response:
    """In the form of programs, or as a sentence for who opens a page."""
    if scope["path"].startswith(("/api/", "/v1/")):
        response = refusal(status, message)
    else:
        response = PlainTextResponse(f"{message}\n", status)
    response.headers["connection"] = "close"
    return response
