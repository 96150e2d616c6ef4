"""What a notebook shows for our objects, when a cell ends with one.

The objects know nothing of it. IPython is told their types by name, so that nothing is loaded
before the first of them is shown.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurra.network import Network


def register() -> None:
    """Tell the IPython that runs this program how to show our objects, if there is one."""
    shell = sys.modules["IPython"].get_ipython()
    if shell is not None:
        formatter = shell.display_formatter.formatters["text/markdown"]
        for (module, name), show in _SHOWN.items():
            formatter.for_type_by_name(module, name, show)


def _network(network: "Network") -> str:
    from recurra.explain.page import summary

    return summary(network)


# (module, type) -> its Markdown
_SHOWN: dict[tuple[str, str], Callable[[Any], str]] = {("recurra.network", "Network"): _network}
