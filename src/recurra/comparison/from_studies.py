"""The winners of studies against each other: a comparison in which each has its own settings."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from recurra.comparison.budgets import Budget
from recurra.comparison.comparison import (
    Comparison,
    Contestant,
    check_comparable,
)
from recurra.comparison.create import SEEDS
from recurra.comparison.environment import machine
from recurra.compute.registry import available_threads
from recurra.errors import SettingError
from recurra.lang.shape_solver import ShapeSolver
from recurra.text.sources import Source
from recurra.tuning.study import Study


def compare_studies(
    studies: Mapping[str, Study],
    *,
    seeds: int = SEEDS,
    out: Source | None = None,
    threads: int | None = None,
    fetch: bool = False,
    storage: str | None = None,
) -> Comparison:
    """A comparison of the winners of studies, in which nothing is trained yet.

    Every winner is trained in full, with the settings that its study found for it, from seeds that
    no study has used.

    Args:
        studies: by the name that each winner shall have; of the same texts.
        seeds: runs of each winner.
        out: the folder; see `plan_comparison`.
        threads: of each training.
        fetch: download texts that the studies have at an address.
        storage: see `plan_comparison`.

    Raises:
        RunError: a study has no winner.
        SettingError: fewer than two studies, or other texts.
    """
    winners = {name: study.winning() for name, study in studies.items()}
    contestants = [
        Contestant(name, winner.network.name, {}, winner.network.source)
        for name, winner in winners.items()
    ]
    check_comparable(list(winners), seeds, ())
    specs = [study.spec for study in studies.values()]
    first = specs[0]
    for name, study in studies.items():
        if study.spec.text.fingerprint != first.text.fingerprint:
            raise SettingError(
                f"the study {name} searched on other texts, or another split, than "
                f"{contestants[0].name}: losses on different texts cannot be compared"
            )
    corpus = first.text.load("the studies", fetch=fetch)
    corpus.held_out("test")
    used = [winner.recipe.seed for winner in winners.values()]
    for spec in specs:
        searched = spec.space.parameters.get("seed")
        used += [spec.recipe.seed, *(map(int, searched.ends) if searched else ())]
    begin = 1 + max(used)
    recipes = {name: winner.recipe.with_(seed=begin) for name, winner in winners.items()}
    shapes = {
        name: ShapeSolver(winner.network).shapes(len(corpus.vocabulary), winner.recipe.hidden)
        for name, winner in winners.items()
    }
    budget = Budget(
        "won",
        {},
        {name: recipe.hidden for name, recipe in recipes.items()},
        {name: solved.count for name, solved in shapes.items()},
    )
    definition = {
        "contestants": [asdict(one) for one in contestants],
        "text": first.text.to_json(),
        "recipe": asdict(recipes[contestants[0].name]),
        "recipes": {name: asdict(recipe) for name, recipe in recipes.items()},
        "studies": {name: str(study.folder) for name, study in studies.items()},
        "budgets": [asdict(budget)],
        "seeds": list(range(begin, begin + seeds)),
        "rates": [],
        "engine": first.engine,
        "threads": threads or available_threads(),
        "match": "won",
        "environment": machine(),
    }
    name = "-".join([*list(studies)[:4], Path(first.text.sources[0]).stem])
    return replace(Comparison.create(out, name, definition, storage), text=first.text)
