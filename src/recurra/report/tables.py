"""The tables of a report: headings and rows, for HTML and Markdown alike."""

import math
from collections.abc import Sequence
from dataclasses import fields

from recurra.recipes import BUDGETS, Recipe
from recurra.report.content import Content, RunPart
from recurra.report.words import Words

Table = tuple[list[str], list[Sequence[object]]]

# What may differ from run to run of one comparison; all else is told once.
_VARYING = {"name", "hidden", "seed", "lr", "steps", "epochs", "minutes"}


def asked(content: Content, words: Words) -> list[tuple[str, str]]:
    """What was asked for: names and values."""
    texts = words("comma").join(content.texts)
    rows = [
        (words("asked networks"), words.list(content.names)),
        (
            words("asked texts"),
            words("distinct", texts=texts, count=f"{content.vocabulary:,}"),
        ),
    ]
    comparison = content.comparison
    if comparison is not None:
        first = comparison.names[0]
        rows += [
            (
                words("asked budgets"),
                words("semicolon").join(shown_budget(content, b, words) for b in content.budgets),
            ),
            (words("asked match"), words(f"match {comparison.match}", first=first)),
            (words("asked seeds"), words("comma").join(map(str, comparison.seeds))),
        ]
        if comparison.rates:
            rates = words("comma").join(f"{rate:g}" for rate in comparison.rates)
            rows.append((words("asked rates"), words("asked rates how", rates=rates)))
    shared = content.recipe
    rows.append(
        (
            words("asked recipe"),
            words(
                "recipe", name=shared.name, optimizer=shared.optimizer, batch=shared.batch,
                sequence=shared.seq_len,
            ),
        )
    )  # fmt: skip
    return rows


def shown_budget(content: Content, budget: str, words: Words) -> str:
    """A budget in words: ``hidden 256 of rnn, 4,000 steps``."""
    first = next(run for run in content.runs if run.budget == budget)
    parts = [words("of first", hidden=shown_sizes(first.recipe.hidden), first=first.network)]
    parts += [
        words(f"limit {name}", value=f"{getattr(first.recipe, name):,g}")
        for name in BUDGETS
        if getattr(first.recipe, name) is not None
    ]
    return words("comma").join(parts)


def summaries(content: Content, budget: str, words: Words) -> Table:
    """One row for each network: its mean test loss at a budget."""
    keys = ("network", "hidden", "parameters", "rate", "test", "interval", "bits", "speed")
    rows: list[Sequence[object]] = []
    assert content.results is not None
    for summary in content.results.summaries:
        if summary.budget != budget:
            continue
        run = next(r for r in content.runs if (r.network, r.budget) == (summary.contestant, budget))
        found = summary.test
        interval = None
        if found is not None and math.isfinite(found.low):
            interval = words("to", low=found.low, high=found.high)
        rows.append(
            (
                summary.contestant,
                shown_sizes(run.recipe.hidden),
                summary.parameters,
                summary.lr,
                found and found.mean,
                interval,
                summary.bits,
                summary.chars_per_second,
            )
        )
    return [words(key) for key in keys], rows


def runs(content: Content, words: Words) -> Table:
    """One row for each run, with the columns of the original's table."""
    several = len(content.budgets) > 1
    keys = ["network", "seed", "hidden", "sequence", "rate", "steps", "classic", "classic step"]
    keys += ["train", "validation", *(["test column"] if content.results else []), "bits", "time"]
    rows = [_run(run, content, words) for run in content.runs]
    headings = [words(key) for key in keys]
    if several:
        headings.insert(1, words("asked budgets"))
    return headings, rows


def _run(run: RunPart, content: Content, words: Words) -> Sequence[object]:
    end, recipe = run.outcome, run.recipe
    several, tested = len(content.budgets) > 1, content.results is not None
    judged = run.test if tested else end["val_nats_per_char"]
    return [
        run.network,
        *([shown_budget(content, run.budget, words)] if several else []),
        run.seed,
        shown_sizes(recipe.hidden),
        recipe.seq_len,
        f"{recipe.lr:g}",
        end["steps"],
        None if end["min_smooth_loss"] is None else f"{end['min_smooth_loss']:.2f}",
        end["min_smooth_loss_step"],
        end["train_nats_per_char"],
        end["val_nats_per_char"],
        *([run.test] if tested else []),
        None if judged is None else judged / math.log(2.0),
        f"{end['seconds']:.0f}",
    ]


def recipe(content: Content) -> list[tuple[str, str]]:
    """Every field that all runs share, with its value."""
    return [
        (f.name, "none" if value is None else str(value))
        for f in fields(Recipe)
        if f.name not in _VARYING
        for value in [getattr(content.recipe, f.name)]
    ]


def shown_sizes(hidden: int | dict[str, int]) -> str:
    """``256``, or ``a=128, b=256``."""
    if isinstance(hidden, int):
        return f"{hidden:,}"
    return ", ".join(f"{name}={size}" for name, size in hidden.items())
