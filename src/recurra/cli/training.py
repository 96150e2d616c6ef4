"""Commands that train: `train` and `demo`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

import recurra
from recurra.cli import options
from recurra.cli.display import follow, reading_lines, sparkline
from recurra.cli.output import (
    Interrupted,
    make_console,
    print_json,
    print_remarks,
    print_table,
    shown_path,
)
from recurra.cli.writing import write_texts
from recurra.compute.registry import DEFAULT_ENGINE, engine_on
from recurra.text.decoding import UTF8
from recurra.training.records import Finished
from recurra.training.request import refuse_divergence
from recurra.training.stopping import INTERRUPTED
from recurra.training.trackers.registry import open_tracker
from recurra.view import numbers

if TYPE_CHECKING:
    from rich.console import Console

NAMED = 10  # so many texts are named one by one; among more, only the unusual ones


@options.recipe_options
def train_command(
    context: typer.Context,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Files, folders, URLs or `shakespeare`."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORK", help="A name from `recurra networks`, or a .eq file.  [wrnn]"
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="fast, good or best: 2, 10 or 30 minutes, less on a short text, with a network "
            "and settings that suit it; other options still count.",
        ),
    ] = None,
    choices: options.Choices = None,
    out: Annotated[
        str | None, typer.Option(metavar="RUN", help="The new run folder.  [runs/NETWORK-TEXT-001]")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Go on with this run; with --steps, --epochs or --minutes for longer. Name TEXT "
            "only if it was moved.",
        ),
    ] = None,
    winner: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="STUDY", help="Network, recipe and texts of a search's winner."
        ),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Begin with the weights of this run; network, sizes and recipe are its own, too.",
        ),
    ] = None,
    keep_optimizer: Annotated[
        bool,
        typer.Option("--keep-optimizer", help="With --init-from: its optimiser's state, too."),
    ] = False,
    fetch: options.Fetch = False,
    encoding: options.Encoding = None,
    split: options.Split = "90/5/5",
    engine: options.EngineName = None,
    device: options.Device = None,
    threads: options.Threads = None,
    log: Annotated[
        str | None,
        typer.Option(
            metavar="LOG",
            help="csv: curves.csv in the run; tensorboard: event files there, or in a folder that "
            "is named, for many runs.",
        ),
    ] = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    recipe: options.RecipeName = "modern",
    **settings: Any,
) -> None:
    """Train a network on texts. All of it is kept in a run folder; Ctrl-C saves and ends.

    The options below --recipe are its fields, with their values in `modern`, and in `classic`
    where that differs; "none" turns off what can be.
    """
    parsed: dict[str, Any] = {"choices": options.choices(choices)}
    if winner is not None:
        from recurra.tuning.study import StudyWinner

        parsed["winner"] = StudyWinner(winner)
    request = options.request(recurra.TrainRequest, context, parsed)
    console = make_console(stderr=json, quiet=quiet)
    if dry_run:
        _dry_run(console, request, json)
        return
    trainer = request.start(reading_lines(console))
    finished = _follow(trainer, console, log)
    if json:
        print_json(asdict(finished))
    _refuse_to_go_on(finished)
    _print_results(console, [finished])
    _tell_losses(console, trainer, finished)
    console.print(
        "Lowest smoothed loss of a sequence, summed: "
        f"{numbers.summed(finished.min_smooth_loss)}, at step "
        f"{finished.min_smooth_loss_step:,}"
    )
    console.print(f"Ended: {finished.message}.")
    console.print(f'Next: recurra write {shown_path(finished.run or "")} "a few words"')


def _dry_run(console: "Console", request: recurra.TrainRequest, json: bool) -> None:
    found = request.estimate()
    if json:
        print_json(asdict(found))
        return
    length = "until a stop rule" if found.seconds is None else numbers.duration(found.seconds)
    speed = found.chars_per_second
    measured = "" if speed is None else f", at {numbers.whole(speed)} characters a second"
    console.print(f"time: about {length}{measured}")


def demo_command(
    prompt: Annotated[
        str | None, typer.Argument(metavar="SENTENCE", help="What the networks go on with.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="Training time, shared by both networks.")] = 2.0,
    seed: Annotated[int, typer.Option(min=0, help="Where random numbers start from.")] = 0,
    engine: options.EngineName = None,
    device: options.Device = None,
    threads: options.Threads = None,
) -> None:
    """Train a plain RNN and a W-RNN on Shakespeare, and let both go on with a sentence."""
    from recurra.training.demo import loss_curve, pending_runs, write_request

    console = make_console()
    results: list[Finished] = []
    engine = engine_on(engine, device) or DEFAULT_ENGINE
    for trainer in pending_runs(minutes, seed=seed, engine=engine, threads=threads):
        results.append(_follow(trainer, console))
        _refuse_to_go_on(results[-1])
        if trainer.stop_requested:
            raise Interrupted("Interrupted.")
        console.print()
    runs = [finished.run or "" for finished in results]
    curves = list(map(loss_curve, results))
    highest, lowest = max(map(max, curves)), min(map(min, curves))
    console.print(
        f"Training loss, {numbers.loss(highest)} to {numbers.loss(lowest)} nats per character:"
    )
    for finished, curve in zip(results, curves, strict=True):
        line = sparkline(curve, lowest, highest, 60, console.options.ascii_only)
        console.print(f"  {finished.network:<6}{line}  {numbers.loss(curve[-1])}")
    console.print()
    _print_results(console, results)
    console.print(
        "The W-RNN has more parameters, and both trained for equal minutes. For equal parameters: "
        f"recurra compare rnn wrnn --text shakespeare --minutes {minutes:g}"
    )
    write_texts(console, write_request(runs, prompt, seed))
    console.print("\nThe runs are kept. Go on with:")
    console.print(f'  recurra write {" ".join(map(shown_path, runs))} "your own sentence"')
    console.print("  recurra train your-novel.txt --network wrnn")


def _follow(trainer: recurra.Trainer, console: "Console", log: str | None = None) -> Finished:
    """Train to the end; its figures."""
    run = shown_path(trainer.run.folder) if trainer.run else ""
    try:
        with open_tracker(log, trainer) as track, follow(trainer, console) as show:
            _announce(trainer, console, run)
            for record in trainer.records():
                track(record)
                show(record)
    except KeyboardInterrupt:
        advice = f"recurra train --resume {run}"
        raise Interrupted(f"Ended at once. From its last save: {advice}") from None
    assert isinstance(record, Finished)
    return record


def _tell_losses(console: "Console", trainer: recurra.Trainer, finished: Finished) -> None:
    """Two figures that differ from what was seen on the way, and why."""
    whole, looked = sum(len(t) - 1 for t in trainer.held_out), trainer.recipe.evaluate_characters
    if finished.val_nats_per_char is None:
        return
    if whole > looked:
        console.print(
            f"held-out: the model of step {finished.best_step:,}, the best, over all {whole:,} "
            f"characters of the validation part; while training, over {looked:,} of them"
        )
    if finished.train_nats_per_char > finished.val_nats_per_char:
        console.print(
            "train: a running mean of the loss before each update, which lags behind while it falls"
        )


def _refuse_to_go_on(finished: Finished) -> None:
    """After Ctrl-C, or a training that diverged, a command ends."""
    refuse_divergence(finished)
    if finished.stopped_by == INTERRUPTED:
        advice = f"recurra train --resume {shown_path(finished.run or '')}"
        raise Interrupted(f"Interrupted at step {finished.steps:,}, and saved. Go on: {advice}")


def _announce(trainer: recurra.Trainer, console: "Console", run: str) -> None:
    model, documents = trainer.model, trainer.corpus.documents
    characters = sum(document.characters for document in documents)
    console.print(
        f"{model.network.name}: {model.shapes.count:,} parameters; recipe {trainer.recipe.name}; "
        f"run {run}"
    )
    console.print(
        f"texts: {len(documents):,}; characters: {characters:,}, {len(model.vocabulary):,} distinct"
    )
    for document in documents:
        if len(documents) <= NAMED or document.detected_by != UTF8 or document.replaced:
            note = "" if document.detected_by == UTF8 else f" ({document.detected_by})"
            if document.replaced:
                note += f", {numbers.counted(document.replaced, 'broken place')} replaced"
            console.print(f"  {document.name}: {document.encoding}{note}")
    print_remarks(console, trainer.corpus)


def _print_results(console: "Console", results: list[Finished]) -> None:
    from recurra.training.tables import FINISHED

    print_table(console, FINISHED.show(results))
