"""New comparisons: of networks to train, or of runs that have finished."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from recurra.comparison.budgets import (
    Budget,
    LimitName,
    Match,
    Sizes,
    fair_workers,
    make_budgets,
    timed,
)
from recurra.comparison.comparison import (
    Comparison,
    Contestant,
    GivenRun,
    PlannedRun,
    check_comparable,
)
from recurra.comparison.environment import machine
from recurra.compute.registry import DEFAULT_ENGINE, available_threads, require_engine
from recurra.errors import SettingError
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.text.batches import Streams
from recurra.text.corpus import DEFAULT_SPLIT, Corpus, Split, TextSpec
from recurra.text.download import Progress
from recurra.text.sources import Source
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import MODERN, Recipe

SEEDS = 5

Networks = Sequence[Network | Source] | Mapping[str, Network | Source]


def plan_comparison(
    networks: Networks,
    sources: Sequence[Source],
    recipe: Recipe = MODERN,
    *,
    choices: Mapping[str, Mapping[str, str | float]] | None = None,
    hidden: Sequence[Sizes] | None = None,
    limits: Sequence[dict[LimitName, int | float]] | None = None,
    match: Match = "parameters",
    seeds: int = SEEDS,
    rates: Sequence[float] = (),
    out: Source | None = None,
    encoding: str | None = None,
    split: Split = DEFAULT_SPLIT,
    corpus: Corpus | None = None,
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
    workers: int | None = None,
    storage: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """A new comparison: its folder, in which nothing is trained yet.

    Args:
        networks: names of the library, ``.eq`` files or parsed networks, two or more; as a
            mapping, each under a name of its own.
        sources: texts, as for `recurra.train`.
        recipe: what all runs have in common; seeds count up from its seed.
        choices: name -> choices of its equations, such as ``{"wrnn": {"f1": "sigmoid"}}``.
        hidden: sizes of the first network, each a budget of its own; None: the recipe's.
        limits: lengths of training, each a budget of its own, such as ``{"steps": 4000}`` or
            ``{"minutes": 5.0}``; None: the recipe's.
        match: "parameters" (within 2 % of the first network's) or "hidden" (equal sizes).
        seeds: runs of each network at each budget.
        rates: learning rates to try for each network at each budget, by one full run each; the
            one with the lowest validation loss trains its finalists.
        out: the folder; None: ``comparisons/NETWORKS-TEXT-001``, or the next free number.
        encoding, split, corpus, engine, threads: as for `recurra.start`.
        progress: see `recurra.load_corpus`.
        workers: how many processes are to train at a time; noted beside the machine.
        storage: address of a PostgreSQL database through which processes on several machines share
            the runs; then no budget may be minutes.

    Raises:
        RecurraError: a network, text, size or setting is refused; then nothing is left behind.
    """
    if isinstance(sources, str | Path):
        sources = [sources]
    threads = threads or available_threads()
    require_engine(engine, threads)
    contestants = _contestants(networks, choices or {})
    check_comparable([one.name for one in contestants], seeds, rates)
    text = TextSpec.of(sources, encoding, split, corpus, progress)
    corpus = text.load(out)
    corpus.held_out("test")
    if rates:
        corpus.held_out("validation")
    budgets = make_budgets(
        [one.parsed for one in contestants],
        len(corpus.vocabulary),
        hidden or [recipe.hidden],
        limits or [{}],
        match,
    )
    recipes = [recipe.with_(**budget.limit) for budget in budgets]  # refused now, or never
    if storage is not None and timed(recipes):
        raise SettingError(
            "minutes are worth more on a faster machine: on several machines give steps or epochs"
        )
    Streams(corpus.training, recipe.batch, recipe.seq_len)
    definition = {
        "contestants": [asdict(one) for one in contestants],
        "text": text.to_json(),
        "recipe": asdict(recipe),
        "budgets": [asdict(budget) for budget in budgets],
        "seeds": list(range(recipe.seed, recipe.seed + seeds)),
        "rates": [float(rate) for rate in rates],
        "engine": engine,
        "threads": threads,
        "match": match,
        "environment": machine(),
    }
    if workers is not None:
        fair = fair_workers(workers, recipes, len(contestants), seeds, len(rates))
        definition["environment"] = {**machine(), "workers": str(fair)}
    name = "-".join([*[one.name for one in contestants][:4], Path(sources[0]).stem])
    return replace(Comparison.create(out, name, definition, storage), text=text)


def compare_runs(
    runs: Sequence[Source] | Mapping[str, Sequence[Source]], out: Source | None = None
) -> Comparison:
    """A comparison of runs that have finished; their folders stay where they are.

    Args:
        runs: run folders; as a mapping, name -> runs of one network. Else they are grouped by the
            network that each says it trained. Runs of different networks are paired by seed.
        out: the folder; see `plan_comparison`.

    Raises:
        RunError: a run cannot be read.
        SettingError: fewer than two networks, other texts, or seeds that do not pair.
    """
    opened: dict[str, list[FinishedRun]] = {}
    if isinstance(runs, Mapping):
        opened = {name: list(map(FinishedRun.open, folders)) for name, folders in runs.items()}
    else:
        for run in map(FinishedRun.open, runs):
            opened.setdefault(run.config.network, []).append(run)
    contestants = [
        Contestant(name, group[0].config.network, {}, group[0].run.equations)
        for name, group in opened.items()
    ]
    check_comparable([one.name for one in contestants], 1, ())
    planned = _paired(opened)
    first = next(iter(opened.values()))[0].config
    definition = {
        "contestants": [asdict(one) for one in contestants],
        "text": first.text.to_json(),
        "recipe": asdict(first.recipe),
        "budgets": [asdict(_given_budget(opened, planned))],
        "seeds": sorted({run.seed for run in planned}),
        "rates": [],
        "engine": first.engine,
        "threads": first.threads,
        "match": "given",
        "environment": machine(),
        "given": [
            asdict(GivenRun(run.budget, run.contestant, run.seed, str(run.folder)))
            for run in planned
        ],
    }
    name = "-".join([*list(opened)[:4], Path(first.text.sources[0]).stem])
    return Comparison.create(out, name, definition)


def _paired(opened: Mapping[str, Sequence[FinishedRun]]) -> list[PlannedRun]:
    """Runs with their places, once it is sure that they pair and are of one text."""
    first = next(iter(opened.values()))[0]
    seeds, planned = [], []
    for name, group in opened.items():
        found = [run.config.recipe.seed for run in group]
        if len(set(found)) < len(found):
            raise SettingError(
                f"two runs of {name} have one seed: give different settings names of their own, "
                f"as in {name}-a=RUN"
            )
        for run in group:
            folder = run.run.folder
            if run.run.equations != group[0].run.equations:
                raise SettingError(f"{folder} has other equations than {group[0].run.folder}")
            if run.config.text.fingerprint != first.config.text.fingerprint:
                raise SettingError(
                    f"{folder} was trained on other texts, or another split, than "
                    f"{first.run.folder}: losses on different texts cannot be compared"
                )
            planned.append(PlannedRun.of("given", name, run))
        seeds.append(sorted(found))
    if any(found != seeds[0] for found in seeds):
        raise SettingError(
            f"runs are paired by seed, but these have seeds {', '.join(map(str, seeds))}: train "
            "the missing ones, or leave some out"
        )
    return planned


def _contestants(
    networks: Networks,
    choices: Mapping[str, Mapping[str, str | float]],
) -> list[Contestant]:
    if not isinstance(networks, Mapping):
        named = [(n.name if isinstance(n, Network) else Path(n).stem, n) for n in networks]
    else:
        named = list(networks.items())
    for name in choices:
        if name not in dict(named):
            raise SettingError(f"no network {name} to set choices of: {', '.join(dict(named))}")
    contestants = []
    for name, network in named:
        chosen = dict(choices.get(name, {}))
        if isinstance(network, Network):
            loaded, label = network, network.name
        else:
            loaded, label = load_network(network, chosen), Path(network).name
        contestants.append(Contestant(name, label, chosen, loaded.source))
    return contestants


def _given_budget(
    opened: Mapping[str, Sequence[FinishedRun]], planned: Sequence[PlannedRun]
) -> Budget:
    parameters = {}
    for run in planned:
        parameters[run.contestant] = run.finished().parameters
    sizes = {name: group[0].config.recipe.hidden for name, group in opened.items()}
    return Budget("given", {}, sizes, parameters)
