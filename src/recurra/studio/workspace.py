"""The folder that a studio serves: what is in it, and paths that never lead out of it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from recurra.errors import RunError
from recurra.studio.errors import MissingError
from recurra.view.text import visible

Kind = Literal["run", "study", "comparison"]
KINDS: dict[str, Kind] = {
    "config.json": "run",
    "study.json": "study",
    "comparison.json": "comparison",
}
DEPTH = 5  # folders below the served one in which runs are looked for
MOST = 20_000  # folders that are looked into


@dataclass(frozen=True)
class Entry:
    """A run, a study or a comparison of the folder.

    Attributes:
        kind: of what.
        id: its path below the folder; what cannot be printed is percent-encoded.
        label: the path for people.
        path: absolute.
    """

    kind: Kind
    id: str
    label: str
    path: Path

    def runs(self) -> list[Path]:
        """The runs inside a study or a comparison that have begun."""
        inside = {"study": "trials/*", "comparison": "runs/*/*/*"}.get(self.kind)
        found = self.path.glob(f"{inside}/config.json") if inside else ()
        return sorted(path.parent for path in found)


class Workspace:
    """A folder of runs, studies and comparisons.

    Args:
        folder: is served; nothing outside of it is.

    Raises:
        RunError: it is no folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(os.path.realpath(folder))
        if not self.folder.is_dir():
            raise RunError(f"{folder} is no folder: name one that holds runs, or is to hold them")

    def entries(self) -> list[Entry]:
        """Everything that can be shown, by path; what is inside a study or a comparison is not."""
        return sorted(self._found(), key=lambda entry: entry.label)

    def entry(self, id: str, kind: Kind | None = None) -> Entry:
        """The entry with this id.

        Args:
            id: of an `Entry`; runs inside a study or a comparison have one, too.
            kind: what it has to be.

        Raises:
            MissingError: there is no such thing in the folder.
        """
        path = Path(os.path.realpath(self._joined(id)))
        found = kind_of(path) if path.is_relative_to(self.folder) else None
        if found is None or (kind is not None and found != kind):
            raise MissingError(f"the folder has no {kind or 'entry'} {visible(id)[:200]}")
        return self._entry(found, path)

    def file(self, name: str) -> Path:
        """A file or folder of the workspace, by its path below it.

        Raises:
            MissingError: there is no such thing in the folder.
        """
        path = Path(os.path.realpath(self._joined(name)))
        if not name or not path.is_relative_to(self.folder) or not os.path.exists(path):
            raise MissingError(f"the folder has no {visible(name)[:200]!r}")
        return path

    def place(self, name: str) -> Path:
        """A folder directly in the workspace, for new things; it need not be there yet.

        Raises:
            RunError: it leads elsewhere.
        """
        path = self.folder / name
        if os.path.realpath(path) != str(path) or (path.exists() and not path.is_dir()):
            raise RunError(f"{path} is a link, or a file: put a folder there")
        return path

    def _joined(self, id: str) -> Path:
        name = os.fsdecode(unquote_to_bytes(id.encode("utf-8", "backslashreplace")))
        # a null byte ends every path, and no path begins anew below the folder
        return self.folder / name.replace("\0", "\ufffd").lstrip("/")

    def _entry(self, kind: Kind, path: Path) -> Entry:
        name = path.relative_to(self.folder).as_posix()
        id = "".join(c if c.isprintable() and c != "%" else quote(os.fsencode(c)) for c in name)
        return Entry(kind, id, visible(name), path)

    def _found(self) -> Iterator[Entry]:
        folders, looked = [(self.folder, 0)], 0
        while folders and looked < MOST:
            folder, depth = folders.pop()
            looked += 1
            if kind := kind_of(folder):
                yield self._entry(kind, folder)
            elif depth < DEPTH:
                folders += [(below, depth + 1) for below in _folders(folder)]


def kind_of(folder: Path) -> Kind | None:
    """The kind of a folder, by the file that tells it."""
    return next((kind for name, kind in KINDS.items() if os.path.isfile(folder / name)), None)


def changed(file: Path) -> int:
    """When a file was last written, in nanoseconds; 0 without one."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _folders(folder: Path) -> list[Path]:
    """Folders in a folder, but hidden ones and links; none where it may not be read."""
    try:
        with os.scandir(folder) as found:
            return [
                Path(item.path)
                for item in found
                if not item.name.startswith(".") and item.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []
