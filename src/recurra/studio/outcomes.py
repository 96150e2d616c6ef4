"""Searches and comparisons: how far they are, and what was found out."""

import contextlib
from collections.abc import Callable
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from recurra.comparison.comparison import Comparison
from recurra.comparison.runner import all_runs
from recurra.errors import RecurraError, RunError
from recurra.storage.runs import METRICS
from recurra.studio.chart import OVERLAID, draw_chart
from recurra.studio.feed import Feed, Feeds
from recurra.studio.jobs import Jobs
from recurra.studio.overview import Row, row_of
from recurra.studio.pool import Pool
from recurra.studio.workspace import Entry, Workspace, changed
from recurra.tuning.study_spec import load_spec
from recurra.view import numbers
from recurra.view.tables import Column, Table, html
from recurra.view.text import visible
from recurra.view.words import Words

LISTED = 40  # of the runs inside
ReportOf = Callable[[Path, str], str]


def routes(
    workspace: Workspace, pool: Pool, feeds: Feeds, jobs: Jobs, report_of: ReportOf
) -> list[BaseRoute]:
    """The routes of the outcomes.

    Args:
        workspace: the folder.
        pool: computes.
        feeds: records of the runs inside.
        jobs: know what is at work.
        report_of: a study or a comparison that found something, in a language, as HTML.
    """

    def told(entry: Entry, language: str) -> str:
        running = jobs.process(entry) is not None
        found, missing = "", ""
        # who trains a comparison opens its test part, not a reader
        if not running or entry.kind == "study":
            try:
                found = report_of(entry.path, language)
            except RunError as error:
                missing = "" if running else f'<p class="soft">{escape(str(error))}</p>'
        if found and not running:
            return found
        return _progress(entry, feeds, Words(language)) + missing + found

    async def report(request: Request) -> Response:
        entry = workspace.entry(request.query_params.get("entry", ""))
        language = Words(request.query_params.get("language", "en")).language
        return HTMLResponse(await pool.run(lambda: told(entry, language)))

    return [Route("/api/outcomes/report", report)]


def _progress(entry: Entry, feeds: Feeds, words: Words) -> str:
    """The runs inside that were written to last: curves, and a table."""
    if entry.kind == "study":
        total = load_spec(entry.path)[0].trials
    else:
        total = len(all_runs(Comparison.open(entry.path)))
    folders = entry.runs()
    begun = words("studio runs begun", begun=f"{len(folders):,}", total=f"{total:,}")
    latest = sorted(folders, key=lambda folder: changed(folder / METRICS))[-LISTED:]
    read = dict[str, Feed]()
    for folder in reversed(latest):
        with contextlib.suppress(RecurraError):  # a damaged one is left out
            read[visible(str(folder.relative_to(entry.path)))] = feeds.of(folder)
    rows = [
        row_of(Entry("run", name, name, feed.opened.run.folder), feed, 0.0)
        for name, feed in read.items()
    ]
    drawn = draw_chart([*read.items()][:OVERLAID], "steps", "held_out", words)
    return f"<p>{escape(begun)}</p>{drawn}{html(_INSIDE.show(rows, words))}"


_INSIDE = Table[Row](
    Column("label", "run", lambda row: row.label),
    Column("network", "network", lambda row: row.network),
    Column("hidden", "hidden", lambda row: row.hidden),
    Column("steps", "steps", lambda row: row.steps),
    Column("train", "train", lambda row: row.train, numbers.loss),
    Column("held_out", "validation", lambda row: row.held_out, numbers.loss),
)
