"""Commands that compare networks and tell of it: `compare` and `report`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import recurra
from recurra.cli import options
from recurra.cli.display import follow
from recurra.cli.output import (
    Interrupted,
    make_console,
    print_json,
    print_table,
    shown_path,
    tell_written,
)
from recurra.comparison.budgets import LimitName, Match, Sizes
from recurra.comparison.runner import count_runs
from recurra.compute.engines import DEFAULT_ENGINE, engine_on
from recurra.training.recipe import BUDGETS
from recurra.training.records import Finished
from recurra.training.stopping import INTERRUPTED
from recurra.view import numbers

if TYPE_CHECKING:
    from rich.console import Console

    from recurra.comparison.comparison import Comparison, PlannedRun
    from recurra.comparison.results import Results

# What may stand beside --resume, and beside runs: all else is kept as it began.
RESUMING = {"resume", "text", "fetch", "json", "quiet"}
RUNS = {"entrants", "out", "fetch", "json", "quiet"}
STUDIES = RUNS | {"seeds", "threads"}


@options.recipe_options
def compare_command(
    context: typer.Context,
    entrants: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=]NETWORK",
            help="Two or more: names from `recurra networks` or .eq files; without --text, run "
            "folders, or studies, whose winners are trained. NAME= gives one a name of its own.",
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="A file, folder, URL or `shakespeare`; may be repeated."),
    ] = None,
    set_: Annotated[
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
    json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show results only.")] = False,
    recipe: options.RecipeName = "modern",
    **settings: Any,
) -> None:
    """Compare networks at equal budgets, from several seeds, on text that none of them saw.

    Every network is trained from the same seeds with the same recipe, each run in a folder of its
    own; then the test text is opened, once. --steps (equal characters), --minutes (equal time)
    and --hidden (sizes of the first network) may be lists such as 64,256: every combination is a
    budget of its own. Ctrl-C saves and ends; --resume goes on.
    """
    if resume is not None:
        kept = "a resumed comparison keeps what it began with; begin a new one to change that"
        _refuse_options(context, RESUMING, kept)
        comparison = recurra.Comparison.open(resume)
    elif not entrants:
        raise typer.BadParameter("name two networks, or use --resume", param_hint="NETWORK")
    elif text is None and all(map(_is_study, entrants)):
        kept = "the winners of studies keep their settings; to set others, add --text"
        _refuse_options(context, STUDIES, kept)
        studies = {name: recurra.Study.open(what) for name, what in _named(entrants)}
        comparison = recurra.compare_studies(
            studies, seeds=seeds, out=out, threads=threads, fetch=fetch
        )
    elif text is None:
        kept = (
            "without --text these are runs, which stay as they were; to train networks, add --text"
        )
        _refuse_options(context, RUNS, kept)
        comparison = recurra.compare_runs(_grouped(entrants), out)
    else:
        if rates and settings["lr"] is not None:
            raise recurra.SettingError("give lr and rates not both: rates are what is tried for lr")
        limits = _limits(settings)
        sizes = _sizes(settings.pop("hidden"))
        comparison = recurra.plan_comparison(
            dict(_named(entrants)),
            text,
            options.make_recipe(recipe, {**settings, "hidden": None}),
            choices=_choices(set_),
            hidden=sizes,
            limits=limits,
            match=cast(Match, match),
            seeds=seeds,
            rates=_numbers(rates, "--rates") if rates else (),
            out=out,
            encoding=encoding,
            split=split,
            engine=engine_on(engine, device) or DEFAULT_ENGINE,
            threads=threads,
        )
    console = make_console(stderr=json)
    where = shown_path(comparison.folder)
    try:
        _train(comparison, make_console(stderr=json, quiet=quiet), text, fetch)
        results = recurra.evaluate_test(comparison, text, fetch=fetch)
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
    )
    tell_written(written)


def _refuse_options(context: typer.Context, allowed: set[str], why: str) -> None:
    for name in context.params.keys() - allowed:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(why, param_hint="--" + name.strip("_").replace("_", "-"))


def _parted(entrant: str) -> tuple[str, str]:
    """``"mine=my.eq"`` -> ``("mine", "my.eq")``."""
    from pathlib import Path

    name, equals, what = entrant.partition("=")
    named = equals and not set(name) & set("/\\")
    return (name, what) if named else (Path(entrant).stem, entrant)


def _is_study(entrant: str) -> bool:
    from pathlib import Path

    from recurra.tuning.spec import FILE

    return Path(_parted(entrant)[1], FILE).exists()


def _named(entrants: Sequence[str]) -> list[tuple[str, str]]:
    """``["wrnn", "mine=my.eq"]`` -> ``[("wrnn", "wrnn"), ("mine", "my.eq")]``."""
    pairs = list(map(_parted, entrants))
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            message = f"two are called {name}: name one, as in other={dict(pairs)[name]}"
            raise typer.BadParameter(message, param_hint="NETWORK")
    return pairs


def _grouped(entrants: Sequence[str]) -> dict[str, list[str]] | list[str]:
    """Run folders, by name where they have one."""
    if all(_parted(entrant)[1] == entrant for entrant in entrants):
        return list(entrants)
    groups: dict[str, list[str]] = {}
    for entrant in entrants:
        name, run = _parted(entrant)
        if run == entrant:
            message = f"{entrant} has no name, but others have: give all a name, or none"
            raise typer.BadParameter(message, param_hint="RUN")
        groups.setdefault(name, []).append(run)
    return groups


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


def _numbers(text: str, option: str, kind: Callable[[str], Any] = float) -> list[Any]:
    try:
        return [kind(number) for number in text.split(",")]
    except ValueError:
        such = "100,400" if kind is int else "1e-3,3e-3"
        message = f"{text} is not a list of numbers such as {such}"
        raise typer.BadParameter(message, param_hint=option) from None


def _sizes(text: str | None) -> list[Sizes] | None:
    """``"64,256"`` -> two sizes; ``"a=64,b=128"`` -> one, by vector."""
    if text is None:
        return None
    return [options.hidden_sizes(size) for size in ([text] if "=" in text else text.split(","))]


def _limits(settings: dict[str, Any]) -> list[dict[LimitName, int | float]] | None:
    """Budgets of time out of the options; each length is one."""
    limits: list[dict[LimitName, int | float]] = []
    for name in BUDGETS:
        given, settings[name] = settings[name], None
        if given is not None:
            numbers = _numbers(given, f"--{name}", int if name == "steps" else float)
            if not limits:  # a recipe without stop rules needs an end of its own
                settings[name] = given.partition(",")[0]
            limits += [{cast(LimitName, name): number} for number in numbers]
    return limits or None


def _train(
    comparison: "Comparison", console: "Console", text: Sequence[str] | None, fetch: bool
) -> None:
    """Train what is missing; a line for each run that ends."""
    where = shown_path(comparison.folder)
    done, total = count_runs(comparison)
    console.print(f"comparison {where}: {total} runs, {done} of them finished")
    for budget in comparison.budgets:
        counts = (f"{n} {count:,}" for n, count in budget.parameters.items())
        console.print(f"  budget {budget.name}: parameters: {', '.join(counts)}")
    for trial, trainer in recurra.pending_runs(comparison, text, fetch=fetch):
        console.print(f"[{done + 1}/{total}] {trial.key}")
        with follow(trainer, console) as show:
            for record in trainer.records():
                show(record)
        assert isinstance(record, Finished)
        done += record.stopped_by != INTERRUPTED
        if trainer.stop_asked:
            advice = f"recurra compare --resume {where}"
            raise Interrupted(f"Interrupted after {done} of {total} runs. Go on: {advice}")
        console.print(f"[{done}/{total}] {_outcome(trial, record)}")


def _outcome(planned: "PlannedRun", record: Finished) -> str:
    loss = record.val_nats_per_char
    held_out = "no held-out loss" if loss is None else f"held-out {numbers.loss(loss)} nats"
    return f"{planned.key}: {held_out}, {numbers.duration(record.seconds)}; ended: {record.message}"


def _print_results(console: "Console", comparison: "Comparison", results: "Results") -> None:
    from recurra.comparison.tables import SUMMARIES

    for budget in comparison.budgets:
        console.print(f"\nBudget {budget.name}, {len(comparison.seeds)} seeds:")
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
