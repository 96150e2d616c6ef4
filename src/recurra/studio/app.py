"""The application behind the guard: the page itself at once, the rest as soon as it is loaded."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Thread

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from recurra.studio import wording
from recurra.studio.responses import HANDLERS
from recurra.studio.security import Guard
from recurra.studio.workspace import Workspace

STATIC = Path(__file__).parent / "static"
HEAD_START = 0.5  # seconds in which nothing but the first page is answered
Report = Callable[[Path, str], str]


def create_app(folder: str | Path, token: str, report: Report | None = None) -> Starlette:
    """Make the application that serves a folder.

    Args:
        folder: of runs, studies and comparisons.
        token: what every request has to bring.
        report: of a study or a comparison, in a language, as HTML; None: without the page, only
            what programs ask for.

    Raises:
        RunError: there is no such folder.
    """
    workspace = Workspace(folder)

    def load() -> ASGIApp:
        from recurra.studio.places import routes

        return Router(routes(workspace, report))

    page: list[BaseRoute] = [
        Route("/", _index),
        Mount("/static", _Static(directory=STATIC)),
        *wording.routes(),
    ]
    guard = Middleware(Guard, token=token)
    app = Starlette(routes=page if report else [], middleware=[guard], exception_handlers=HANDLERS)
    app.router.default = _Deferred(load)
    return app


class _Deferred:
    """An application that a thread loads: when it is first asked for, or after a head start.

    Two threads that load and answer in turns would keep the first page waiting.
    """

    def __init__(self, load: Callable[[], ASGIApp]) -> None:
        self._wanted, self._app = Event(), Future[ASGIApp]()
        Thread(target=self._run, args=[load], name="loading", daemon=True).start()

    def _run(self, load: Callable[[], ASGIApp]) -> None:
        self._wanted.wait(HEAD_START)
        try:
            self._app.set_result(load())
        except Exception as error:  # noqa: BLE001 (each request tells it)
            self._app.set_exception(error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._wanted.set()
        app = await asyncio.shield(asyncio.wrap_future(self._app))  # other requests wait, too
        await app(scope, receive, send)


async def _index(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


class _Static(StaticFiles):
    """The files of the page; a browser asks each time whether its copy is the newest."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response
