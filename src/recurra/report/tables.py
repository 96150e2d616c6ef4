"""The tables of a report: a row for each run, and lists of names and values."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

from recurra.report.content import Compared, Content, RunPart, TextPart
from recurra.report.searches import SearchPart
from recurra.training.recipe import BUDGETS, Recipe
from recurra.tuning.statistics import compared, importance, rung_correlations
from recurra.view import numbers
from recurra.view.tables import Column, Table
from recurra.view.words import Words

Definitions = list[tuple[str, str]]

# What may differ from run to run of one comparison; all else is told once.
_VARYING = {"name", "hidden", "seed", "lr", "steps", "epochs", "minutes"}


@dataclass(frozen=True)
class RunRow:
    """A run, and the name of its budget where there are several."""

    run: RunPart
    budget: str | None

    @property
    def held_out(self) -> float | None:
        """Its test loss, or else its held-out loss."""
        held_out: float | None = self.run.outcome.val_nats_per_char
        return held_out if self.run.test is None else self.run.test


RUNS = Table[RunRow](
    Column("network", "network", lambda row: row.run.network),
    Column("budget", "settings budgets", lambda row: row.budget, optional=True),
    Column("seed", "seed", lambda row: row.run.seed),
    Column("hidden", "hidden", lambda row: row.run.recipe.hidden, numbers.setting),
    Column("seq_len", "sequence", lambda row: row.run.recipe.seq_len),
    Column("lr", "rate", lambda row: row.run.recipe.lr, numbers.setting),
    Column("steps", "steps", lambda row: row.run.outcome.steps),
    # the columns of the W-RNN course's own table
    Column(
        "min_smooth_loss", "classic", lambda row: row.run.outcome.min_smooth_loss, numbers.summed
    ),
    Column(
        "min_smooth_loss_step", "classic step", lambda row: row.run.outcome.min_smooth_loss_step
    ),
    Column("train", "train", lambda row: row.run.outcome.train_nats_per_char, numbers.loss),
    Column("held_out", "validation", lambda row: row.run.outcome.val_nats_per_char, numbers.loss),
    Column("test", "test column", lambda row: row.run.test, numbers.loss, optional=True),
    Column("bits", "bits", lambda row: row.held_out and row.held_out / math.log(2.0), numbers.loss),
    Column("seconds", "time", lambda row: row.run.outcome.seconds, numbers.whole),
)


TEXTS = Table[TextPart](
    Column("document", "document", lambda row: row.name),
    Column("characters", "document characters", lambda row: row.characters),
    Column("encoding", "encoding", lambda row: row.encoding),
)


def run_rows(content: Content, words: Words) -> list[RunRow]:
    """The rows of `RUNS`."""
    several = len(content.budgets) > 1
    return [
        RunRow(run, shown_budget(content, run.budget, words) if several else None)
        for run in content.runs
    ]


def settings(content: Content, words: Words) -> Definitions:
    """Settings of a comparison or of runs."""
    texts = words("comma").join(content.texts)
    names = [part.network.name for part in content.networks]
    return [
        (words("settings networks"), words.list(names)),
        (words("settings texts"), words("distinct", texts=texts, count=f"{content.vocabulary:,}")),
        *_settings_of(content, words),
        (words("settings recipe"), _shown_recipe(content, words)),
    ]


def _settings_of(content: Content, words: Words) -> Definitions:
    match content.found:
        case Compared(comparison):
            budgets = (shown_budget(content, budget, words) for budget in content.budgets)
            matched = words(f"match {comparison.match}", first=comparison.names[0])
            rows = [
                (words("settings budgets"), words("semicolon").join(budgets)),
                (words("settings match"), matched),
                (words("settings seeds"), words("comma").join(map(str, comparison.seeds))),
            ]
            if comparison.rates:
                rates = words("comma").join(map(numbers.setting, comparison.rates))
                rows.append((words("settings rates"), words("settings rates how", rates=rates)))
            return rows
        case SearchPart(spec):
            pruner, trials, length = spec.pruner, spec.trials, spec.length
            rungs = words("comma").join(f"{rung:,}" for rung in pruner.rungs)
            pruning = words("rungs", name=pruner.name, rungs=rungs) if rungs else pruner.name
            count = words("trials of", count=f"{trials:,}", length=f"{length:,}")
            return [
                (
                    words("settings space"),
                    words("semicolon").join(spec.space.as_toml().splitlines()),
                ),
                (words("settings trials"), count),
                (words("settings search"), words("comma").join([spec.sampler.name, pruning])),
                (words("settings finalists"), f"{spec.finalists}"),
            ]
    return []


def _shown_recipe(content: Content, words: Words) -> str:
    recipe = content.recipe
    differ = {(run.recipe.batch, run.recipe.seq_len) for run in content.runs}
    if isinstance(content.found, SearchPart) or len(differ) > 1:
        return words("comma").join([recipe.name, recipe.optimizer])
    return words(
        "recipe", name=recipe.name, optimizer=recipe.optimizer, batch=recipe.batch,
        sequence=recipe.seq_len,
    )  # fmt: skip


def shown_budget(content: Content, budget: str, words: Words) -> str:
    """A budget in words: ``hidden 256 of rnn, 4,000 steps``."""
    first = next(run for run in content.runs if run.budget == budget)
    hidden = numbers.setting(first.recipe.hidden)
    limits = ((name, getattr(first.recipe, name)) for name in BUDGETS)
    return words("comma").join(
        [
            words("of first", hidden=hidden, first=first.network),
            *(words(f"limit {n}", value=f"{value:,g}") for n, value in limits if value is not None),
        ]
    )


def sizes(
    content: Content, part_sizes: Iterable[tuple[str, tuple[object, int]]], words: Words
) -> list[str]:
    """The sizes of a network, each once."""
    searched = isinstance(content.found, SearchPart)
    return list(
        dict.fromkeys(
            (f"{name}{words('colon')}" if searched else "")
            + words("size", hidden=numbers.setting(hidden), parameters=f"{count:,}")
            for name, (hidden, count) in part_sizes
        )
    )


def search_facts(search: SearchPart, words: Words) -> Definitions:
    """Findings of a search about the parameters and the rungs."""
    parts = importance(search.spec, search.trials).items()
    shares = words("comma").join(f"{name} {part:.2f}" for name, part in parts)
    facts = [(words("importance"), shares or words("too few"))]
    for found in rung_correlations(search.spec, search.trials):
        rho = numbers.DASH if found.rho is None else f"{found.rho:.2f}"
        value = words("over trials", rho=rho, count=f"{found.trials:,}")
        facts.append((words("correlation", rung=f"{found.rung:,}"), value))
    return facts


def compared_by(search: SearchPart, words: Words) -> str:
    """Which trials the figures compare, and by what."""
    chosen, _ = compared(search.trials)
    where = "at the end" if all(trial.loss is not None for trial in chosen) else "at first rung"
    return words("compared", count=len(chosen), where=words(where))


def winner(search: SearchPart, words: Words) -> str:
    """The outcome of a search as a sentence."""
    trial = search.trials[search.winner]
    setting = (f"{name} = {numbers.setting(v)}" for name, v in (trial.setting or {}).items())
    counts = [
        words("count", count=f"{count:,}", state=words(f"state {state}"))
        for state, count in search.counts.items()
    ]
    return words(
        "winner", number=trial.number, setting=words("comma").join(setting),
        loss=numbers.loss(trial.loss), counts=words("comma").join(counts),
    )  # fmt: skip


def recipe(content: Content) -> Definitions:
    """Every field that all runs share, with its value."""
    found = content.found
    searched = found.spec.space.parameters if isinstance(found, SearchPart) else {}
    return [
        (f.name, "none" if value is None else str(value))
        for f in fields(Recipe)
        if f.name not in _VARYING and f.name not in searched
        if len({getattr(run.recipe, f.name) for run in content.runs}) == 1
        for value in [getattr(content.recipe, f.name)]
    ]
