"""A page that writes: network, weights, vocabulary and program in one file."""

import base64
import hashlib
import html
import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from recurra._version import __version__
from recurra.errors import SettingError
from recurra.export.base import Export, Target
from recurra.export.html.javascript import StepFunction
from recurra.export.html.weights import pack
from recurra.export.steps import program_steps
from recurra.export.words import page_words
from recurra.models.model import Model
from recurra.storage.outputs import write_output


class Page(Target):
    """See the module."""

    name = "html"
    suffix = ".html"
    help = "one page that writes in any browser, without a network"
    weights = ("float16", "int8", "float32")

    def write(self, export: Export, path: Path) -> list[Path]:
        """Write the page."""
        if export.model is None:
            raise SettingError("a page that writes needs weights: name a run, not a network")
        write_output(path, _page(export, export.model))
        return [path]


def _page(export: Export, model: Model) -> str:
    layout, weights = pack(model.parameters, export.weights or "float16")
    data = {
        "characters": [ord(one) for one in model.vocabulary.characters],
        "layout": layout,
        "language": export.language,
        "words": {language: page_words(language) for language in ("en", "zh")},
        "facts": {
            "version": __version__,
            "parameters": f"{model.shapes.count:,}",
            "vocabulary": f"{len(model.vocabulary):,}",
        },
    }
    step = StepFunction(program_steps(model.network), model.shapes).text()
    script, style = f"{_file('core.js')}\n{step}\n{_file('page.js')}", _file("page.css")
    return Template(_file("page.html")).substitute(
        lang="zh-Hans" if export.language == "zh" else "en",
        title=html.escape(model.network.name),
        equations=html.escape(model.network.source),
        model=_data(data),
        weights=weights,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _file(name: str) -> str:
    return (files("recurra.export.html") / name).read_text("utf-8")


def _data(value: Any) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
