"""``GET /api/words/en``: the words of the page, in one language."""

from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from recurra.studio.responses import answer
from recurra.view.words import Words, table

PREFIX = "studio "  # of the keys of the page's words


def routes() -> list[BaseRoute]:
    """The routes of the words."""
    return [Route("/api/words/{language}", _words)]


async def _words(request: Request) -> Response:
    return answer(_page_words(request.path_params["language"]))


@cache
def _page_words(language: str) -> dict[str, str]:
    known = table(Words(language).language).items()
    return {key.removeprefix(PREFIX): text for key, text in known if key.startswith(PREFIX)}
