"""All that a studio is asked about one folder of a run, a study or a comparison."""
# ruff: noqa: T201

import asyncio
import sys
from pathlib import Path

from starlette.testclient import TestClient

from recurra.report.page import fragment
from recurra.studio.app import create_app
from recurra.studio.places import routes
from recurra.studio.workspace import Workspace

TOKEN = "token"
TEXT = "Ada went home. "


def main(folder: Path) -> None:
    """Ask everything; a fault of the studio is an error on stderr and exit code 1."""
    app = create_app(folder.parent, TOKEN, fragment)
    client = TestClient(
        app, "http://127.0.0.1", headers={"authorization": f"Bearer {TOKEN}"},
        raise_server_exceptions=False,
    )  # fmt: skip
    run = entry = folder.name
    if not (folder / "config.json").exists():
        runs = sorted(path.parent for path in folder.rglob("config.json"))
        run = str(runs[0].relative_to(folder.parent)) if runs else folder.name
    completion = {"model": run, "prompt": TEXT, "max_tokens": 5, "logprobs": 1}
    look = {"run": run, "text": TEXT, "start": 0, "end": 3}
    answers = [
        client.get(path, params=params)
        for path, params in (
            ("/api/folder", {}),
            ("/api/train/run", {"run": run}),
            ("/api/train/chart", {"run": run, "x": "seconds"}),
            ("/api/train/chart", {"run": run, "y": "rate"}),
            ("/api/train/report", {"entry": entry}),
            ("/api/train/report", {"entry": entry, "language": "zh"}),
            ("/api/write/runs", {}),
            ("/v1/models", {}),
            (f"/v1/models/{run}", {}),
            ("/tokenizer_info", {}),
        )
    ] + [
        client.post(path, json=body)
        for path, body in (
            ("/v1/completions", completion),
            ("/api/inside/read", look),
            ("/api/inside/read", {**look, "text": ""}),
            ("/api/inside/passages", look),
            ("/api/inside/reach", {"run": run}),
            ("/api/write/read", {"run": run, "text": TEXT}),
            ("/api/write/continue", {"run": run, "text": TEXT, "characters": 5}),
        )
    ]
    behind = routes(Workspace(folder.parent), fragment)
    events = next(route for route in behind if route.path == "/api/train/events")
    asyncio.run(_first(events.endpoint))
    for one in answers:
        print(one.request.method, one.request.url.path, one.status_code, one.text[:200])
        if one.status_code >= 500:
            sys.exit(f"Error: {one.request.url.path}: {one.text}")


async def _first(endpoint) -> None:
    """The first event; the stream itself has no end."""
    response = await endpoint(None)
    async for piece in response.body_iterator:
        print(piece[:200])
        break


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
