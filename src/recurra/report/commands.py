"""The exact commands that make a comparison, a study or a run once more."""

import shlex
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from recurra.comparison.comparison import Comparison
from recurra.lang.library import library, load_network
from recurra.text.corpus import TextSpec
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import BUDGETS, RECIPES, Recipe
from recurra.tuning.space import CLASSIC_HIDDEN, classic_space
from recurra.tuning.study_spec import StudySpec


def comparison_commands(comparison: Comparison) -> list[str]:
    """How to repeat a comparison; equations of one's own are expected beside the text."""
    if comparison.given:
        named = [(f"{t.contestant}-seed-{t.seed}", t) for t in comparison.finalists()]
        train = [line for out, trial in named for line in run_commands(trial.run, out)]
        runs = [f"{trial.contestant}={out}" for out, trial in named]
        return [*train, shlex.join(["recurra", "compare", *runs])]
    if comparison.recipes:
        studies = [f"{name}=STUDY-{name}" for name in comparison.names]
        words = ["recurra", "compare", *studies, f"--seeds={len(comparison.seeds)}"]
        return [shlex.join([*words, f"--threads={comparison.threads}"])]
    words = ["recurra", "compare"]
    settings: list[str] = []
    for one in comparison.contestants:
        if one.network in library():
            words.append(one.name if one.name == one.network else f"{one.name}={one.network}")
            settings += [f"--set={one.name}.{name}={v}" for name, v in one.choices.items()]
        else:
            words.append(f"{one.name}.eq")
    words += settings
    words += [f"--text={shown_source(source)}" for source in comparison.text.sources]
    sizes = [b.sizes[comparison.names[0]] for b in comparison.budgets]
    words.append("--hidden=" + ",".join(dict.fromkeys(_size(size) for size in sizes)))
    for limit in BUDGETS:
        found = [_plain(b.limit[limit]) for b in comparison.budgets if limit in b.limit]
        if found:
            words.append(f"--{limit}={','.join(dict.fromkeys(found))}")
    if comparison.match != "parameters":
        words.append(f"--match={comparison.match}")
    words.append(f"--seeds={len(comparison.seeds)}")
    if comparison.rates:
        words.append("--rates=" + ",".join(map(_plain, comparison.rates)))
    left_out = {"hidden"}
    if comparison.budgets[0].limit:
        left_out |= {*BUDGETS}
    if comparison.rates:
        left_out.add("lr")
    words += _recipe_options(comparison.recipe, left_out)
    words += _reading(comparison.text, comparison.engine, comparison.threads)
    return [shlex.join(words)]


def study_commands(spec: StudySpec) -> list[str]:
    """How to repeat a search; a space and equations of one's own are expected beside the text."""
    words = ["recurra", "tune", *map(shown_source, spec.text.sources)]
    named = "network" in spec.space.parameters
    for network, equations in spec.networks.items():
        ours = network in library() and load_network(network).source == equations
        words += [] if named else [f"--network={network}" + ("" if ours else ".eq")]
    classic = [n for n in CLASSIC_HIDDEN if classic_space(n) == spec.space]
    grid = classic == [*spec.networks]
    words.append("--grid=classic" if grid else "--space=space.toml")
    words += [f"--search={spec.sampler.name}", f"--pruner={spec.pruner.name}"]
    words += [f"--trials={spec.trials}", f"--length={spec.length}"]
    if spec.pruner.rungs:
        words += [f"--rung={spec.pruner.rungs[0]}", f"--factor={spec.pruner.factor}"]
    if spec.pruner.uses_keep:
        words.append(f"--keep={spec.pruner.keep}")
    if spec.pruner.within is not None:
        words.append(f"--within={spec.pruner.within}")
    if spec.uses_history:
        words.append(f"--max-in-flight={spec.max_in_flight}")
    words.append(f"--finalists={spec.finalists}")
    words += _recipe_options(spec.recipe, {*spec.space.parameters, *BUDGETS})
    words += _reading(spec.text, spec.engine)
    return [shlex.join(words), "recurra train --from STUDY"]


