"""Budgets that a run is given after it has begun, so that it goes on for longer.

The rate then follows the schedule of the new budget, as if the run had had it from its beginning;
what was trained under the old one stays as it is.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from recurra.errors import RunError, SettingError
from recurra.storage.runs import EXTENSIONS, Run
from recurra.storage.typed_json import read_typed
from recurra.training.recipe import BUDGETS, Recipe
from recurra.training.schedule import learning_rate
from recurra.training.stopping import Watch, budget_used

# Files of the folder above: runs that are compared keep the budget that they were given.
_OWNERS = {"comparison.json": "a comparison", "study.json": "a search"}


@dataclass(frozen=True)
class Extension:
    """A budget that replaces the one before.

    Attributes:
        step: steps done when it was given.
        budget: ``{"steps": 8000}``, epochs or minutes: counted from the beginning of the run.

    Raises:
        SettingError: a budget that makes no sense, or none at all.
    """

    step: int
    budget: dict[str, int | float]

    def __post_init__(self) -> None:
        if not self.budget or not {*self.budget} <= {*BUDGETS}:
            raise SettingError(f"a new budget has to be one of {', '.join(BUDGETS)}")
        checked = Recipe().with_(**self.budget)
        self.budget.update({name: getattr(checked, name) for name in self.budget})

    @classmethod
    def load(cls, run: Run) -> tuple[Self, ...]:
        """All of a run, oldest first.

        Raises:
            RunError: their file is damaged.
        """
        kind: Any = tuple[cls, ...]  # type: ignore[valid-type]
        found: tuple[Self, ...] = read_typed(kind, run.read_extensions(), run.folder / EXTENSIONS)
        return found


def extended(recipe: Recipe, extensions: Sequence[Extension]) -> Recipe:
    """The recipe with the latest budget."""
    return recipe.with_(**extensions[-1].budget) if extensions else recipe


def extend(run: Run, recipe: Recipe, extension: Extension, watch: Watch, epoch: int) -> str:
    """Give a run another budget, for good; nobody else may be training it.

    Args:
        run: its folder, locked.
        recipe: with the present budget.
        extension: the new budget.
        watch: the losses as last saved.
        epoch: steps once through the text.

    Returns:
        What the budget means for the rest of the run, in a sentence.

    Raises:
        SettingError: the budget is used up already, or not what ends the run.
        RunError: the run is part of a comparison or a search, or cannot be written.
    """
    for file, owner in _OWNERS.items():
        if (run.folder.parent.parent / file).exists():
            raise RunError(
                f"{run.folder} belongs to {owner}, whose runs keep their budget: begin a new run "
                "from its weights, with --init-from"
            )
    rule = watch.reason(recipe)
    if rule is not None:
        raise SettingError(
            f"{run.folder} was ended by its stop rule, {rule}={getattr(recipe, rule)}, which no "
            "budget changes: begin a new run from its weights, with --init-from"
        )
    seconds, longer = run.read_clock().get("seconds", 0.0), extended(recipe, [extension])
    used = budget_used(longer, watch.step, epoch, seconds)
    if used and used[1] >= 1.0:
        raise SettingError(
            f"{used[0]}={extension.budget[used[0]]:g} is used up already: {run.folder} has done "
            f"{watch.step:,} steps, {watch.step / epoch:.3g} times through its text, in "
            f"{seconds / 60:.3g} minutes; name a larger budget, which counts from its beginning"
        )
    run.write_extensions([asdict(one) for one in (*Extension.load(run), extension)])
    return _describe(recipe, longer, watch.step, epoch, seconds)


def _describe(before: Recipe, after: Recipe, step: int, epoch: int, seconds: float) -> str:
    old, new = (
        " and ".join(f"{n} {getattr(r, n):g}" for n in BUDGETS if getattr(r, n) is not None)
        for r in (before, after)
    )
    said = f"Budget from step {step:,} on: {new}, instead of {old or 'none'}; "
    if after.final_lr == 1.0:
        return f"{said}the learning rate does not depend on it."
    rates = []
    for recipe in (before, after):
        assert recipe.lr is not None  # resolved
        used = budget_used(recipe, step, epoch, seconds)
        part, final = used[1] if used else 0.0, recipe.final_lr
        rates.append(learning_rate(recipe.lr, step, part, warmup=recipe.warmup, final=final))
    return (
        f"{said}the learning rate goes from {rates[0]:.3g} to {rates[1]:.3g}, and from there falls "
        "as in a run that had this budget from its beginning. The steps before keep what they "
        "have learnt at the rates of the old budget."
    )
