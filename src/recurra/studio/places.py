"""All that is answered for the places of the page, and for programs."""

from collections.abc import Callable
from pathlib import Path

from starlette.routing import BaseRoute

from recurra.studio import (
    begin,
    catalogue,
    endpoint,
    inside,
    network,
    outcomes,
    texts,
    train,
    writing,
)
from recurra.studio.feed import Feeds
from recurra.studio.jobs import Jobs
from recurra.studio.models import Models
from recurra.studio.overview import Overview
from recurra.studio.pool import Pool
from recurra.studio.workspace import Workspace


def routes(workspace: Workspace, report: Callable[[Path, str], str] | None) -> list[BaseRoute]:
    """The routes of all places; those of programs only, where there are no reports for a page."""
    pool, models = Pool(), Models(workspace)
    found: list[BaseRoute] = endpoint.routes(models, pool)
    if report is None:
        return found
    feeds, jobs = Feeds(), Jobs(workspace)
    return [
        *found,
        *catalogue.routes(workspace),
        *network.routes(workspace, pool),
        *texts.routes(workspace, pool),
        *begin.routes(workspace, jobs),
        *train.routes(workspace, feeds, Overview(workspace, feeds, jobs)),
        *outcomes.routes(workspace, pool, feeds, jobs, report),
        *writing.routes(models, pool),
        *inside.routes(workspace, models, pool),
    ]
