"""Commands that compare networks and tell of it: `compare` and `report`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

import recurra
from recurra.cli import options
from recurra.cli.display import follow, reading_lines
from recurra.cli.output import (
    Interrupted,
    echo,
    make_console,
    print_json,
    print_remarks,
    print_table,
    shown_path,
    tell_written,
)
from recurra.comparison.budgets import Sizes
from recurra.comparison.cost import TimeLeft
from recurra.comparison.request import entrant_kind
from recurra.comparison.runner import count_runs
from recurra.training.records import Finished
from recurra.training.stopping import INTERRUPTED
from recurra.view import numbers

if TYPE_CHECKING:
    from rich.console import Console

    from recurra.comparison.comparison import Comparison, PlannedRun
    from recurra.comparison.results import Results

Number = TypeVar("Number", int, float)


@options.recipe_options
def compare_command(
    context: typer.Context,
    networks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=]NETWORK",
            help="Two or more: names from `recurra networks` or .eq files; without --text, run "
            "folders, or studies, whose winners are trained. NAME= gives one a name of its own.",
        ),
    ] = None,
    texts: Annotated[
        list[str] | None,
        typer.Option(
            "--text", metavar="TEXT", help="A file, folder, URL or `shakespeare`; may be repeated."
        ),
    ] = None,
    choices: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME.CHOICE=VALUE", help="In the equations of one: wrnn.f1=sigmoid."
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Runs of each network, from seeds that count up.")
    ] = 5,
    rates: Annotated[
        str | None,
        typer.Option(
            metavar="LR,LR,...", help="Learning rates that each network tries first, a run each."
        ),
    ] = None,
    match: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="parameters: as many as the first network, within 2 %; hidden: equal sizes.",
        ),
    ] = "parameters",
    out: Annotated[
        str | None,
        typer.Option(metavar="COMPARISON", help="The new folder.  [comparisons/NETWORKS-TEXT-001]"),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="COMPARISON", help="Go on with this one; finished: show it again."),
    ] = None,
    fetch: options.Fetch = False,
    encoding: options.Encoding = None,
    split: options.Split = "90/5/5",
    engine: options.EngineName = None,
    device: options.Device = None,
    threads: options.Threads = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Train so many runs side by side, with a thread each."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Share the runs between machines: postgresql://..."),
    ] = None,
    dask: options.Dask = None,
    sbatch: options.Sbatch = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell how many runs, and how long they take.")
    ] = False,
    json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show results only.")] = False,
    recipe: options.RecipeName = "modern",
    hidden: Annotated[
        str | None,
        typer.Option(metavar="SIZES,...", help="Of the first network; each a budget of its own."),
    ] = None,
    steps: Annotated[
        str | None, typer.Option(metavar="N,...", help="Equal lengths; each a budget of its own.")
    ] = None,
    epochs: Annotated[
        str | None, typer.Option(metavar="X,...", help="The same, in times through the text.")
    ] = None,
    minutes: Annotated[
        str | None, typer.Option(metavar="X,...", help="Equal times; each a budget of its own.")
    ] = None,
    **settings: Any,
) -> None:
    """Compare networks at equal budgets, from several seeds, on text that none of them saw.

    Every network is trained from the same seeds with the same recipe, each run in a folder of its
    own; then the test text is opened, once. --steps (equal characters), --minutes (equal time)
    and --hidden may be lists such as 64,256: every combination is a budget of its own.
    Ctrl-C saves and ends; --resume goes on.
    """
    request = options.request(
        recurra.CompareRequest,
        context,
        {
            "networks": (),
            entrant_kind(networks or (), texts or ()): networks or (),
            "choices": _choices(choices),
            "hidden": _sizes(hidden),
            "steps": _numbers(steps, "--steps", int),
            "epochs": _numbers(epochs, "--epochs", float),
            "minutes": _numbers(minutes, "--minutes", float),
            "rates": _numbers(rates, "--rates", float),
        },
    )
    console = make_console(stderr=json)
    if dry_run:
        _dry_run(console, request, json)
        return
    comparison = request.open(reading_lines(make_console(stderr=json, quiet=quiet)))
    if request.sbatch:
        from recurra.tuning.cluster import sbatch_script

        workers = request.processes(comparison) or 1
        echo(sbatch_script(comparison.folder, request.storage, workers), end="")
        return
    where = shown_path(comparison.folder)
    try:
        train = _train if request.processes(comparison) is None else train_with_workers
        train(comparison, make_console(stderr=json, quiet=quiet), request)
        results = recurra.evaluate_test(comparison, request.texts or None, fetch=request.fetch)
    except KeyboardInterrupt:
        raise Interrupted(f"Ended at once. Go on: recurra compare --resume {where}") from None
    if json:
        print_json(results.as_dict())
        return
    _print_results(console, comparison, results)
    console.print(f"\nNext: recurra report {where} -o report.html")


def report_command(
    things: Annotated[
        list[str],
        typer.Argument(
            metavar="COMPARISON|STUDY|RUN...", help="A comparison, a study, or one or more runs."
        ),
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="The page; it is replaced.")
    ] = "report.html",
    lang: Annotated[str, typer.Option(metavar="LANGUAGE", help="en or zh.")] = "en",
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="html or md; else as FILE ends."),
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help="What samples go on with; repeatable.  [from held-out text]"
        ),
    ] = None,
    chars: Annotated[int, typer.Option(min=0, help="Characters of a sample; 0: none.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    figures: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Write every figure there, too, with its numbers; tables as CSV and LaTeX.",
        ),
    ] = None,
    figure_format: Annotated[
        str, typer.Option(metavar="FORMAT", help="Of these figures: svg, pdf or png.")
    ] = "svg",
    fetch: options.Fetch = False,
) -> None:
    """Make one page of a comparison, a study or runs: opens anywhere, asks nothing of any server.

    What was asked, equations, tables, curves, intervals, samples, and the commands to repeat it.
    """
    written = recurra.write_report(
        things,
        out,
        language=lang,
        format=format_,
        prompts=prompt,
        characters=chars,
        seed=seed,
        fetch=fetch,
        figures=figures,
        figure_format=figure_format,
    )
    tell_written(written)


def _choices(items: Sequence[str] | None) -> dict[str, dict[str, str | float]]:
    """``["wrnn.f1=relu"]`` -> ``{"wrnn": {"f1": "relu"}}``."""
    found: dict[str, dict[str, str | float]] = {}
    for name, value in options.choices(items).items():
        network, dot, choice = name.rpartition(".")
        if not dot:
            message = f"say whose {choice}: --set NAME.{choice}={value}"
            raise typer.BadParameter(message, param_hint="--set")
        found.setdefault(network, {})[choice] = value
    return found


def _numbers(text: str | None, option: str, kind: Callable[[str], Number]) -> list[Number]:
    """``"100,400"`` -> two numbers."""
    try:
        return [] if text is None else [kind(number) for number in text.split(",")]
    except ValueError:
        such = "100,400" if option == "--steps" else "1e-3,3e-3"
        message = f"{text} is not a list of numbers such as {such}"
        raise typer.BadParameter(message, param_hint=option) from None


def _sizes(text: str | None) -> list[Sizes]:
    """``"64,256"`` -> two sizes; ``"a=64,b=128"`` -> one, by vector."""
    if text is None:
        return []
    return [options.hidden_sizes(size) for size in ([text] if "=" in text else text.split(","))]


def _train(comparison: "Comparison", console: "Console", request: "recurra.CompareRequest") -> None:
    """Train what is missing; a line for each run that ends."""
    where = shown_path(comparison.folder)
    done, total = _print_plan(comparison, console)
    texts, told, left = request.texts or None, False, TimeLeft(comparison)
    for trial, trainer in recurra.pending_runs(comparison, texts, fetch=request.fetch):
        if not told:
            print_remarks(console, trainer.corpus)
            told = True
        seconds = left.seconds(trial)
        in_all = "" if seconds is None else f"; all runs: about {numbers.duration(seconds)} left"
        console.print(f"[{done + 1}/{total}] {trial.key}{in_all}")
        with follow(trainer, console, partial(left.seconds, trial)) as show:
            for record in trainer.records():
                show(record)
        assert isinstance(record, Finished)
        done += record.stopped_by != INTERRUPTED
        left.end(trial, record.seconds)
        if trainer.stop_requested:
            advice = f"recurra compare --resume {where}"
            raise Interrupted(f"Interrupted after {done} of {total} runs. Go on: {advice}")
        console.print(f"[{done}/{total}] {_outcome(trial, record)}")


def _dry_run(console: "Console", request: "recurra.CompareRequest", json: bool) -> None:
    from recurra.comparison.tables import COSTS

    console.print("measuring each network ...")
    cost = request.estimate()
    if json:
        print_json({"runs": COSTS.records(cost.runs), "seconds": cost.seconds})
        return
    print_table(console, COSTS.show(cost.runs))
    total = f"about {numbers.duration(cost.seconds)} in all"
    if any(of_network.seconds is None for of_network in cost.runs):
        total += ", and those that only a stop rule ends"
    console.print(f"{numbers.counted(cost.count, 'run')} to train: {total}")


def train_with_workers(
    comparison: "Comparison", console: "Console", request: "recurra.CompareRequest"
) -> None:
    """The same by processes side by side."""
    done, total = _print_plan(comparison, console)
    try:
        for finished in request.train(comparison):
            for planned in finished:
                done += 1
                console.print(f"[{done}/{total}] {_outcome(planned, planned.finished())}")
    except KeyboardInterrupt:
        advice = f"recurra compare --resume {shown_path(comparison.folder)}"
        raise Interrupted(
            f"Interrupted after {done} of {total} runs. Go on: {advice} --workers "
            f"{request.processes(comparison)}"
        ) from None


def _print_plan(comparison: "Comparison", console: "Console") -> tuple[int, int]:
    """Print the runs and sizes; how many runs have finished, and how many there are."""
    done, total = count_runs(comparison)
    console.print(
        f"comparison {shown_path(comparison.folder)}: {total} runs, {done} of them finished"
    )
    for budget in comparison.budgets:
        counts = (f"{n} {count:,}" for n, count in budget.parameters.items())
        console.print(f"  budget {budget.name}: parameters: {', '.join(counts)}")
    return done, total


def _outcome(planned: "PlannedRun", record: Finished) -> str:
    loss = record.val_nats_per_char
    held_out = "no held-out loss" if loss is None else f"held-out {numbers.loss(loss)} nats"
    return f"{planned.key}: {held_out}, {numbers.duration(record.seconds)}; ended: {record.message}"


def _print_results(console: "Console", comparison: "Comparison", results: "Results") -> None:
    from recurra.comparison.tables import SUMMARIES

    for budget in comparison.budgets:
        console.print(f"\nBudget {budget.name}, {numbers.counted(len(comparison.seeds), 'seed')}:")
        rows = [summary for summary in results.summaries if summary.budget == budget.name]
        print_table(console, SUMMARIES.show(rows))
        for difference in results.differences:
            if difference.budget == budget.name:
                console.print(difference.sentence())
        for note in results.notes(budget.name):
            console.print(note)
    console.print(
        f"\nOver {results.characters:,} characters of test text, opened once. Intervals of "
        f"differences: over seeds and {results.blocks} blocks of text, together right in 95 % of "
        "comparisons."
    )
