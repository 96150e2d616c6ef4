"""Commands about work that another command began: `trials` and `worker`."""

from typing import Annotated

import typer

import recurra
from recurra.cli import options
from recurra.cli.board import board, show_winner
from recurra.cli.comparing import train_with_workers
from recurra.cli.output import echo, make_console, print_json, print_table, shown_path
from recurra.comparison.comparison import is_comparison
from recurra.view.export import check_format
from recurra.view.numbers import DASH

StudyFolder = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study's folder, made by `recurra tune`.")
]
Storage = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Its database, with the password; or RECURRA_STORAGE."),
]


def trials_command(
    study: StudyFolder,
    storage: Storage = None,
    top: Annotated[
        int, typer.Option(min=1, metavar="N", help="So many rows of the table for people.")
    ] = 50,
    figures: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT", help="Draw figures into the study's folder, too: svg, pdf or png."
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="All columns, comma-separated.")] = False,
    json: options.Json = False,
) -> None:
    """Show the trials of a search, the best first."""
    from recurra.tuning.statistics import importance, rung_correlations
    from recurra.tuning.study import leading_rows, rows
    from recurra.tuning.tables import trials_table
    from recurra.tuning.trials import rank

    if figures:
        check_format(figures)
    opened = recurra.Study.open(study, storage)
    trials = opened.trials()
    found = rows(opened, sorted(trials, key=rank))
    table = trials_table(opened.spec)
    correlations = rung_correlations(opened.spec, trials)
    weights = importance(opened.spec, trials)
    console = make_console(stderr=json or csv)
    if json:
        print_json(
            {
                "study": str(opened.folder),
                "trials": table.records(found),
                "importance": weights,
                "rungs": [vars(correlation) for correlation in correlations],
            }
        )
    elif csv:
        echo(table.csv(found), end="")
    else:
        begun, more, waiting = leading_rows(found, top)
        print_table(console, table.show(begun))
        if more:
            console.print(f"and {more:,} more: --csv shows all")
        if waiting:
            console.print(f"{waiting:,} trials wait")
        for correlation in correlations:
            rho = DASH if correlation.rho is None else f"{correlation.rho:.2f}"
            console.print(
                f"rank correlation of the loss at {correlation.rung:,} characters with the final "
                f"one, over {correlation.trials:,} trials: {rho}"
            )
        parts = ", ".join(f"{name} {part:.2f}" for name, part in weights.items())
        console.print(
            f"part of the variance that each explains alone: {parts or 'too few trials to tell'}"
        )
        if any(trial.loss is not None for trial in trials):
            show_winner(console, opened, False)
    if figures:
        from recurra.tuning.figures import draw_all

        for path in draw_all(opened.folder / "figures", opened.spec, trials, figures):
            console.print(f"drawn: {shown_path(path)}")


def worker_command(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="A study's folder, or a comparison's.")
    ],
    storage: Storage = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, one core each.")] = 1,
    characters: Annotated[
        int | None, typer.Option(min=1, help="Begin no trial of a study after so many in all.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Work on what `recurra tune` or `recurra compare` began: any number may, on any machine.

    All need the folder. Ctrl-C or SIGTERM saves what is trained; another worker goes on with it.
    """
    console = make_console(quiet=quiet)
    if is_comparison(folder):
        if characters is not None:
            message = "a comparison trains every run to its end"
            raise typer.BadParameter(message, param_hint="--characters")
        request = recurra.CompareRequest(resume=folder, storage=storage, workers=workers)
        train_with_workers(request.join(), console, request)
        return
    from recurra.tuning.workers import search

    opened = recurra.Study.open(folder, storage)
    with board(console, opened) as show:
        for trials in search(opened, workers=workers, characters=characters):
            show(trials)
