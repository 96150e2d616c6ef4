"""The place Train: texts, a recipe as a form, trainings as they go, their curves side by side."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from recurra.compute.registry import DEFAULT_ENGINE, ENGINES
from recurra.lang.library import library
from recurra.models.settings import declared_types, rule
from recurra.report.commands import run_commands
from recurra.studio.errors import BadRequestError
from recurra.studio.feed import ACROSS, QUANTITIES, Across, Feed, Feeds, Quantity
from recurra.studio.forms import read_form
from recurra.studio.jobs import Job, Jobs
from recurra.studio.overview import RUNS, Overview
from recurra.studio.pool import Pool
from recurra.studio.responses import answer, to_json
from recurra.studio.training_request import TrainingRequest, Value, resume_command
from recurra.studio.workspace import Workspace
from recurra.text.sources import NAMED
from recurra.training.presets import PRESETS
from recurra.training.recipe import BUDGETS, RECIPES, Recipe
from recurra.view.charts import Curve, curves
from recurra.view.text import visible
from recurra.view.words import Words

LOOK = 0.5  # seconds from one look at the folder to the next
SILENCE = 15.0  # seconds after which a reader is sent a sign, so that one who left is noticed
OVERLAID = 12  # runs in one chart
X_LABELS: dict[Across, str] = {
    "steps": "studio steps axis",
    "characters": "characters axis",
    "seconds": "seconds axis",
}
Y_LABELS: dict[Quantity, str] = {
    "train": "nats axis",
    "held_out": "nats axis",
    "rate": "rate axis",
    "speed": "speed",
}


@dataclass(frozen=True, kw_only=True)
class Named:
    """A run, and a budget to go on with."""

    run: str
    budget: dict[str, Value] = field(default_factory=dict)


def routes(
    workspace: Workspace, pool: Pool, report_of: Callable[[Path, str], str]
) -> list[BaseRoute]:
    """The routes of the place.

    Args:
        workspace: the folder.
        pool: computes.
        report_of: a study or a comparison, in a language, as HTML.
    """
    feeds, jobs = Feeds(), Jobs(workspace)
    overview = Overview(workspace, feeds, jobs)

    async def form(request: Request) -> Response:
        return answer(await run_in_threadpool(_form))

    async def begin(request: Request) -> Response:
        asked = await read_form(request, TrainingRequest)

        def start() -> Job:
            return jobs.start(asked.stem(workspace), lambda out: asked.command(workspace, out))

        job = await run_in_threadpool(start)
        return answer({"run": f"runs/{job.run.name}"})

    async def resume(request: Request) -> Response:
        asked = await read_form(request, Named)
        run = workspace.entry(asked.run, "run").path
        await run_in_threadpool(lambda: jobs.resume(run, resume_command(run, asked.budget)))
        return answer({"run": asked.run})

    async def stop(request: Request) -> Response:
        asked = await read_form(request, Named)
        await run_in_threadpool(lambda: jobs.stop(asked.run))
        return answer({"run": asked.run})

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
        for value, known in ((x, ACROSS), (y, ("loss", *QUANTITIES))):
            if value not in known:
                raise BadRequestError("x", f"an axis is one of {', '.join(known)}")
        if not 0 < len(names) <= OVERLAID:
            raise BadRequestError("run", f"name from 1 to {OVERLAID} runs")
        entries = [workspace.entry(name, "run") for name in names]
        words = Words(query.get("language", "en"))

        def draw() -> str:
            runs = [(entry.label.rpartition("/")[2], feeds.of(entry.path)) for entry in entries]
            return _chart(runs, x, y, words)

        return HTMLResponse(await run_in_threadpool(draw))

    async def report(request: Request) -> Response:
        entry = workspace.entry(request.query_params.get("entry", ""))
        language = request.query_params.get("language", "en")
        return HTMLResponse(await pool.run(lambda: report_of(entry.path, language)))

    return [
        Route("/api/train/form", form),
        Route("/api/train/start", begin, methods=["POST"]),
        Route("/api/train/resume", resume, methods=["POST"]),
        Route("/api/train/stop", stop, methods=["POST"]),
        Route("/api/train/events", events),
        Route("/api/train/run", show),
        Route("/api/train/chart", chart),
        Route("/api/train/report", report),
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


def _chart(runs: list[tuple[str, Feed]], x: Any, y: Any, words: Words) -> str:
    """Curves of runs over one another; of "loss", that in training is pale where there are several.

    Args:
        runs: each with its label.
        x: of `ACROSS`.
        y: of `QUANTITIES`, or "loss": in training and held out.
        words: of the axes.
    """
    shown: list[Quantity] = ["train", "held_out"] if y == "loss" else [y]
    lines = []
    for number, (label, feed) in enumerate(runs):
        found = [(quantity, *feed.curve(quantity, x)) for quantity in shown]
        there = [one for one in found if len(one[1])]
        for place, (quantity, xs, ys) in enumerate(there):
            if len(runs) == 1 and len(shown) > 1:
                named = words("train" if quantity == "train" else "validation")
                lines.append(Curve(xs, ys, shown.index(quantity), named))
            else:
                lines.append(Curve(xs, ys, number, label if place == len(there) - 1 else ""))
    axes = words(X_LABELS[x]), words(Y_LABELS[shown[0]])
    return curves(lines, *axes, whole=y in ("rate", "speed"))


def _form() -> dict[str, Any]:
    """The fields of a form for a training, with all that a recipe's fields say of themselves."""
    chinese = tomllib.loads((files("recurra.studio") / "recipe.zh.toml").read_text("utf-8"))
    recipe = []
    for each in fields(Recipe):
        if each.name == "name":
            continue
        kinds = [kind for kind in declared_types(each) if kind is not type(None)]
        recipe.append(
            {
                "name": each.name,
                "help": {"en": each.metadata["help"], "zh": chinese.get(each.name, "")},
                "rule": rule(each),
                "kind": kinds[0].__name__,
                "optional": type(None) in declared_types(each),
                "choices": list(each.metadata["names"]),
                "values": {name: getattr(one, each.name) for name, one in RECIPES.items()},
            }
        )
    return {
        "networks": list(library()),
        "presets": list(PRESETS),
        "recipes": list(RECIPES),
        "budgets": list(BUDGETS),
        "engines": list(ENGINES),
        "engine": DEFAULT_ENGINE,
        "fields": recipe,
        "columns": [column.key for column in RUNS.columns],
        "quantities": ["loss", *QUANTITIES],
        "across": list(ACROSS),
        "texts": list(NAMED),
    }
