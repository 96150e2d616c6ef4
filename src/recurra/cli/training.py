"""Commands that train: `train` and `demo`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

import recurra
from recurra.cli import options
from recurra.cli.display import download_lines, duration, follow, sparkline
from recurra.cli.output import Interrupted, make_console, print_json, print_table, shown_path
from recurra.cli.using import write_on
from recurra.compute.engines import DEFAULT_ENGINE
from recurra.text.corpus import Split
from recurra.text.decoding import UTF8
from recurra.training.records import Finished, Progress
from recurra.training.stopping import DIVERGED, INTERRUPTED

if TYPE_CHECKING:
    from rich.console import Console

# What may stand beside --resume: all else is kept as the run began.
RESUMING = {"resume", "texts", "fetch", "json", "quiet"}
# What may not stand beside --from.
_OF_A_STUDY = {"network", "preset", "set_", "recipe", "encoding", "split"}
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
    set_: options.Choices = None,
    out: Annotated[
        str | None, typer.Option(metavar="RUN", help="The new run folder.  [runs/NETWORK-TEXT-001]")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Go on with this run. Name TEXT only if it was moved."),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="STUDY", help="Network, recipe and texts of a search's winner."
        ),
    ] = None,
    fetch: options.Fetch = False,
    encoding: options.Encoding = None,
    split: options.Split = "90/5/5",
    engine: options.EngineName = DEFAULT_ENGINE,
    threads: options.Threads = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    recipe: options.RecipeName = "modern",
    **settings: Any,
) -> None:
    """Train a network on texts. All of it is kept in a run folder; Ctrl-C saves and ends.

    The options below --recipe are its fields, with their values in `modern`, and in `classic`
    where that differs; "none" turns off what can be.
    """
    if resume is None and from_ is None and not texts:
        raise typer.BadParameter(
            "name what to train on, or use --resume or --from", param_hint="TEXT"
        )
    console = make_console(stderr=json, quiet=quiet)
    if resume is not None:
        _refuse_options(context)
        trainer = recurra.resume(recurra.Run.open(resume), texts, fetch=fetch)
    else:
        corpus, show_download = None, download_lines(console)
        shares: Split = split
        if from_ is not None:
            _refuse_options(context, _OF_A_STUDY, "a search's winner brings its own")
            study = recurra.Study.open(from_)
            found, chosen = study.winning()
            text = study.spec.text
            if not texts:
                corpus, texts = text.load(study.folder, fetch=fetch), list(text.sources)
            encoding, shares = text.encoding, text.split
        elif preset is not None:
            _refuse_options(context, {"recipe"}, "a preset brings its own")
            corpus = recurra.load_corpus(texts or [], encoding, split, progress=show_download)
            suited = recurra.preset(preset, corpus, network, options.choices(set_))
            found, chosen = suited.network, suited.recipe
        else:
            found = recurra.load_network(network or "wrnn", options.choices(set_))
            chosen = options.make_recipe(recipe, {})
        chosen = options.changed(chosen, settings)
        if corpus is None:
            corpus = recurra.load_corpus(texts or [], encoding, shares, progress=show_download)
        trainer = recurra.start(
            texts or [],
            found,
            chosen,
            out=out,
            encoding=encoding,
            split=shares,
            corpus=corpus,
            engine=engine,
            threads=threads,
        )
    finished, _ = _follow(trainer, console)
    if json:
        print_json(asdict(finished))
    _refuse_to_go_on(finished)
    _print_results(console, [finished])
    console.print(
        f"Lowest smoothed loss of a sequence, summed: {finished.min_smooth_loss:.2f}, at step "
        f"{finished.min_smooth_loss_step:,}"
    )
    console.print(f"Ended: {finished.message}.")
    console.print(f'Next: recurra write {shown_path(finished.run or "")} "a few words"')


def demo_command(
    prompt: Annotated[
        str | None, typer.Argument(metavar="SENTENCE", help="What the networks go on with.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="Training time, shared by both networks.")] = 2.0,
    seed: Annotated[int, typer.Option(min=0, help="Where random numbers start from.")] = 0,
    engine: options.EngineName = DEFAULT_ENGINE,
    threads: options.Threads = None,
) -> None:
    """Train a plain RNN and a W-RNN on Shakespeare, and let both go on with a sentence."""
    from recurra.training.demo import PROMPT, trainers

    console = make_console()
    results, curves = [], []
    for trainer in trainers(minutes, seed=seed, engine=engine, threads=threads):
        finished, curve = _follow(trainer, console)
        _refuse_to_go_on(finished)
        results.append(finished)
        curves.append(curve)
        console.print()
    highest, lowest = max(map(max, curves)), min(map(min, curves))
    console.print(f"Training loss, {highest:.2f} to {lowest:.2f} nats per character:")
    for finished, curve in zip(results, curves, strict=True):
        line = sparkline(curve, lowest, highest, 60, console.options.ascii_only)
        console.print(f"  {finished.network:<6}{line}  {curve[-1]:.3f}")
    console.print()
    _print_results(console, results)
    runs = [finished.run or "" for finished in results]
    writers = {shown_path(run): recurra.Writer(recurra.load_model(run), seed=seed) for run in runs}
    write_on(console, writers, PROMPT if prompt is None else prompt, 300)
    console.print("\nThe runs are kept. Go on with:")
    console.print(f'  recurra write {" ".join(writers)} "your own sentence"')
    console.print("  recurra train your-novel.txt --network wrnn")


def _refuse_options(context: typer.Context, refused: set[str] | None = None, why: str = "") -> None:
    """A resumed run is the same run, nothing about it can be changed; and the like."""
    for name in context.params.keys() - RESUMING if refused is None else refused:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                why or "a resumed run keeps what it began with; train a new one to change that",
                param_hint="--" + name.strip("_").replace("_", "-"),
            )


def _follow(trainer: recurra.Trainer, console: "Console") -> tuple[Finished, list[float]]:
    """Train to the end; its figures, and the curve of the training loss."""
    run = shown_path(trainer.run.folder) if trainer.run else ""
    curve = [trainer.watch.smooth / trainer.recipe.seq_len]
    try:
        with follow(trainer, console) as show:
            _announce(trainer, console, run)
            for record in trainer.records():
                show(record)
                if isinstance(record, Progress):
                    curve.append(record.smooth_nats_per_char)
    except KeyboardInterrupt:
        advice = f"recurra train --resume {run}"
        raise Interrupted(f"Ended at once. From its last save: {advice}") from None
    assert isinstance(record, Finished)
    return record, curve


def _refuse_to_go_on(finished: Finished) -> None:
    """After Ctrl-C, or a training that diverged, a command ends."""
    if finished.stopped_by == DIVERGED:
        raise recurra.RunError(finished.message)
    if finished.stopped_by == INTERRUPTED:
        advice = f"recurra train --resume {shown_path(finished.run or '')}"
        raise Interrupted(f"Interrupted at step {finished.steps:,}, and saved. Go on: {advice}")


def _announce(trainer: recurra.Trainer, console: "Console", run: str) -> None:
    model, documents = trainer.model, trainer.corpus.documents
    characters = sum(len(document.text) for document in documents)
    console.print(
        f"{model.network.name}: {model.shapes.count:,} parameters; recipe {trainer.recipe.name}; "
        f"run {run}"
    )
    console.print(
        f"texts: {len(documents):,}; characters: {characters:,}, {len(model.vocabulary):,} distinct"
    )
    for document in documents:
        if len(documents) <= NAMED or document.how != UTF8 or document.replaced:
            how = "" if document.how == UTF8 else f" ({document.how})"
            broken = f", {document.replaced:,} broken places replaced" if document.replaced else ""
            console.print(f"  {document.name}: {document.encoding}{how}{broken}")


def _print_results(console: "Console", results: list[Finished]) -> None:
    rows = [
        (
            r.network,
            r.parameters,
            r.val_nats_per_char,
            r.val_bits_per_char,
            r.train_nats_per_char,
            r.chars_per_second,
            r.steps,
            duration(r.seconds),
        )
        for r in results
    ]
    columns = "network", "parameters", "held-out nats/char", "bits/char", "train nats/char"
    print_table(console, (*columns, "chars/s", "steps", "time"), rows)
