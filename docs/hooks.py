"""Additions of ours to the build of the site, called by MkDocs (``hooks`` in mkdocs.yml)."""

import re
from dataclasses import fields
from typing import Any

from mkdocs.exceptions import PluginError

from recurra.training.recipe import CLASSIC, MODERN

# The address of another host in anything but an <a>, which loads nothing until it is clicked.
LOADED = re.compile(r"<(?!a\b)\w+\b[^>]*\b(?:src|srcset|href|data)=[\"']?(?:https?:)?//[^>]*>")


def on_page_context(context: Any, *, page: Any, config: Any, nav: Any) -> Any:
    """Give pages below ``zh/`` Chinese buttons, and mark them as Chinese in their HTML."""
    config.theme["language"] = "zh" if page.file.src_uri.startswith("zh/") else "en"
    return context


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Put the table of a recipe's fields where the page asks for it."""
    return markdown.replace("<!-- recipe: table -->", recipe_table())


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Refuse a page that would load something from another host."""
    if found := LOADED.search(output):
        raise PluginError(f"{page.file.src_uri}: reading it would load {found[0]}")
    return output


def recipe_table() -> str:
    """A row for every field of a recipe, with its value in both recipes."""
    rows = ["| field | `modern` | `classic` | meaning |", "|---|---|---|---|"]
    for field in fields(MODERN):
        values = " | ".join(shown(getattr(recipe, field.name)) for recipe in (MODERN, CLASSIC))
        meaning = field.metadata["help"].replace("|", "\\|")
        rows.append(f"| `{field.name}` | {values} | {meaning} |")
    return "\n".join(rows)


def shown(value: Any) -> str:
    """A value as it is typed on the command line."""
    return "none" if value is None else str(value).lower()
