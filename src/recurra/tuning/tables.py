"""The tables of a search: its trials, and what was measured before it."""

from collections.abc import Callable, Mapping
from typing import Any

from recurra.tuning.cost import Probe
from recurra.tuning.study_spec import StudySpec
from recurra.view import numbers
from recurra.view.tables import Column, Table
from recurra.view.words import LANGUAGES, Words

Trial = Mapping[str, Any]  # of recurra.tuning.study.rows


def _field(
    key: str,
    heading: str | Mapping[str, str] = "",
    *,
    format: Callable[[Any], str] = numbers.number,
    words: str = "",
    hidden: bool = False,
) -> Column[Trial]:
    return Column(key, heading or key, lambda row: row[key], format, words, hidden=hidden)


TRIALS = Table[Trial](
    _field("trial", format=str),
    _field("state", words="state "),
    _field("nats_per_char", "validation", format=numbers.loss),
    _field("bits_per_char", "bits", format=numbers.loss),
    # the columns of the W-RNN course's own table
    _field("min_smooth_loss", "classic", format=numbers.summed),
    _field("min_smooth_loss_step", "classic step"),
    _field("characters", "characters"),
    _field("seconds", "time", format=numbers.whole),
    *(
        _field(key, hidden=True)
        for key in ("steps", "chars_per_second", "parameters", "reason", "sample", "run")
    ),
)
PROBES = Table[Probe](
    Column(
        "setting",
        "setting",
        lambda p: ", ".join(f"{n} {numbers.setting(v)}" for n, v in p.setting.items()),
    ),
    Column("parameters", "parameters", lambda p: p.parameters),
    Column(
        "chars_per_second",
        "speed",
        lambda p: 1.0 / p.seconds_per_char if p.seconds_per_char else None,
        numbers.whole,
    ),
    Column(
        "memory", "MiB", lambda p: None if p.memory is None else p.memory / 2**20, numbers.whole
    ),
)


def trials_table(spec: StudySpec) -> Table[Trial]:
    """The table of one search: with its parameters, and a column for each rung."""
    searched = (
        _field(name, dict.fromkeys(LANGUAGES, name), format=numbers.setting)
        for name in spec.space.parameters
    )
    rungs = (
        _field(
            f"nats_at_{rung}",
            {language: Words(language)("at rung", rung=f"{rung:,}") for language in LANGUAGES},
            format=numbers.loss,
        )
        for rung in spec.pruner.rungs
    )
    return TRIALS.copy().add(*searched, *rungs, after="state")
