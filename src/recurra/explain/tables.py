"""The tables about networks: the library, and the check of a gradient."""

from collections.abc import Mapping

from recurra.compute.gradcheck import GradientCheck
from recurra.lang.network import Network
from recurra.lang.syntax import TEXT
from recurra.view import numbers
from recurra.view.tables import Column, Table


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


Counted = tuple[Network, int]  # and its number of parameters


def _choices(choices: Mapping[str, str | float]) -> str:
    shown = {n: v if isinstance(v, str) else TEXT.number(float(v)) for n, v in choices.items()}
    return " ".join(f"{name}={value}" for name, value in shown.items())


NETWORKS = Table[Counted](
    Column("network", "network", lambda row: row[0].name),
    Column("parameters", "parameters", lambda row: row[1]),
    Column("choices", "choices", lambda row: row[0].choices, _choices),
    Column("description", "description", lambda row: row[0].description, _first_line),
)
GRADIENTS = Table[GradientCheck](
    Column("parameter", "parameter", lambda row: row.parameter),
    Column("shape", "shape", lambda row: row.shape, numbers.shape),
    Column("checked", "checked", lambda row: row.checked),
    Column("error", "gradient error", lambda row: row.error),
    Column("passed", "verdict", lambda row: "ok" if row.passed else "wrong", words="gradient "),
)
