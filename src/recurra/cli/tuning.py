"""The command that searches: `tune`."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

import recurra
from recurra.cli import options
from recurra.cli.board import board, show_winner
from recurra.cli.display import reading_lines
from recurra.cli.output import (
    Interrupted,
    echo,
    make_console,
    print_json,
    print_remarks,
    print_table,
    shown_path,
)
from recurra.view.numbers import counted, duration, whole

if TYPE_CHECKING:
    from rich.console import Console

    from recurra.tuning.cost import CostEstimate
    from recurra.tuning.study_spec import StudySpec


@options.recipe_options
def tune_command(
    context: typer.Context,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Files, folders, URLs or `shakespeare`."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="STUDY", help="Go on with this one; with --minutes for so long."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(metavar="NETWORK", help="A library network's name, or a .eq file.  [wrnn]"),
    ] = None,
    space: Annotated[
        str | None, typer.Option(metavar="FILE", help="What to search, as TOML: lr = [0.01, 0.001]")
    ] = None,
    choices: options.Choices = None,
    grid: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="classic: the published 640 (rnn) or 320 (wrnn)."),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            "--search", metavar="NAME", help="grid, random or tpe.  [grid if there is one]"
        ),
    ] = None,
    pruner: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="none, classic, median, halving, hyperband, rounds or top.  [rounds]",
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many.  [the grid, or 64]")
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(min=1, metavar="CHARS", help="Of a training in full.  [the recipe's budget]"),
    ] = None,
    rung: Annotated[
        int | None,
        typer.Option(min=1, metavar="CHARS", help="When trials are looked at first.  [length/27]"),
    ] = None,
    factor: Annotated[
        int, typer.Option(min=2, help="One in so many goes on; how much further the next rung is.")
    ] = 3,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Trials that go on (top).  [a sixteenth]")
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Judge trials only against those with the same value of it, as of hidden: large "
            "networks learn slowly at first (rounds).",
        ),
    ] = None,
    finalists: Annotated[
        int, typer.Option(min=0, help="So many of the best are trained in full.")
    ] = 3,
    max_in_flight: Annotated[
        int | None,
        typer.Option(
            "--max-in-flight",
            "--ahead",
            min=1,
            help="Trials that run at a time, at most (tpe, median, halving, hyperband).",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so many; the same command goes on.")
    ] = None,
    characters: Annotated[
        int | None, typer.Option(min=1, help="Begin no trial after so many in all.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes, one core each.  [cores]")
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(metavar="0,1", help="Devices that the workers share in turn (torch)."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="STUDY", help="The study's folder.  [studies/...]")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Keep the trials in PostgreSQL: postgresql://..."),
    ] = None,
    dask: options.Dask = None,
    sbatch: options.Sbatch = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell how many trials, how long, what memory.")
    ] = False,
    encoding: options.Encoding = None,
    split: options.Split = "90/5/5",
    engine: options.EngineName = None,
    device: options.Device = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="modern or classic; its fields are the options below."),
    ] = None,
    **settings: Any,
) -> None:
    """Search for good settings, compared by held-out loss per character.

    The same command, or --resume, goes on where it was stopped, by Ctrl-C or by a kill; no trial is
    repeated.
    """
    parsed = {"texts": texts or (), "choices": options.choices(choices)}
    request = options.request(recurra.TuneRequest, context, parsed)
    console = make_console(stderr=json, quiet=quiet)
    if dry_run:
        _dry_run(console, request, json)
        return
    study = request.open_study(reading_lines(console))
    if request.sbatch:
        from recurra.tuning.cluster import sbatch_script

        echo(sbatch_script(study.folder, study.storage, request.processes), end="")
        return
    console.print(f"study {shown_path(study.folder)}: {counted(study.spec.trials, 'trial')}")
    _tell_warmup(console, request, study.spec)
    print_remarks(console, study.spec.text.load(study.folder))
    try:
        with board(console, study) as show:
            for present in request.search(study):
                show(present)
    except KeyboardInterrupt:
        raise Interrupted(
            "Interrupted, and saved. The same command goes on; what there is: recurra trials "
            f"{shown_path(study.folder)}"
        ) from None
    show_winner(console, study, json)


def _dry_run(console: "Console", request: "recurra.TuneRequest", json: bool) -> None:
    from recurra.tuning.cost import DAY, estimate_cost
    from recurra.tuning.tables import PROBES

    spec = request.spec()
    console.print("measuring a few settings ...")
    found = estimate_cost(spec, request.processes)
    if json:
        print_json(asdict(found))
        return
    print_table(console, PROBES.show(found.probes))
    _tell(console, spec, found)
    _tell_warmup(console, request, spec)
    if request.grid is not None:
        times = DAY / found.seconds
        longer = f": more than {whole(times)} times as long as this takes" if times >= 2 else ""
        console.print(
            "The published W-RNN code ran for a day on 12 cores and did not come to the end of "
            f"a grid{longer}."
        )


def _tell_warmup(console: "Console", request: "recurra.TuneRequest", spec: "StudySpec") -> None:
    fitted = spec.recipe.warmup
    if request.resume is not None:
        return
    assert isinstance(request.recipe, recurra.Recipe)  # a checked request's
    if "warmup" not in spec.space.parameters and fitted < request.recipe.warmup:
        console.print(
            f"warm-up: {counted(fitted, 'step')} instead of {request.recipe.warmup:,}, so that it "
            f"ends before the first rung, {spec.pruner.rungs[0]:,} characters; --warmup and --rung "
            "set both"
        )


def _tell(console: "Console", spec: "StudySpec", found: "CostEstimate") -> None:
    bound = "at most " if found.at_most else ""
    console.print(
        f"{counted(found.trials, 'trial')} of {spec.length:,} characters, "
        f"search {spec.sampler.name}, pruner {spec.pruner.name}: "
        f"{bound}{found.characters:,} characters"
    )
    console.print(
        f"time: {bound}about {duration(found.seconds)} with {counted(found.workers, 'worker')} on "
        f"{os.cpu_count()} cores; memory: up to {whole(found.memory / 2**20)} MiB for each worker; "
        f"disk: up to {found.disk / 2**30:,.2f} GiB"
    )
    if found.too_large:
        console.print(f"{found.too_large:,} trials do not fit into memory and will be skipped")
