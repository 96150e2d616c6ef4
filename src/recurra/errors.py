"""The few kinds of error a user can meet; each says what was wrong, where and what to do."""

from collections.abc import Iterable
from unicodedata import east_asian_width


class RecurraError(Exception):
    """Base of every error that Recurra raises on purpose; its text is one message for the user."""


class EquationError(RecurraError):
    """Something in the equations is wrong; the text shows the line with a caret below the place.

    Args:
        message: what is wrong and what to do.
        source: the whole text of the equations.
        line: line number, counted from 1.
        column: column, counted from 0 (as in ``ast``); shown counted from 1.
        origin: the file or network name the equations came from.
    """

    def __init__(
        self, message: str, source: str, line: int, column: int = 0, origin: str = ""
    ) -> None:
        super().__init__(message, source, line, column, origin)
        self.message, self.source, self.line = message, source, line
        self.column, self.origin = column, origin

    def __str__(self) -> str:
        lines = self.source.splitlines()
        text = lines[self.line - 1] if 0 < self.line <= len(lines) else ""
        # A window around the place keeps hostile lines of a million characters readable.
        start = max(0, self.column - 60)
        shown = "".join(map(_shown, text[start : start + 100]))
        # A Chinese character is two columns wide, and so is the space below it.
        before = shown[: self.column - start]
        caret = "".join("\u3000" if _is_wide(c) else " " for c in before) + "^"
        where = f"{self.origin}, line {self.line}" if self.origin else f"line {self.line}"
        return f"{where}, column {self.column + 1}: {self.message}\n    {shown}\n    {caret}"


def _shown(character: str) -> str:
    """A character as a terminal may show it: no control characters, no lone surrogates."""
    return character if character.isprintable() else " " if character.isspace() else "\ufffd"


def _is_wide(character: str) -> bool:
    return east_asian_width(character) in "WF"


class TextError(RecurraError):
    """A text cannot be read, decoded, split or encoded."""


class SettingError(RecurraError):
    """An option or a field of a recipe has a value that makes no sense."""


def unknown(kind: str, name: str, names: Iterable[str]) -> SettingError:
    """The error that none of a kind has a name: engines, formats, languages, ..."""
    return SettingError(f"no {kind} {name}: choose one of {', '.join(names)}")


class RequestError(SettingError):
    """A field of a request is missing, or does not go together with another one.

    Args:
        field: its name.
        message: what is wrong and what to do.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field, self.message = field, message

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class RunError(RecurraError):
    """A run folder or a checkpoint is missing, torn, foreign, newer, locked or inconsistent."""
