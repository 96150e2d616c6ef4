"""The library of networks, as text: one ``.eq`` file each, and users' own files beside them."""

import codecs
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from recurra.errors import EquationError, RecurraError, SettingError
from recurra.lang.network import Network
from recurra.lang.parser import parse


def library() -> list[str]:
    """Names of the library's networks, sorted."""
    folder = files(__name__).iterdir()
    return sorted(f.name.removesuffix(".eq") for f in folder if f.name.endswith(".eq"))


def library_text(name: str) -> str:
    """The text of a network of the library, as it was typed."""
    return (files(__name__) / f"{name}.eq").read_text("utf-8")


def search_library(word: str) -> list[str]:
    """Names of the library's networks that have a word in their name, comment or equations.

    Args:
        word: capital or small; "" is in all.
    """
    return [name for name in library() if word.lower() in f"{name}\n{library_text(name)}".lower()]


def load_network(name: str | Path, choices: Mapping[str, str | float] | None = None) -> Network:
    """A network of the library by name, or of a ``.eq`` file by path.

    Args:
        name: such as ``"wrnn"`` or ``"my.eq"``.
        choices: new values of the network's choices, such as ``{"f1": "sigmoid"}``.

    Raises:
        EquationError: the text is not a network.
        SettingError: no such network, file or choice.
    """
    if str(name) in library():
        return parse(library_text(str(name)), str(name), choices)
    path = Path(name)
    if path.suffix != ".eq" and not path.is_file():
        beside = [f"{name}.eq"] if Path(f"{name}.eq").is_file() else []
        near = beside or get_close_matches(str(name).lower(), library(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SettingError(
            f"no network {name}{hint} (recurra networks lists the library; your own equations go "
            "into a file that ends in .eq)"
        )
    try:
        # A network is a page of text; a larger or binary file is refused by the parser.
        with path.open("rb") as file:
            data = file.read(1_000_000)
        text = _decoded(data)
    except OSError as error:
        raise SettingError(
            f"cannot read {path}: {error.strerror}; check that it is a file that you may read"
        ) from None
    except UnicodeDecodeError:
        raise RecurraError(
            f"{path} is not a text of equations: is it the right file? If so, save it as UTF-8"
        ) from None
    try:
        return parse(text, path.stem, choices)
    except EquationError as wrong:
        place = wrong.source, wrong.line, wrong.column
        raise EquationError(wrong.message, *place, str(path)) from None


def _decoded(data: bytes) -> str:
    """The text of a file, as editors on Chinese and other Windows save it too."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")