def run_commands(run: FinishedRun, out: str | None = None) -> list[str]:
    """How to repeat a run, in a folder of this name: it may have gone on for longer."""
    config = run.config
    words = ["recurra", "train", *map(shown_source, config.text.sources)]
    settings = _choices(config.network, run.run.equations)
    if config.origin is not None:
        words.append(f"--init-from={shown_source(config.origin.run)}")
        words += ["--keep-optimizer"] if config.origin.keep_optimizer else []
        base = RECIPES.get(config.recipe.name, RECIPES["modern"])
        words += [f"--recipe={base.name}"] if base.name == "modern" else []
        words += _recipe_options(config.recipe, ["hidden"])
    else:
        words.append(f"--network={config.network}" + ("" if settings is not None else ".eq"))
        words += settings or []
        words += _recipe_options(config.recipe)
    words += _reading(config.text, config.engine, config.threads)
    if out is not None:
        words.append(f"--out={out}")
    longer = ["recurra", "train", "--resume", out or "RUN"]
    budgets = [extension.budget.items() for extension in run.extensions]
    return [
        shlex.join(words),
        *(shlex.join(longer + [f"--{n}={_plain(v)}" for n, v in items]) for items in budgets),
    ]


def _choices(network: str, equations: str) -> list[str] | None:
    """The settings that turn a network of the library into these equations, if any do."""
    if network not in library():
        return None
    plain = load_network(network)
    lines = [line.partition(" = ") for line in equations.splitlines() if " = " in line]
    said = {name: value for name, _, value in lines if name in plain.choices}
    changed: dict[str, str | float] = {
        name: _value(value)
        for name, value in said.items()
        if str(plain.choices[name]) != str(_value(value))
    }
    if load_network(network, changed).source != equations:
        return None
    return [f"--set={name}={value}" for name, value in changed.items()]


def _value(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _recipe_options(recipe: Recipe, left_out: Iterable[str] = ()) -> list[str]:
    """The fields in which a recipe is not the one that it began as."""
    base = RECIPES.get(recipe.name, RECIPES["modern"])
    words = [] if base.name == "modern" else [f"--recipe={base.name}"]
    for f in fields(Recipe):
        value = getattr(recipe, f.name)
        if f.name in {"name", *left_out} or value == getattr(base, f.name):
            continue
        flag = "--" + f.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif value is not None or not _dropped(f.name, recipe):
            words.append(f"{flag}={_size(value) if f.name == 'hidden' else _plain(value)}")
    return words


def _dropped(name: str, recipe: Recipe) -> bool:
    """Whether a budget is off only because another one was given."""
    return name in BUDGETS and any(getattr(recipe, other) is not None for other in BUDGETS)


def _plain(value: Any) -> str:
    """A setting as one would type it, with all the digits that it takes."""
    if value is None:
        return "none"
    short = f"{value:g}" if isinstance(value, float) else ""
    return short if short and float(short) == value else str(value)


def _size(hidden: Any) -> str:
    if isinstance(hidden, int):
        return str(hidden)
    return ",".join(f"{name}={size}" if name else f"{size}" for name, size in hidden.items())


def _reading(text: TextSpec, engine: str, threads: int | None = None) -> list[str]:
    split = text.split if isinstance(text.split, str) else "/".join(map(str, text.split))
    split = split.removesuffix("/auto")
    words = [] if split == "90/5/5" else [f"--split={split}"]
    if text.encoding:
        words.append(f"--encoding={text.encoding}")
    if engine != "compiled":
        words.append(f"--engine={engine}")
    return words if threads is None else [*words, f"--threads={threads}"]


def shown_source(source: str) -> str:
    """A text's name without the folders of the machine that it was on."""
    return source if source.startswith(("http://", "https://")) else Path(source).name
