"""``GET /api/folder``: the runs, studies and comparisons of the folder."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from recurra._version import __version__
from recurra.studio.responses import answer
from recurra.studio.workspace import Workspace
from recurra.view.text import visible


def routes(workspace: Workspace) -> list[BaseRoute]:
    """The routes of the catalogue."""

    async def folder(request: Request) -> Response:
        entries = await run_in_threadpool(workspace.entries)
        found = [{"kind": e.kind, "id": e.id, "label": e.label} for e in entries]
        path = visible(str(workspace.folder))
        return answer({"version": __version__, "folder": path, "entries": found})

    return [Route("/api/folder", folder)]
