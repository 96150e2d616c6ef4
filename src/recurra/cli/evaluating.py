"""The command `eval`: how well a run predicts a text."""

from dataclasses import asdict
from typing import Annotated

import typer

import recurra
from recurra.cli import options
from recurra.cli.display import reading_lines
from recurra.cli.output import echo, make_console, print_json, print_table
from recurra.compute.registry import DEFAULT_ENGINE, engine_on
from recurra.view.numbers import counted


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
    adapt: options.Adapt = False,
    adapt_set: options.AdaptSet = None,
    mix: options.Mix = None,
    versus: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Beside these compressors: zpaq,ppmd."),
    ] = None,
    encoding: options.Encoding = None,
    engine: options.EngineName = None,
    device: options.Device = None,
    threads: options.Threads = None,
    fetch: options.Fetch = False,
    json: options.Json = False,
) -> None:
    """How well a run predicts the whole of its held-out text, or of other texts.

    With --adapt also while it learns from what it has read, each part anew; the run's files stay as
    they are. Its rate and decay are found on the beginning of the validation text. With --mix also
    in a mixture with other runs of the same text, or with counts of contexts in the training text.
    """
    from recurra.training.tables import scores_table

    opened = recurra.Run.open(run)
    scores = list(
        recurra.score(
            opened,
            texts,
            encoding=encoding,
            windows=windows,
            adapt=options.adaptation(adapt, adapt_set),
            mix=mix or (),
            versus=[name.strip() for name in versus.split(",")] if versus else (),
            engine=engine_on(engine, device) or DEFAULT_ENGINE,
            threads=threads,
            fetch=fetch,
            progress=reading_lines(make_console(stderr=True)),
        )
    )
    if scores[0].skipped:
        echo(f"{counted(scores[0].skipped, 'character')} unknown to the model: left out", err=True)
    table = scores_table(scores)
    if json:
        results = table.records(scores)
        adaptation = scores[0].adaptation and asdict(scores[0].adaptation)
        print_json(
            {
                "run": str(opened.folder),
                "skipped": scores[0].skipped,
                "adaptation": adaptation,
                "results": results,
            }
        )
    else:
        print_table(make_console(), table.show(scores))
        if scores[0].adaptation is not None:
            echo(f"adaptive: {scores[0].adaptation}")
