"""The table of a comparison: a row for each network at a budget."""

from recurra.comparison.results import Summary
from recurra.view import numbers
from recurra.view.tables import Column, Table

SUMMARIES = Table[Summary](
    Column("network", "network", lambda row: row.contestant),
    Column("hidden", "hidden", lambda row: row.hidden, numbers.setting),
    Column("parameters", "parameters", lambda row: row.parameters),
    Column("lr", "rate", lambda row: row.lr, numbers.setting),
    Column("test", "test", lambda row: row.test and row.test.mean, numbers.loss),
    Column(
        "interval",
        "interval",
        lambda row: row.test and (row.test.low, row.test.high),
        numbers.losses,
    ),
    Column("bits", "bits", lambda row: row.bits, numbers.loss),
    Column("chars_per_second", "speed", lambda row: row.chars_per_second, numbers.whole),
)
