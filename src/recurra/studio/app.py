"""All that the studio answers, behind the guard."""

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from recurra.studio import (
    begin,
    catalogue,
    endpoint,
    inside,
    network,
    outcomes,
    texts,
    train,
    wording,
    writing,
)
from recurra.studio.feed import Feeds
from recurra.studio.jobs import Jobs
from recurra.studio.models import Models
from recurra.studio.overview import Overview
from recurra.studio.pool import Pool
from recurra.studio.responses import HANDLERS
from recurra.studio.security import Guard
from recurra.studio.workspace import Workspace

STATIC = Path(__file__).parent / "static"
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
    workspace, pool = Workspace(folder), Pool()
    models = Models(workspace)
    routes: list[BaseRoute] = endpoint.routes(models, pool)
    if report is not None:
        feeds, jobs = Feeds(), Jobs(workspace)
        routes += [
            *catalogue.routes(workspace),
            *wording.routes(),
            *network.routes(workspace, pool),
            *texts.routes(workspace, pool),
            *begin.routes(workspace, jobs),
            *train.routes(workspace, feeds, Overview(workspace, feeds, jobs)),
            *outcomes.routes(workspace, pool, feeds, jobs, report),
            *writing.routes(models, pool),
            *inside.routes(workspace, models, pool),
            Route("/", _index),
            Mount("/static", _Static(directory=STATIC)),
        ]
    guard = Middleware(Guard, token=token, limits={texts.PATH: texts.MAX_TEXT})
    return Starlette(routes=routes, middleware=[guard], exception_handlers=HANDLERS)


async def _index(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


class _Static(StaticFiles):
    """The files of the page; a browser asks each time whether its copy is the newest."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response
