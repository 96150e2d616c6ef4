"""Options that several commands share, and those that the fields of a recipe become."""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, fields
from typing import Annotated, Any, TypeVar

import typer

from recurra.compute.registry import DEFAULT_ENGINE, DEVICES, ENGINES, engine_on
from recurra.errors import RequestError, unknown
from recurra.models.adaptation.base import Adaptation
from recurra.models.settings import declared_types, rule
from recurra.training.recipe import RECIPES, Recipe

Command = TypeVar("Command", bound=Callable[..., None])
Request = TypeVar("Request")

Choices = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A choice of the equations: f1=sigmoid."),
]
Hidden = Annotated[
    str,
    typer.Option("--hidden", metavar="SIZES", help="Size of every vector, or a=128,b=256."),
]
VocabularySize = Annotated[
    int, typer.Option("--vocabulary", min=1, metavar="N", help="Distinct characters.")
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help=f"What computes: {' or '.join(ENGINES)}.  [{DEFAULT_ENGINE}]",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help=f"On what the engine torch computes: {', '.join(DEVICES)}, or cuda:1.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, metavar="N", help="Threads that share a batch; else: cores."),
]
Json = Annotated[
    bool, typer.Option("--json", help="One line of JSON on stdout; all else goes to stderr.")
]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Encoding of the texts; else it is detected.")
]

