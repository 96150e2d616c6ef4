"""The tables about networks: the library, the parameters of one, the check of its gradient."""

from collections.abc import Mapping

from recurra.compute.gradcheck import GradientCheck
from recurra.lang.network import Network
from recurra.view import numbers
from recurra.view.tables import Column, Table

Counted = tuple[Network, int]  # and its number of parameters
Shapes = tuple[
    str, tuple[int, ...], tuple[int, ...]
]  # a parameter's name, shape on paper, as stored


def _choices(choices: Mapping[str, str | float]) -> str:
    return " ".join(f"{name}={value}" for name, value in choices.items())


NETWORKS = Table[Counted](
    Column("network", "network", lambda row: row[0].name),
    Column("parameters", "parameters", lambda row: row[1]),
    Column("choices", "choices", lambda row: row[0].choices, _choices),
    Column("description", "description", lambda row: row[0].description),
)
PARAMETERS = Table[Shapes](
    Column("parameter", "parameter", lambda row: row[0]),
    Column("paper", "on paper", lambda row: row[1], numbers.shape),
    Column("stored", "as stored", lambda row: row[2], numbers.shape),
)
GRADIENTS = Table[GradientCheck](
    Column("parameter", "parameter", lambda row: row.parameter),
    Column("shape", "shape", lambda row: row.shape, numbers.shape),
    Column("checked", "checked", lambda row: row.checked),
    Column("error", "gradient error", lambda row: row.error),
    Column("passed", "verdict", lambda row: "ok" if row.passed else "wrong", words="gradient "),
)
