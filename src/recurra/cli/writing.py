"""The command `write`: trained runs go on with a text."""

import contextlib
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated

import typer

import recurra
from recurra.cli import options
from recurra.cli.display import reading_lines
from recurra.cli.output import echo, make_console, shown_path, tell_written
from recurra.errors import TextError
from recurra.storage.outputs import open_output
from recurra.text.sources import read_documents
from recurra.training.write_request import CHARACTERS, TEMPERATURE, split_prompt
from recurra.view.text import visible

if TYPE_CHECKING:
    from rich.console import Console


def write_command(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="One or more run folders, then the text, in quotes."),
    ],
    characters: Annotated[
        int, typer.Option("--chars", min=0, help="Characters to write.")
    ] = CHARACTERS,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The text, if it is a folder's name or begins with -."),
    ] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The text is in this file.")
    ] = None,
    stop: Annotated[str, typer.Option(metavar="TEXT", help="End before this text.")] = "",
    samples: Annotated[int, typer.Option(min=1, metavar="N", help="Texts of each run.")] = 1,
    temperature: Annotated[
        float, typer.Option(help="Below 1: more likely text; above 1: more surprising.")
    ] = TEMPERATURE,
    top_k: Annotated[
        int | None, typer.Option(help="Draw only among so many likeliest characters.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw only among the likeliest that together reach this.")
    ] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="Always take the likeliest.")] = False,
    seed: Annotated[
        int | None, typer.Option(help="Equal seeds write equal texts; else a new one every time.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse TEXT with characters unknown to the model.")
    ] = False,
    adapt: options.Adapt = False,
    adapt_set: options.AdaptSet = None,
    mix: options.Mix = None,
    fetch: options.Fetch = False,
    last: Annotated[
        bool, typer.Option("--last", help="Use the run's last state, not its best.")
    ] = False,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write into this file, as UTF-8."),
    ] = None,
) -> None:
    """Go on with a text, as one run would, or several side by side: write RUN [RUN...] [TEXT].

    TEXT can be -, which is standard input. With --adapt they learn from TEXT, step by step, before
    they go on; their files stay as they are. With --mix each writes as a mixture, which learns from
    TEXT whom to believe. Without TEXT, on a terminal, you type, they go on, you type again;
    elsewhere they begin with nothing, and leave standard input to others.
    """
    if file is not None and prompt is not None:
        raise typer.BadParameter("the text is one of the two", param_hint="--file and --prompt")
    if file is not None:
        prompt = read_documents([file])[0].text.removesuffix("\n")
    runs, text = (tuple(words), prompt) if prompt is not None else split_prompt(words)
    if text == "-" and prompt is None:
        text = _piped()
    elif text is None and not sys.stdin.isatty():
        text = ""
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
                echo("Standard input is left unread: for its text, end with -", err=True)
    text = text and _in_utf8(text)
    adaptation = options.adaptation(adapt, adapt_set)
    parsed = {"runs": runs, "prompt": text, "adapt": adaptation, "mix": mix or ()}
    request = options.request(recurra.WriteRequest, context, parsed)
    write_texts(make_console(), request)


def _in_utf8(text: str) -> str:
    """The text of an argument whose bytes the locale (C, say) cannot read, but UTF-8 can."""
    try:
        return os.fsencode(text).decode("utf-8") if re.search("[\udc80-\udcff]", text) else text
    except UnicodeDecodeError:
        return text


def write_texts(console: "Console", request: recurra.WriteRequest) -> None:
    """Let every run go on with the prompt, or with what is typed; into a file if one is named."""
    writers = request.writers(reading_lines(make_console(stderr=True)))
    writers = {shown_path(run): writer for run, writer in writers.items()}
    if request.prompt is None:
        _converse(console, writers, request)
    elif request.out is None:
        _write_on(console, writers, request.prompt, request)
    else:
        _read(writers, request.prompt, request.strict)
        with open_output(request.out) as file:
            for text in _written(writers, request.prompt, request):
                file.write(text.encode("utf-8", "backslashreplace"))
        tell_written(request.out)


def _write_on(
    console: "Console",
    writers: Mapping[str, recurra.Writer],
    prompt: str,
    request: recurra.WriteRequest,
) -> None:
    """In columns on a terminal, else in turn."""
    _read(writers, prompt, request.strict)
    columns = request.samples == 1 < len(writers)
    if columns and console.is_interactive:
        _write_columns(console, writers, prompt, request)
        return
    for text in _written(writers, prompt, request):
        echo(text, end="")


def _read(writers: Mapping[str, recurra.Writer], prompt: str, strict: bool) -> None:
    for name, writer in writers.items():
        unknown = writer.read(prompt, strict)
        if unknown:
            more = f" and {len(unknown) - 8:,} more" if len(unknown) > 8 else ""
            named = ", ".join(map(repr, unknown[:8]))
            echo(f"{name} has never seen {named}{more}: skipped", err=True)


def _written(
    writers: Mapping[str, recurra.Writer], prompt: str, request: recurra.WriteRequest
) -> Iterator[str]:
    for name, writer in writers.items():
        if len(writers) > 1:
            yield f"--- {name}\n"
        yield prompt
        yield from writer.write(request.characters, request.stop)
        yield "\n"


def _write_columns(
    console: "Console",
    writers: Mapping[str, recurra.Writer],
    prompt: str,
    request: recurra.WriteRequest,
) -> None:
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    table = Table(*writers, expand=True)
    cells = [Text(visible(prompt), "bold", overflow="fold") for _ in writers]
    table.add_row(*cells)
    with Live(table, console=console):
        streams = [w.write(request.characters, request.stop) for w in writers.values()]
        for written in zip_longest(*streams, fillvalue=""):
            for cell, character in zip(cells, written, strict=True):
                cell.append(visible(character), "not bold")


def _converse(
    console: "Console", writers: Mapping[str, recurra.Writer], request: recurra.WriteRequest
) -> None:
    """You type, they go on, you type again."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 (makes a line that is typed editable)
    echo(
        "Type, and end with Enter; an empty line lets them write on; Ctrl-C stops a text, "
        "Ctrl-D ends.",
        err=True,
    )
    try:
        while True:
            prompt = input("> ")
            try:
                _write_on(console, writers, prompt, request)
            except KeyboardInterrupt:
                echo("")
    except EOFError:
        echo("")


def _piped() -> str:
    """The text of standard input, in any encoding, without the end of its last line."""
    from recurra.text.decoding import decode

    data = sys.stdin.buffer.read()
    try:
        return decode(data, "standard input").text.removesuffix("\n") if data else ""
    except TextError:
        raise TextError("standard input is no text that can be read: pipe UTF-8 text") from None
