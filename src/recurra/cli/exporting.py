"""Command `export`."""

from pathlib import Path
from typing import Annotated

import typer

import recurra
from recurra.cli import options
from recurra.cli.output import tell_written
from recurra.export.base import Language, WeightFormat
from recurra.training.recipe import make_recipe


def export_command(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(metavar="RUN|NETWORK", help="A run folder, a library name or a .eq file."),
    ],
    to: Annotated[
        str, typer.Option(metavar="TARGET", help="numpy, torch, jax, onnx, html or huggingface.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE")],
    hidden: Annotated[
        str | None, typer.Option(metavar="SIZES", help="Of a network: 100, or a=128,b=256.")
    ] = None,
    set_: options.Choices = None,
    recipe: options.RecipeName = "classic",
    lang: Annotated[
        Language, typer.Option(metavar="LANGUAGE", help="Of comments and words: en or zh.")
    ] = "en",
    weights: Annotated[
        WeightFormat | None, typer.Option(metavar="FORMAT", help="float32, float16 or int8.")
    ] = None,
) -> None:
    """Write a network, or a run with its weights, as a program or a page that needs no Recurra."""
    with options.usage(context):
        files = recurra.export_to(
            to,
            source,
            output,
            choices=options.choices(set_),
            hidden=None if hidden is None else options.hidden_sizes(hidden),
            recipe=make_recipe(recipe),
            language=lang,
            weights=weights,
        )
    for file in files:
        tell_written(file)
