"""The tables of finished runs and of their losses on whole texts."""

from collections.abc import Callable, Sequence

from recurra.models.evaluation import Loss
from recurra.training.records import Finished
from recurra.training.score import Score
from recurra.view import numbers
from recurra.view.tables import Column, Table

FINISHED = Table[Finished](
    Column("network", "network", lambda row: row.network),
    Column("parameters", "parameters", lambda row: row.parameters),
    Column("held_out", "held-out nats", lambda row: row.val_nats_per_char, numbers.loss),
    Column("bits", "bits", lambda row: row.val_bits_per_char, numbers.loss),
    Column("train", "train nats", lambda row: row.train_nats_per_char, numbers.loss),
    Column("chars_per_second", "speed", lambda row: row.chars_per_second, numbers.whole),
    Column("steps", "steps", lambda row: row.steps),
    Column("seconds", "duration", lambda row: row.seconds, numbers.duration),
)


def _losses(key: str, loss: Callable[[Score], Loss | None]) -> list[Column[Score]]:
    """The columns of a loss that a score may lack."""

    def column(unit: str, heading: str) -> Column[Score]:
        return Column(
            f"{key}_{unit}",
            heading,
            lambda row: (found := loss(row)) and getattr(found, unit),
            numbers.loss,
            optional=True,
        )

    return [column("nats_per_char", key), column("bits_per_char", f"{key} bits")]


_SCORES = Table[Score](
    Column("text", "text", lambda row: row.text),
    Column("windows", "windows", lambda row: row.windows, optional=True),
    Column("characters", "characters", lambda row: row.loss.characters),
    Column("nats_per_char", "nats", lambda row: row.loss.nats_per_char, numbers.loss),
    Column("bits_per_char", "bits", lambda row: row.loss.bits_per_char, numbers.loss),
    Column("perplexity", "perplexity", lambda row: row.loss.perplexity, numbers.number),
    *_losses("adaptive", lambda row: row.adaptive),
    *_losses("mean", lambda row: row.mean),
    *_losses("mixture", lambda row: row.mixture),
)


def scores_table(scores: Sequence[Score]) -> Table[Score]:
    """The table of some losses, with a column for every compressor."""
    columns = [
        Column[Score](
            f"{name}_nats_per_char",
            f"{name} nats/char",
            lambda row, name=name: row.versus[name].nats_per_char,  # type: ignore[misc]
            numbers.loss,
        )
        for name in scores[0].versus
    ]
    return _SCORES.copy().add(*columns)