Adapt = Annotated[
    bool, typer.Option("--adapt", help="Learn from the text while reading it (dynamic evaluation).")
]
Mix = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MEMBER", help="Mixed with this run, or with `counts` of the training text."
    ),
]
AdaptSet = Annotated[
    list[str] | None,
    typer.Option(
        "--adapt-set",
        metavar="NAME=VALUE",
        help="How it learns: rule=rms or sgd, rate, decay, step=20, carry=true.",
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Let a Dask cluster start the workers (--storage)."),
]
Sbatch = Annotated[
    bool, typer.Option("--sbatch", help="Print a script for SLURM instead (--storage).")
]
Fetch = Annotated[
    bool, typer.Option("--fetch", help="Download texts that a folder, not you, names by address.")
]
Split = Annotated[
    str, typer.Option(metavar="A/B/C", help="Training, validation and test text, per cent.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only tell how long it takes; nothing is kept.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
RecipeName = Annotated[
    str, typer.Option(metavar="NAME", help="modern or classic; its fields are the options below.")
]

SPLIT_BY = inspect.Parameter(
    "split_by",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Option(
            metavar="file|position",
            help="Hold out the last files, or the end of every file; else the last of the short "
            "files, and the end of every long one.",
        ),
    ],
)

NO_FRAMES = inspect.Parameter(
    "no_frames",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool,
        typer.Option(
            "--no-frames", help="Leave out what Project Gutenberg puts around a text: its licence."
        ),
    ],
)

_METAVARS = {int: "INTEGER", float: "NUMBER", str: "NAME"}


def choices(items: Iterable[str] | None) -> dict[str, str | float]:
    """``["f1=sigmoid", "c=0.5"]`` -> ``{"f1": "sigmoid", "c": 0.5}``."""
    pairs = _pairs(items or (), "--set")
    return {name: _number(value) for name, value in pairs.items()}


def adaptation(adapt: bool, items: Iterable[str] | None) -> Adaptation | None:
    """The settings of ``--adapt`` and ``--adapt-set``; either asks for it."""
    known = {field.name: field for field in fields(Adaptation)}
    settings = {}
    for name, text in _pairs(items or (), "--adapt-set").items():
        if name not in known:
            raise unknown("adaptation setting", name, known)
        settings[name] = _value(known[name], text, "--adapt-set")
    return Adaptation(**settings) if adapt or items else None


def hidden_sizes(text: str) -> int | dict[str, int]:
    """``"256"`` -> 256; ``"a=128,b=256"`` and ``"256,b=128"`` -> sizes by name, "" for the rest."""
    pairs = [item.rpartition("=") for item in text.split(",")]
    try:
        sizes = {name.strip(): int(size) for name, _, size in pairs}
        if len(sizes) < len(pairs):
            raise ValueError
        return sizes[""] if list(sizes) == [""] else sizes
    except ValueError:
        message = f"{text} is neither a size nor sizes such as a=128,b=256 or 256,b=128"
        raise typer.BadParameter(message, param_hint="--hidden") from None


def recipe_options(command: Command) -> Command:
    """Turn a command's ``**settings`` into options of texts and one for each field of a recipe.

    But for those that the command has an option of that name for.
    """
    signature = inspect.signature(command)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    names = [p.name for p in own]
    of_fields = [_option(field) for field in _recipe_fields() if field.name not in names]
    vars(command)["__signature__"] = signature.replace(
        parameters=[*own, SPLIT_BY, NO_FRAMES, *of_fields]
    )
    return command


def request(
    kind: Callable[..., Request], context: typer.Context, parsed: Mapping[str, object]
) -> Request:
    """Ask for what stands on the command line, and for nothing else.

    Options have the names of the request's fields; the fields of a recipe are its settings.

    Args:
        kind: class of the request.
        context: of the command.
        parsed: fields whose options are read otherwise than they are typed.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {
        name: context.params[name]
        for name, source in sources.items()
        if source is not None and source.name == "COMMANDLINE"
    }
    if "device" in given:
        given["engine"] = engine_on(given.get("engine"), given.pop("device"))
    names = inspect.signature(kind).parameters
    by = given.pop("split_by", None)
    words = ["no-frames"] * bool(given.pop("no_frames", False)) + [by] * (by is not None)
    if words:
        given["split"] = "/".join([given.get("split", context.params["split"]), *words])
    fields_of = {name: value for name, value in given.items() if name in names}
    if "settings" in names:
        rest = {name: value for name, value in given.items() if name not in names}
        fields_of["settings"] = typed(rest)
    with usage(context):
        return kind(**{**fields_of, **parsed})


@contextlib.contextmanager
def usage(context: typer.Context) -> Iterator[None]:
    """Name the option, where a field of a request is refused."""
    try:
        yield
    except RequestError as error:
        hint = error.field
        for option in context.command.params:
            if option.name == error.field:
                flag = option.opts[0]
                hint = flag if flag.startswith("-") else str(getattr(option, "metavar", flag))
        raise typer.BadParameter(error.message, param_hint=hint) from None


def typed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The options for a recipe's fields that were given, as values of those fields."""
    given = [field for field in _recipe_fields() if settings.get(field.name) is not None]
    return {f.name: _value(f, settings[f.name], f"--{f.name.replace('_', '-')}") for f in given}


def _recipe_fields() -> list[Field[Any]]:
    return [field for field in fields(Recipe) if field.name != "name"]


def _option(field: Field[Any]) -> inspect.Parameter:
    kind = declared_types(field)[0]
    flag = "--" + field.name.replace("_", "-")
    values = {name: getattr(recipe, field.name) for name, recipe in RECIPES.items()}
    modern, classic = (str(value).lower() for value in values.values())
    default = modern if modern == classic else f"{modern}, classic: {classic}"
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
        metavar=None if kind is bool else "SIZES" if field.name == "hidden" else _METAVARS[kind],
        help=f"{field.metadata['help']} ({default})",
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[bool | None if kind is bool else str | None, option],
    )


def _value(field: Field[Any], text: Any, option: str) -> Any:
    """The words typed for a field, as the type that it declares; "none" where that is a value."""
    kind, *others = declared_types(field)
    if kind is bool:
        return {"true": True, "false": False}.get(str(text).lower(), text)
    if type(None) in others and text.lower() == "none":
        return None
    if field.name == "hidden":
        return hidden_sizes(text)
    try:
        return kind(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is not {rule(field)}", param_hint=option) from None


def _pairs(items: Iterable[str], option: str) -> dict[str, str]:
    split = [item.partition("=") for item in items]
    if not all(name.strip() and value.strip() for name, _, value in split):
        raise typer.BadParameter("expected NAME=VALUE", param_hint=option)
    pairs = {name.strip(): value.strip() for name, _, value in split}
    if len(pairs) < len(split):
        raise typer.BadParameter("the same name twice", param_hint=option)
    return pairs


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
