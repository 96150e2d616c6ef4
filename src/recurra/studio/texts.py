"""Texts that are dropped on the page: bounded, decoded, told about, and kept in ``texts``."""

import itertools
import os
import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from recurra.storage.files import cannot_write, safe_name
from recurra.studio.errors import BadRequestError
from recurra.studio.pool import Pool
from recurra.studio.responses import answer
from recurra.studio.workspace import Workspace
from recurra.text.corpus import split_texts
from recurra.text.decoding import DecodedText
from recurra.text.remarks import remarks
from recurra.view.text import visible

PATH = "/api/texts"
MOST = 1000  # texts that are listed


def routes(workspace: Workspace, pool: Pool) -> list[BaseRoute]:
    """The routes of texts."""

    async def listed(request: Request) -> Response:
        return answer({"texts": await pool.run(lambda: _list(workspace))})

    async def dropped(request: Request) -> Response:
        name = request.query_params.get("name", "")
        if not name.strip():
            raise BadRequestError("name", "name the text")
        folder = workspace.place("texts")
        temporary = folder / f".{secrets.token_hex(8)}.tmp"
        try:
            folder.mkdir(exist_ok=True)
            with temporary.open("xb") as file:
                async for piece in request.stream():
                    file.write(piece)
            return answer(await pool.run(lambda: _keep(folder, temporary, name)))
        except OSError as error:
            raise cannot_write(folder, error) from None
        finally:
            temporary.unlink(missing_ok=True)

    return [Route(PATH, listed), Route(PATH, dropped, methods=["POST"])]


def _keep(folder: Path, temporary: Path, name: str) -> dict[str, Any]:
    """Give a text its name, if it is one; what there is to tell about it.

    Raises:
        TextError: it is empty, or no text.
    """
    content = temporary.read_bytes()
    corpus = split_texts([DecodedText(BytesIO(content), visible(name)[:200])])
    stem = safe_name(Path(name.replace("\\", "/")).stem) or "text"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    for place in (folder / f"{name}.txt" for name in names):
        try:
            os.link(temporary, place)  # unlike a rename, it never replaces a file
        except FileExistsError:
            if place.is_file() and place.read_bytes() == content:
                break
        else:
            break
    (document,) = corpus.documents
    return {
        "name": f"{folder.name}/{place.name}",
        "characters": document.characters,
        "distinct": len(corpus.vocabulary),
        "encoding": document.encoding,
        "detected_by": document.detected_by,
        "replaced": document.replaced,
        "remarks": [visible(remark) for remark in remarks(corpus)],
    }


def _list(workspace: Workspace) -> list[dict[str, Any]]:
    """The texts that were dropped before, by name."""
    found = []
    for path in sorted(workspace.place("texts").glob("*.txt")):
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            try:
                name = path.name.encode().decode()
            except UnicodeError:
                continue  # not by this page
            found.append({"name": f"texts/{name}", "bytes": path.stat().st_size})
    return found[:MOST]
