"""The place Train: all that the folder holds as it goes, and the curves of runs side by side."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from recurra.report.commands import run_commands
from recurra.studio.chart import OVERLAID, SHOWN, draw_chart
from recurra.studio.errors import BadRequestError
from recurra.studio.feed import ACROSS, Feeds
from recurra.studio.overview import Overview
from recurra.studio.responses import answer, to_json
from recurra.studio.workspace import Workspace
from recurra.view.text import visible
from recurra.view.words import Words

LOOK = 0.5  # seconds from one look at the folder to the next
SILENCE = 15.0  # seconds after which a reader is sent a sign, so that one who left is noticed


def routes(workspace: Workspace, feeds: Feeds, overview: Overview) -> list[BaseRoute]:
    """The routes of the place."""

    async def events(request: Request) -> Response:
        return StreamingResponse(_events(overview.look), media_type="text/event-stream")

    async def show(request: Request) -> Response:
        entry = workspace.entry(request.query_params.get("run", ""), "run")

        def read() -> dict[str, Any]:
            feed = feeds.of(entry.path)
            return {
                "samples": [asdict(sample) for sample in feed.samples],
                "settings": asdict(feed.opened.config.recipe),
                "commands": [visible(line) for line in run_commands(feed.opened)],
            }

        return answer(await run_in_threadpool(read))

    async def chart(request: Request) -> Response:
        query = request.query_params
        names = query.getlist("run")
        x, y = query.get("x", "steps"), query.get("y", "held_out")
        across = next((one for one in ACROSS if one == x), None)
        shown = next((one for one in SHOWN if one == y), None)
        if across is None or shown is None:
            known = ", ".join([*ACROSS, *SHOWN])
            raise BadRequestError("x", f"an axis is one of {known}")
        if not 0 < len(names) <= OVERLAID:
            raise BadRequestError("run", f"name from 1 to {OVERLAID} runs")
        entries = [workspace.entry(name, "run") for name in names]
        words = Words(query.get("language", "en"))

        def draw() -> str:
            runs = [(entry.label.rpartition("/")[2], feeds.of(entry.path)) for entry in entries]
            return draw_chart(runs, across, shown, words)

        return HTMLResponse(await run_in_threadpool(draw))

    return [
        Route("/api/train/events", events),
        Route("/api/train/run", show),
        Route("/api/train/chart", chart),
    ]


async def _events(look: Callable[[], dict[str, Any]]) -> AsyncIterator[str]:
    """Changes of the folder, as server-sent events; the first one tells all."""
    told: dict[str, Any] = {"runs": {}, "others": {}}
    begun, quiet = False, 0.0
    while True:
        now = await run_in_threadpool(look)
        changes: dict[str, Any] = {
            kind: {id: value for id, value in now[kind].items() if told[kind].get(id) != value}
            for kind in ("runs", "others")
        }
        changes["gone"] = [id for kind in changes for id in told[kind].keys() - now[kind].keys()]
        for kind in ("beginning", "failed"):
            if now[kind] != told.get(kind):
                changes[kind] = now[kind]
        if not begun or any(changes.values()):
            yield f"event: changes\ndata: {to_json(changes)}\n\n"
            begun, quiet = True, 0.0
        elif quiet > SILENCE:
            yield ": still there\n\n"
            quiet = 0.0
        told = now
        await asyncio.sleep(LOOK)
        quiet += LOOK
