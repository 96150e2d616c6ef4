"""Additions of ours to the build of the site, called by MkDocs (``hooks`` in mkdocs.yml)."""

import re
from dataclasses import fields
from typing import Any

from mkdocs.exceptions import PluginError

import recurra
from recurra.training.recipe import CLASSIC, MODERN

NAMES = re.compile(r"<!-- public names: (.*?) -->")
# The address of another host in anything but an <a>, which loads nothing until it is clicked.
LOADED = re.compile(r"<(?!a\b)\w+\b[^>]*\b(?:src|srcset|href|data)=[\"']?(?:https?:)?//[^>]*>")


def on_page_context(context: Any, *, page: Any, config: Any, nav: Any) -> Any:
    """Give pages below ``zh/`` Chinese buttons, and mark them as Chinese in their HTML."""
    config.theme["language"] = "zh" if page.file.src_uri.startswith("zh/") else "en"
    return context


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Put in what the sources know: public names of packages, and the fields of a recipe."""
    markdown = markdown.replace("<!-- recipe: table -->", recipe_table())
    return NAMES.sub(lambda found: reference(found[1].split()), markdown)


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Refuse a page that would load something from another host."""
    if found := LOADED.search(output):
        raise PluginError(f"{page.file.src_uri}: reading it would load {found[0]}")
    return output


def reference(packages: list[str]) -> str:
    """The documentation of the public names that lie in some packages or modules."""
    places = recurra._MODULE_OF.items()
    return "\n\n".join(
        f"::: recurra.{name}"
        for package in packages
        for name, module in places
        if f"{module}.".startswith(f"{package}.")
    )


def recipe_table() -> str:
    """A row for every field of a recipe, with its value in both recipes."""
    rows = ["| field | meaning | `modern` | `classic` |", "|---|---|---|---|"]
    for field in fields(MODERN):
        values = " | ".join(shown(getattr(recipe, field.name)) for recipe in (MODERN, CLASSIC))
        meaning = field.metadata["help"].replace("|", "\\|")
        rows.append(f"| `{field.name}` | {meaning} | {values} |")
    return "\n".join(rows)


def shown(value: Any) -> str:
    """A value as it is typed on the command line."""
    return "none" if value is None else str(value).lower()
