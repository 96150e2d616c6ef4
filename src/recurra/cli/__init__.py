"""The command line: arguments in, calls of the library, text out; nothing is computed here.

Results go to stdout, errors and advice to stderr. Exit codes: 0 done, 1 refused or failed, 2
misused, 130 interrupted by Ctrl-C, 143 by SIGTERM, 129 because the terminal was closed.
"""

import contextlib
import os
import sys
import tempfile
import traceback
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from recurra import RecurraError, __version__
from recurra.cli.output import Interrupted, echo
from recurra.cli.streams import Stream, safe_streams
from recurra.training.signals import exit_code, raise_interrupt
from recurra.view.text import visible

INTERRUPT = 130  # how Typer ends after KeyboardInterrupt
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
    "worker": ("studies", "Work on a search or comparison that another process began."),
    "compare": ("comparing", "Compare networks, with several seeds and intervals."),
    "runs": ("runs", "List the runs of a folder with their settings and losses."),
    "report": ("comparing", "Make one page of a comparison, or of runs."),
    "write": ("writing", "Go on with a text, as a trained network would."),
    "export": ("exporting", "Write a network or a run as a program that needs no Recurra."),
    "eval": ("evaluating", "Evaluate a trained network on held-out text."),
    "studio": ("studio", "See, train, write and look inside, in a browser."),
    "serve": ("studio", "Let other programs write with the runs of a folder."),
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

    def invoke(self, ctx: Any) -> Any:
        """Call the command; an option that there is not may be a text that begins with a dash."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            # by name, for each version of Typer keeps this class elsewhere
            if type(error).__name__ == "NoSuchOption":
                of_command: Any = error
                if not of_command.possibilities:
                    prompt = any(one.name == "prompt" for one in of_command.ctx.command.params)
                    where = "-- or --prompt" if prompt else "--"
                    of_command.message += f"; a text or name that begins with - comes after {where}"
            raise


app = typer.Typer(cls=Commands, no_args_is_help=True, **PLAIN)
for name, (_, summary) in COMMANDS.items():
    app.command(name, help=summary)(lambda: None)


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"recurra {__version__}")
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
    with safe_streams() as streams:
        with raise_interrupt():
            code = _run(streams)
        code = _close(streams, code)
    compilation = sys.modules.get("recurra.compute.numba.compilation")
    if code > 128 and compilation and compilation.compiling():
        os._exit(code)  # an ordinary end would wait for LLVM
    sys.exit(code)


def _run(streams: tuple[Stream, Stream]) -> int:
    interrupts = []

    def note(lost: Any) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            interrupts.append(lost.exc_value)
        else:
            sys.__unraisablehook__(lost)

    # While kernels are compiled, Ctrl-C may be lost in a callback of LLVM, which then fails.
    sys.unraisablehook = note
    sentence = "Interrupted."
    try:
        app(prog_name="recurra")
    except SystemExit as end:
        if end.code != INTERRUPT:
            return int(end.code or 0)
    except KeyboardInterrupt:
        pass
    except Interrupted as end:
        sentence = str(end)
    except Exception as error:  # noqa: BLE001 (a user never sees a traceback)
        hung_up = isinstance(error, OSError) and exit_code()  # the terminal went with the signal
        if not (interrupts or hung_up):
            return _fail(error)
    _tell(sentence)
    # A training that nobody reads any more was interrupted without a signal.
    return exit_code() or (1 if any(stream.lost for stream in streams) else INTERRUPT)


def _close(streams: tuple[Stream, Stream], code: int) -> int:
    """Hand out what was printed; the exit code if that fails."""
    if code > 128:  # what could not be handed out by now would have to be waited for
        _drop(streams[0])
    for stream in streams:
        try:
            stream.flush()
            error = stream.lost
        except OSError as failed:
            error = failed
        if error is not None:
            _drop(stream)  # Python would try again, and complain, when it ends
            # Where the reader has gone (`recurra ... | head`) there is nobody to tell; what has
            # failed before has told it.
            code = code or (1 if isinstance(error, BrokenPipeError) else _fail(error))
    return code


def _drop(stream: Stream) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(error: Exception) -> int:
    # a file's words may be in it, and a pipe may end on a terminal
    _tell(f"Error: {visible(_sentence(error))}")
    return 1


def _tell(sentence: str) -> None:
    with contextlib.suppress(OSError):  # the terminal was closed
        echo(sentence, err=True)


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
