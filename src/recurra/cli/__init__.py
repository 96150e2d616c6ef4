"""The command line: arguments in, calls of the library, text out; nothing is computed here.

Results go to stdout, errors and advice to stderr. Exit codes: 0 done, 1 refused or failed, 2
misused, 130 interrupted.
"""

import io
import os
import sys
import tempfile
import traceback
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from recurra import RecurraError, __version__

INTERRUPT = 130  # the exit code of a program that Ctrl-C ended
# Plain help and errors load no Rich, and can be searched, piped and quoted.
PLAIN: dict[str, Any] = {
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
# name -> module below recurra.cli, and what the list of commands says
COMMANDS = {
    "demo": ("training", "Two networks learn Shakespeare in two minutes, then write."),
    "networks": ("equations", "List the library of networks."),
    "show": ("equations", "Show the equations and parameters of a network."),
    "explain": ("equations", "Derive the gradient of a network on paper, with a diagram."),
    "check": ("equations", "Check the gradient of a network."),
    "train": ("training", "Train a network on texts."),
    "tune": ("tuning", "Search for good settings: many trials, on all cores."),
    "trials": ("studies", "Show the trials of a search: table, JSON, CSV, figures."),
    "worker": ("studies", "Work on a search that another process began."),
    "compare": ("comparing", "Compare networks, with several seeds and intervals."),
    "report": ("comparing", "Make one page of a comparison, or of runs."),
    "write": ("using", "Go on with a text, as a trained network would."),
    "eval": ("using", "Evaluate a trained network on held-out text."),
}
# Read when NumPy is imported. Products of one time step are small: on the reference engine, threads
# of BLAS would wait for each other many times longer than they work. The compiled one has its own.
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Commands(TyperGroup):
    """Loads a command's module, and with it NumPy, when that command is called; not before."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Find the command that the arguments begin with."""
        name, _, rest = super().resolve_command(ctx, args)
        module, _ = COMMANDS[str(name)]
        alone = typer.Typer(**PLAIN)
        alone.command(name)(vars(import_module(f"recurra.cli.{module}"))[f"{name}_command"])
        return name, typer.main.get_command(alone), rest


app = typer.Typer(cls=Commands, no_args_is_help=True, **PLAIN)
for name, (_, summary) in COMMANDS.items():
    app.command(name, help=summary)(lambda: None)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recurra {__version__}")
        raise typer.Exit


@app.callback(epilog="Begin with: recurra demo")
def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Type a recurrent network as equations; train it on novels; let it write."""


def main() -> None:
    """Run this process's command line; whatever goes wrong is one sentence on stderr."""
    for variable in BLAS_THREADS:
        os.environ.setdefault(variable, "1")
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started this process
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character shows a substitute: no reason to fail.
            stream.reconfigure(errors="replace")
    interrupts = []

    def note(lost: Any) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            interrupts.append(lost.exc_value)
        else:
            sys.__unraisablehook__(lost)

    # While kernels are compiled, Ctrl-C may be lost in a callback of LLVM, which then fails.
    sys.unraisablehook = note
    try:
        app(prog_name="recurra")
    except SystemExit as end:
        code = end.code
    except Exception as error:  # noqa: BLE001 (a user never sees a traceback)
        code = INTERRUPT if interrupts else _fail(error)
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would try again, and complain, when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # Where the reader has gone (`recurra ... | head`) there is nobody to tell; what has failed
        # before has told it.
        code = code or (1 if isinstance(error, BrokenPipeError) else _fail(error))
    compilation = sys.modules.get("recurra.compute.numba.compilation")
    if code == INTERRUPT and compilation and compilation.compiling():
        os._exit(INTERRUPT)  # an ordinary end would wait for LLVM
    sys.exit(code)


def _fail(error: Exception) -> int:
    typer.echo(f"Error: {_sentence(error)}", err=True)
    return 1


def _sentence(error: Exception) -> str:
    match error:
        case RecurraError():
            return str(error)
        case MemoryError():
            detail = f" ({error})" if str(error) else ""
            return f"not enough memory{detail}: try a smaller --hidden, --batch or --seq-len"
        case OSError():
            return f"{error.filename or 'the output'}: {error.strerror or error}"
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="recurra-", suffix=".log", delete=False
    ) as log:
        traceback.print_exception(error, file=log)
    return (
        f"unexpectedly, {type(error).__name__}: {error}. This is a fault in Recurra; please "
        f"report it with the file {log.name}"
    )
