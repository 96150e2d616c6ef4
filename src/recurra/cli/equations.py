"""Commands about equations: `networks`, `show`, `explain`, `check`."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

import recurra
from recurra.cli import options
from recurra.cli.output import echo, make_console, print_json, print_table, tell_written
from recurra.compute.registry import DEFAULT_ENGINE, engine_on
from recurra.storage.outputs import check_output, output_format, write_output
from recurra.view import numbers

NetworkName = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A name from `recurra networks`, or a .eq file.")
]


def networks_command(
    hidden: Annotated[int, typer.Option(help="Numbers in every vector.")] = 256,
    vocabulary: options.VocabularySize = 65,
    search: Annotated[
        str, typer.Option(metavar="WORD", help="Only those with this word in name or equations.")
    ] = "",
    json: options.Json = False,
) -> None:
    """List the library of networks, with their numbers of parameters at a given size."""
    from recurra.explain.tables import NETWORKS

    library = [recurra.load_network(name) for name in recurra.search_library(search)]
    if not library:
        raise recurra.SettingError(
            f"no network of the library has the word {search}: recurra networks lists all"
        )
    rows = [
        (n, recurra.ShapeSolver(n).shapes(vocabulary, n.fitting_size(hidden)).count)
        for n in library
    ]
    if json:
        table = NETWORKS.records(rows)
        print_json({"hidden": hidden, "vocabulary": vocabulary, "networks": table})
        return
    console = make_console()
    console.print(f"{hidden:,} numbers in every vector, {vocabulary:,} characters")
    print_table(console, NETWORKS.show(rows))


def show_command(
    network: NetworkName,
    hidden: options.Hidden = "256",
    vocabulary: options.VocabularySize = 65,
    set_: options.Choices = None,
    kernel: Annotated[
        bool, typer.Option("--kernel", help="The generated kernels instead.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.eq", help="The equations alone, as a file."),
    ] = None,
) -> None:
    """Show a network: its equations as Recurra reads them, and its parameters with their shapes."""
    loaded = recurra.load_network(network, options.choices(set_))
    shapes = recurra.ShapeSolver(loaded).shapes(vocabulary, options.hidden_sizes(hidden))
    text = recurra.generate_kernels(recurra.make_plan(loaded)).text if kernel else loaded.source
    if output is not None:
        output_format(output, ["py" if kernel else "eq"])
        write_output(output, text)
        tell_written(output)
        return
    console = make_console()
    console.print(text)
    if kernel:
        return
    # Comments, so that what is shown can be read again from a file.
    longest = max(map(len, shapes.parameters))
    for name, shape in shapes.parameters.items():
        paper = numbers.shape(shapes.paper(name))
        if name in shapes.blocks:
            paper = f"{shapes.blocks[name]} blocks of {numbers.shape(shapes.block(name))}"
        console.print(f"# {name:<{longest}}  {paper}, stored as {numbers.shape(shape)}")
    console.print(f"# {shapes.count:,} parameters with {vocabulary:,} characters")


def explain_command(
    network: NetworkName,
    set_: options.Choices = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.md|.html", help="Else: stdout."),
    ] = None,
    diagram: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", help="The diagram as a file; else inside the page."),
    ] = None,
    lang: Annotated[str, typer.Option(metavar="LANGUAGE", help="en or zh.")] = "en",
) -> None:
    """Explain a network on a page of Markdown with LaTeX, for slides, notes and notebooks.

    Its equations, a diagram unrolled over three time steps, the gradient of every vector and
    parameter derived step by step, what is computed when, and the generated kernels.
    """
    loaded = recurra.load_network(network, options.choices(set_))
    for path, formats in ((output, ["md", "html"]), (diagram, ["svg"])):
        if path is not None:
            output_format(path, formats)
            check_output(path)
    # a terminal shows no pictures
    address = "" if output is None and sys.stdout.isatty() else None
    if diagram:
        folder = output.parent if output else "."
        address = quote(os.path.relpath(diagram, folder).replace(os.sep, "/"))
    if output and output_format(output, ["md", "html"]) == "html":
        from recurra.explain.html import explanation_page

        page = explanation_page(loaded, lang)
    else:
        page = recurra.explanation(loaded, lang, address)
    if diagram:
        write_output(diagram, recurra.draw(loaded))
    if output:
        write_output(output, page)
        tell_written(output)
    else:
        echo(page, end="")
    if address == "":
        echo(f"\nWith its picture: recurra explain {network} -o {loaded.name}.html")


def check_command(
    network: NetworkName,
    set_: options.Choices = None,
    engine: options.EngineName = None,
    device: options.Device = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers and text.")] = 0,
    json: options.Json = False,
) -> None:
    """Compare every parameter's gradient with finite differences, in float64.

    Exit code 1 if one of them is wrong.
    """
    from recurra.explain.tables import GRADIENTS

    engine = engine_on(engine, device) or DEFAULT_ENGINE
    loaded = recurra.load_network(network, options.choices(set_))
    rows = recurra.check_gradients(loaded, engine, seed=seed)
    passed = all(row.passed for row in rows)
    if json:
        print_json(
            {
                "network": loaded.name,
                "engine": engine,
                "passed": passed,
                "parameters": [asdict(row) for row in rows],
            }
        )
    else:
        console = make_console()
        print_table(console, GRADIENTS.show(rows))
        verdict = "every gradient is exact" if passed else "the gradient is WRONG"
        console.print(f"{loaded.name}, {engine} engine: {verdict}")
    raise typer.Exit(0 if passed else 1)
