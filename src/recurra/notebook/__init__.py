"""Notebook: how our objects are shown where a cell ends with one.

    cards     the frame of a card
    runs      card of a run
    models    cards of a model and of a gradient check
    searches  cards of a study and of a comparison
    results   card of a comparison's results
    live      a training as it goes

The objects know nothing of it. IPython is told their types by name, and loads a card when the
first of them is shown.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

# MIME type, module and name of a type, and the function that shows it
_SHOWN = (
    ("text/markdown", "recurra.lang.network", "Network", "recurra.explain.page:summary"),
    (
        "text/markdown",
        "recurra.explain.derivation",
        "Derivation",
        "recurra.explain.page:derivation_page",
    ),
    (
        "text/html",
        "recurra.compute.gradcheck",
        "GradientChecks",
        "recurra.notebook.models:show_checks",
    ),
    ("text/html", "recurra.models.model", "Model", "recurra.notebook.models:show_model"),
    ("text/html", "recurra.tuning.study", "Study", "recurra.notebook.searches:show_study"),
    (
        "text/html",
        "recurra.comparison.comparison",
        "Comparison",
        "recurra.notebook.searches:show_comparison",
    ),
    ("text/html", "recurra.storage.runs", "Run", "recurra.notebook.runs:show_run"),
    ("text/html", "recurra.comparison.results", "Results", "recurra.notebook.results:show_results"),
)


def register() -> None:
    """Tell the IPython that runs this program how to show our objects, if there is one."""
    shell = sys.modules["IPython"].get_ipython()
    if shell is not None:
        formatters = shell.display_formatter.formatters
        for mime, module, name, function in _SHOWN:
            formatters[mime].for_type_by_name(module, name, _loaded_when_called(function))


def _loaded_when_called(function: str) -> Callable[[Any], str]:
    module, _, name = function.partition(":")
    return lambda shown: str(getattr(import_module(module), name)(shown))
