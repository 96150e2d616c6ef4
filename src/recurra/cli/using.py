"""Commands that use a trained run: `write` and `eval`."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

import recurra
from recurra.cli import options
from recurra.cli.output import echo, make_console, print_json, print_table, shown_path, tell_written
from recurra.compute.engines import DEFAULT_ENGINE, engine_on
from recurra.errors import TextError
from recurra.storage.outputs import check_output, open_output, output_format
from recurra.view.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from recurra.storage.runs import Name


def write_command(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="One or more run folders, then the text, in quotes."),
    ],
    chars: Annotated[int, typer.Option(min=0, help="Characters to write.")] = 500,
    temperature: Annotated[
        float, typer.Option(help="Below 1: more likely text; above 1: more surprising.")
    ] = 0.8,
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
    last: Annotated[
        bool, typer.Option("--last", help="Use the run's last state, not its best.")
    ] = False,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write into this file, as UTF-8."),
    ] = None,
) -> None:
    """Go on with a text, as one run would, or several side by side: write RUN [RUN...] [TEXT].

    Without TEXT it comes from a pipe; without a pipe you type, they go on, you type again.
    """
    sampling = recurra.Sampling(0.0 if greedy else temperature, top_k, top_p)
    # A folder is a run, whatever it holds; what stands last and is none is the text.
    *rest, text = runs
    prompt = text if rest and not os.path.isdir(text) else None
    checkpoint: Name | None = "last" if last else None
    writers = {}
    for run in runs if prompt is None else rest:
        if rest and not os.path.isdir(run):
            raise recurra.RunError(f"no run folder {run}; a text of several words needs quotes")
        model = recurra.load_model(run, checkpoint)
        writers[shown_path(run)] = recurra.Writer(model, sampling, seed)
    console = make_console()
    if out is not None:
        output_format(out, ["txt"])
        check_output(out)
    if prompt is None and sys.stdin.isatty():
        if out is not None:
            raise typer.BadParameter("a conversation has no file: name a text", param_hint="--out")
        _converse(console, writers, chars, strict)
        return
    prompt = _piped() if prompt is None else prompt
    if out is None:
        write_on(console, writers, prompt, chars, strict)
        return
    _read(writers, prompt, strict)
    with open_output(out) as file:
        for text in _written(writers, prompt, chars):
            file.write(text.encode("utf-8", "backslashreplace"))
    tell_written(out)


def write_on(
    console: "Console",
    writers: Mapping[str, recurra.Writer],
    prompt: str,
    characters: int,
    strict: bool = False,
) -> None:
    """Let every writer read the prompt and go on: in columns on a terminal, else in turn."""
    _read(writers, prompt, strict)
    if len(writers) > 1 and console.is_terminal and not console.is_dumb_terminal:
        _write_columns(console, writers, prompt, characters)
        return
    for text in _written(writers, prompt, characters):
        echo(text, end="")


def _read(writers: Mapping[str, recurra.Writer], prompt: str, strict: bool) -> None:
    for name, writer in writers.items():
        unknown = writer.read(prompt, strict)
        if unknown:
            more = f" and {len(unknown) - 8:,} more" if len(unknown) > 8 else ""
            named = ", ".join(map(repr, unknown[:8]))
            echo(f"{name} has never seen {named}{more}: skipped", err=True)


def _written(writers: Mapping[str, recurra.Writer], prompt: str, characters: int) -> Iterator[str]:
    for name, writer in writers.items():
        if len(writers) > 1:
            yield f"--- {name}\n"
        yield prompt
        yield from writer.write(characters)
        yield "\n"


def _write_columns(
    console: "Console", writers: Mapping[str, recurra.Writer], prompt: str, characters: int
) -> None:
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    table = Table(*writers, expand=True)
    cells = [Text(visible(prompt), "bold", overflow="fold") for _ in writers]
    table.add_row(*cells)
    with Live(table, console=console):
        streams = [writer.write(characters) for writer in writers.values()]
        for written in zip(*streams, strict=True):
            for cell, character in zip(cells, written, strict=True):
                cell.append(visible(character), "not bold")


def _converse(
    console: "Console", writers: Mapping[str, recurra.Writer], characters: int, strict: bool
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
                write_on(console, writers, prompt, characters, strict)
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


def eval_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder.")],
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Other texts; or its own, if they were moved."),
    ] = None,
    windows: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Also from zeros at every N characters."),
    ] = None,
    encoding: options.Encoding = None,
    engine: options.EngineName = None,
    device: options.Device = None,
    threads: options.Threads = None,
    fetch: options.Fetch = False,
    json: options.Json = False,
) -> None:
    """How well a run predicts the whole of its held-out text, or of other texts."""
    from recurra.training.tables import SCORES

    opened = recurra.Run.open(run)
    scores = list(
        recurra.score(
            opened,
            texts,
            encoding=encoding,
            windows=windows,
            engine=engine_on(engine, device) or DEFAULT_ENGINE,
            threads=threads,
            fetch=fetch,
        )
    )
    if scores[0].skipped:
        echo(f"{scores[0].skipped:,} characters unknown to the model: left out", err=True)
    if json:
        results = SCORES.records(scores)
        print_json({"run": str(opened.folder), "skipped": scores[0].skipped, "results": results})
    else:
        print_table(make_console(), SCORES.show(scores))
