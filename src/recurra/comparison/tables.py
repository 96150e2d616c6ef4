"""The tables of a comparison: networks at their budgets, and the time that they take."""

from recurra.comparison.budgets import RunCost
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
    Column("perplexity", "perplexity", lambda row: row.perplexity),
    Column("chars_per_second", "speed", lambda row: row.chars_per_second, numbers.whole),
)
COSTS = Table[RunCost](
    Column("budget", "budget", lambda row: row.budget),
    Column("network", "network", lambda row: row.contestant),
    Column("parameters", "parameters", lambda row: row.parameters),
    Column("runs", "runs left", lambda row: row.runs),
    Column("chars_per_second", "speed", lambda row: row.chars_per_second, numbers.whole),
    Column("seconds", "each takes", lambda row: row.seconds, numbers.duration),
)
