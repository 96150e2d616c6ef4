"""Command `runs`."""

from typing import Annotated

import typer

from recurra.cli import options
from recurra.cli.output import echo, make_console, print_json, print_table
from recurra.training.run_list import RUN_LIST, list_runs


def runs_command(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Where to look, five folders deep.  [runs]")
    ] = "runs",
    sort: Annotated[
        str,
        typer.Option(metavar="COLUMN", help="By which to sort, as --csv names it: held_out, lr..."),
    ] = "held_out",
    reverse: Annotated[bool, typer.Option("--reverse", help="The largest first.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="All columns, comma-separated.")] = False,
    json: options.Json = False,
) -> None:
    """List the runs of a folder with their settings and losses, the best first."""
    found = list_runs(folder, sort, reverse)
    if json:
        print_json({"runs": RUN_LIST.records(found)})
    elif csv:
        echo(RUN_LIST.csv(found), end="")
    elif found:
        print_table(make_console(), RUN_LIST.show(found))
    else:
        make_console().print(f"No run in {folder}: recurra train TEXT makes one.")
