"""Files that a user names for a result: a page, a figure, a text."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from recurra.errors import RunError, SettingError, unknown
from recurra.storage.files import cannot_write
from recurra.storage.folder import Folder

# A file that tells a folder of Recurra; of what else is in it only pages may be replaced.
_OWNERS = {"config.json": "run", "study.json": "study", "comparison.json": "comparison"}
_OWNED = {".json", ".jsonl", ".safetensors", ".eq", ".log", ".lock"}


def output_format(path: str | Path, formats: Sequence[str], given: str | None = None) -> str:
    """The format that a file is to have: what was given, else what its name ends in.

    Args:
        path: the file; a name without an ending gets the first format.
        formats: those that can be written, such as "html" and "md".
        given: what the user asked for by name.

    Raises:
        SettingError: no such format.
    """
    known = ", ".join(formats)
    if given is not None:
        if given not in formats:
            raise unknown("format", given, formats)
        return given
    ending = Path(path).suffix.lower().removeprefix(".")
    if ending and ending not in formats:
        raise SettingError(
            f"{path} ends in .{ending}, which cannot be written here: the formats are {known}; "
            f"try {Path(path).with_suffix('.' + formats[0])}"
        )
    return ending or formats[0]


def check_output(path: str | Path) -> None:
    """Refuse early what `open_output` would refuse late.

    Raises:
        RunError: see `open_output`.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        raise cannot_write(Path(path), error) from None
    if stat.S_ISDIR(mode):
        raise RunError(f"cannot write {path}: it is a folder; name a file in it")
    if stat.S_ISREG(mode):
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            raise RunError(f"cannot write {path}: there is no folder {target.parent}; make it")
        owners = [kind for file, kind in _OWNERS.items() if (target.parent / file).exists()]
        if owners and (target.suffix.lower() in _OWNED or target.name.startswith(".")):
            raise RunError(
                f"cannot write {path}: it is a file of the {owners[0]} {target.parent}; choose "
                "another name"
            )


@contextlib.contextmanager
def open_output(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for a result. Nothing that is not a file of its own kind is lost.

    A regular file is replaced at the end, wholly or not at all, also behind a symbolic link; a
    pipe or a device is written into.

    Raises:
        RunError: it is a folder, or a file of a run, a study or a comparison, or cannot be
            written.
    """
    check_output(path)
    try:
        with contextlib.ExitStack() as stack:
            if os.path.exists(path) and not os.path.isfile(path):
                file = stack.enter_context(open(path, "wb"))
            else:
                target = Path(os.path.realpath(path))
                folder = Folder(target.parent)
                stack.enter_context(folder.held())
                file = stack.enter_context(folder.replace(target.name))
            yield file
    except OSError as error:
        raise cannot_write(Path(path), error) from None


def write_output(path: str | Path, text: str) -> None:
    """Write a text as UTF-8, with escapes for lone surrogates; see `open_output`."""
    with open_output(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
