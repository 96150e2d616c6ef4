"""The words of all that Recurra shows to people: ``words.en.toml``, a file for each language.

Words may hold ``{places}``, which are filled with texts; any other brace belongs to LaTeX.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from recurra.errors import unknown

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@cache
def table(language: str) -> dict[str, Any]:
    """All words of a language, by key."""
    return tomllib.loads((files("recurra.view") / f"words.{language}.toml").read_text("utf-8"))


class Words:
    """The words of one language: ``words("size", hidden=8, parameters="1,234")``.

    Raises:
        SettingError: there is no such language.
    """

    def __init__(self, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise unknown("language", language, LANGUAGES)
        self.language = language
        self._table = table(language)

    def __call__(self, key: str, **values: object) -> str:
        """The words for a key, with its places filled."""
        return re.sub(
            r"\{(\w+)\}", lambda place: str(values.get(place[1], place[0])), self._table[key]
        )

    def known(self, key: str) -> str:
        """The words for a key, or the key itself where it is a name."""
        return str(self._table.get(key, key))

    def heading(self, heading: str | Mapping[str, str]) -> str:
        """A heading: one text for each language, a key of the words, or a name."""
        return self.known(heading) if isinstance(heading, str) else heading[self.language]

    def list(self, names: Sequence[str]) -> str:
        """``a, b and c``."""
        if len(names) < 2:
            return "".join(names)
        return self("comma").join(names[:-1]) + self("and") + names[-1]
