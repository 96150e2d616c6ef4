"""The tables of a report: headings and rows, for HTML and Markdown alike."""

import math
from collections.abc import Sequence
from dataclasses import fields

from recurra.report.content import Content, RunPart
from recurra.report.searches import SearchPart
from recurra.report.words import Words
from recurra.training.recipe import BUDGETS, Recipe
from recurra.tuning.spec import StudySpec, shown
from recurra.tuning.statistics import compared, importance, rung_correlations

Table = tuple[list[str], list[Sequence[object]]]

# What may differ from run to run of one comparison; all else is told once.
_VARYING = {"name", "hidden", "seed", "lr", "steps", "epochs", "minutes"}


def asked(content: Content, words: Words) -> list[tuple[str, str]]:
    """What was asked for: names and values."""
    texts = words("comma").join(content.texts)
    rows = [
        (words("asked networks"), words.list([network.name for network in content.networks])),
        (
            words("asked texts"),
            words("distinct", texts=texts, count=f"{content.vocabulary:,}"),
        ),
    ]
    if content.search is not None:
        rows += _searched(content.search.spec, words)
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
    how = words(
        "recipe", name=shared.name, optimizer=shared.optimizer, batch=shared.batch,
        sequence=shared.seq_len,
    )  # fmt: skip
    differ = {(run.recipe.batch, run.recipe.seq_len) for run in content.runs}
    if content.search is not None or len(differ) > 1:
        how = words("comma").join([shared.name, shared.optimizer])
    rows.append((words("asked recipe"), how))
    return rows


def _searched(spec: StudySpec, words: Words) -> list[tuple[str, str]]:
    """What a search was asked for."""
    pruner = spec.pruner
    rungs = words("comma").join(f"{rung:,}" for rung in pruner.rungs)
    how = words("rungs", name=pruner.name, rungs=rungs) if rungs else pruner.name
    return [
        (words("asked space"), words("semicolon").join(spec.space.as_toml().splitlines())),
        (words("asked trials"), words("trials of", count=spec.trials, length=spec.length)),
        (words("asked search"), words("comma").join([spec.sampler.name, how])),
        (words("asked finalists"), f"{spec.finalists}"),
    ]


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
    judged = run.test if tested else end.val_nats_per_char
    return [
        run.network,
        *([shown_budget(content, run.budget, words)] if several else []),
        run.seed,
        shown_sizes(recipe.hidden),
        recipe.seq_len,
        f"{recipe.lr:g}",
        end.steps,
        f"{end.min_smooth_loss:.2f}" if math.isfinite(end.min_smooth_loss) else None,
        end.min_smooth_loss_step,
        end.train_nats_per_char if math.isfinite(end.train_nats_per_char) else None,
        end.val_nats_per_char,
        *([run.test] if tested else []),
        None if judged is None else judged / math.log(2.0),
        f"{end.seconds:.0f}",
    ]


def trials(search: SearchPart, words: Words) -> Table:
    """One row for each of the best trials, with the columns of the original's table."""
    searched = list(search.spec.space.parameters)
    plain = ["classic", "classic step", "characters", "validation", "bits", "time"]
    rows: list[Sequence[object]] = []
    for row in search.table:
        loss = row["nats_per_char"]
        seconds, classic = row["seconds"], row["min_smooth_loss"]
        reached = [value for key, value in row.items() if key.startswith("nats_at_")]
        rows.append(
            (
                f"#{row['trial']}",
                words(f"state {row['state']}"),
                *(_plain(row[name]) for name in searched),
                *reached,
                None if classic is None else f"{classic:.2f}",
                row["min_smooth_loss_step"],
                row["characters"],
                loss,
                row["bits_per_char"],
                None if seconds is None else f"{seconds:.0f}",
            )
        )
    rungs = [words("at rung", rung=rung) for rung in search.spec.pruner.rungs]
    headings = [words("trial"), words("state"), *searched, *rungs, *map(words, plain)]
    return headings, rows


def search_facts(search: SearchPart, words: Words) -> list[tuple[str, str]]:
    """What the trials say about the parameters, and about the rungs."""
    parts = importance(search.spec, search.trials).items()
    shares = words("comma").join(f"{name} {part:.2f}" for name, part in parts)
    facts = [(words("importance"), shares)]
    for found in rung_correlations(search.spec, search.trials):
        rho = "–" if found.rho is None else f"{found.rho:.2f}"
        value = words("over trials", rho=rho, count=found.trials)
        facts.append((words("correlation", rung=found.rung), value))
    return facts


def compared_by(search: SearchPart, words: Words) -> str:
    """Which trials the figures compare, and by what."""
    chosen, _ = compared(search.trials)
    where = words(
        "at the end" if all(trial.loss is not None for trial in chosen) else "at first rung"
    )
    return words("compared", count=len(chosen), where=where)


def winner(search: SearchPart, words: Words) -> str:
    """The outcome of a search as a sentence."""
    trial = search.trials[search.winner]
    counts = [
        words("count", count=count, state=words(f"state {state}"))
        for state, count in search.counts.items()
    ]
    return words(
        "winner", number=trial.number, setting=shown(trial.setting or {}), loss=trial.loss,
        counts=words("comma").join(counts),
    )  # fmt: skip


def recipe(content: Content) -> list[tuple[str, str]]:
    """Every field that all runs share, with its value."""
    return [
        (f.name, "none" if value is None else str(value))
        for f in fields(Recipe)
        if f.name not in _VARYING
        if len({getattr(run.recipe, f.name) for run in content.runs}) == 1
        if content.search is None or f.name not in content.search.spec.space.parameters
        for value in [getattr(content.recipe, f.name)]
    ]


def _plain(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value


def shown_sizes(hidden: int | dict[str, int]) -> str:
    """``256``, or ``a=128, b=256``."""
    if isinstance(hidden, int):
        return f"{hidden:,}"
    return ", ".join(f"{name}={size}" if name else f"{size}" for name, size in hidden.items())
