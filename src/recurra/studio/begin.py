"""Trainings, searches and comparisons that the page begins: their forms, their expected time."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from importlib.resources import files
from typing import Any, get_args, get_type_hints

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from recurra.models.settings import declared_types, rule
from recurra.studio.chart import SHOWN
from recurra.studio.feed import ACROSS
from recurra.studio.forms import Form, read_form
from recurra.studio.job_requests import REQUESTS, JobRequest, Value, resume_command
from recurra.studio.jobs import Jobs, Words
from recurra.studio.overview import RUNS
from recurra.studio.responses import answer
from recurra.studio.workspace import Workspace
from recurra.text.sources import NAMED
from recurra.training.presets import PRESETS
from recurra.training.recipe import BUDGETS, RECIPES, Recipe


@dataclass(frozen=True, kw_only=True)
class Named(Form):
    """A run, a study or a comparison; a budget for a run to go on with."""

    entry: str
    budget: dict[str, Value] = field(default_factory=dict)


def routes(workspace: Workspace, jobs: Jobs) -> list[BaseRoute]:
    """The routes of what begins, goes on and stops."""

    async def form(request: Request) -> Response:
        return answer(await run_in_threadpool(_form))

    async def read(request: Request, kind: type[JobRequest]) -> tuple[str, Words]:
        wanted = await read_form(request, kind)
        return wanted.stem(workspace), lambda out: wanted.command(workspace, out)

    def start(kind: type[JobRequest]) -> Callable[[Request], Any]:
        async def route(request: Request) -> Response:
            stem, words = await read(request, kind)
            job = await run_in_threadpool(lambda: jobs.start(kind.place, stem, words))
            return answer({"entry": f"{kind.place}/{job.folder.name}"})

        return route

    def estimate(kind: type[JobRequest]) -> Callable[[Request], Any]:
        async def route(request: Request) -> Response:
            _, words = await read(request, kind)
            return answer(await run_in_threadpool(lambda: jobs.estimate(words)))

        return route

    async def resume(request: Request) -> Response:
        wanted = await read_form(request, Named)
        entry = workspace.entry(wanted.entry)
        await run_in_threadpool(lambda: jobs.resume(entry, resume_command(entry, wanted.budget)))
        return answer({"entry": wanted.entry})

    async def stop(request: Request) -> Response:
        wanted = await read_form(request, Named)
        entry = workspace.entry(wanted.entry)
        await run_in_threadpool(lambda: jobs.stop(entry))
        return answer({"entry": wanted.entry})

    return [
        Route("/api/jobs/form", form),
        *(Route(f"/api/jobs/{k.verb}/start", start(k), methods=["POST"]) for k in REQUESTS),
        *(Route(f"/api/jobs/{k.verb}/estimate", estimate(k), methods=["POST"]) for k in REQUESTS),
        Route("/api/jobs/resume", resume, methods=["POST"]),
        Route("/api/jobs/stop", stop, methods=["POST"]),
    ]


def _form() -> dict[str, Any]:
    """The fields of the forms, with all that those of a recipe say of themselves."""
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
        "presets": list(PRESETS),
        "recipes": list(RECIPES),
        "budgets": list(BUDGETS),
        "fields": recipe,
        "own": {kind.verb: _own_fields(kind) for kind in REQUESTS},
        "columns": [column.key for column in RUNS.columns],
        "quantities": list(SHOWN),
        "across": list(ACROSS),
        "texts": list(NAMED),
    }


def _own_fields(kind: type[JobRequest]) -> list[dict[str, Any]]:
    """The optional fields of a request that are no recipe's: the page has words for them."""
    types, common = get_type_hints(kind), {each.name for each in fields(JobRequest)}
    return [
        {
            "name": each.name,
            "kind": get_args(types[each.name])[0].__name__,
            "choices": list(each.metadata.get("names", ())),
        }
        for each in sorted(fields(kind), key=lambda each: each.name in common)
        if each.default is None and each.name not in {"recipe", "network", "preset", "init_from"}
    ]
