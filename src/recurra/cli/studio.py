"""Commands that serve a folder on this machine: `studio` and `serve`."""

from typing import TYPE_CHECKING, Annotated

import typer

from recurra.cli.output import echo
from recurra.errors import SettingError

if TYPE_CHECKING:
    from pathlib import Path

    from recurra.studio.server import Server

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="A folder of runs.")]
Port = Annotated[
    int | None,
    typer.Option(min=1, max=65535, metavar="N", help="Of 127.0.0.1; else 8421, or the next free."),
]


def studio_command(
    folder: Folder = ".",
    port: Port = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address only.")
    ] = False,
) -> None:
    """See, train, write and look inside: a page for the runs of a folder, on this machine only.

    The address has a token; whoever knows it can use the studio. Ctrl-C ends the server, and no
    training: those go on, and are there again when the server is.
    """
    server = _server(folder, port, page=True)
    echo(server.address)
    if not no_browser:
        server.open_browser()
    server.run()


def serve_command(folder: Folder = ".", port: Port = None) -> None:
    """Let other programs use the runs of a folder: the completions of OpenAI's API, at /v1.

    The key is new every time, unless RECURRA_TOKEN has one.
    """
    server = _server(folder, port, page=False)
    echo(f"address: {server.origin}/v1")
    echo(f"key: {server.token}")
    server.run()


def _server(folder: str, port: int | None, *, page: bool) -> "Server":
    try:
        from recurra.studio.app import create_app
        from recurra.studio.server import Server, make_token
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        raise SettingError(
            f'this needs the package {package}: pip install "recurra[studio]"'
        ) from None
    token = make_token()
    return Server(create_app(folder, token, _report if page else None), token, port)


def _report(folder: "Path", language: str) -> str:
    from recurra.report.page import fragment  # loads much, and the first page does not need it

    return fragment(folder, language)
