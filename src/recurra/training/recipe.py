"""Recipes of training, as frozen data.

``MODERN`` is the default, ``CLASSIC`` the protocol of the published W-RNN code.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Literal, get_args

from recurra.compute.optimizers.base import OptimizerSettings
from recurra.compute.optimizers.registry import OPTIMIZERS
from recurra.errors import RequestError, SettingError
from recurra.lang.network import Initialisation
from recurra.models.settings import (
    above_zero,
    at_least,
    below_one,
    check_fields,
    not_negative,
    one_of,
    setting,
    switch,
)

Dtype = Literal["float32", "float64"]
Reduction = Literal["mean", "sum"]
RecipeValue = str | float | bool | Mapping[str, int] | None
"""A value of a recipe's field; int counts as float."""

BUDGETS = ("steps", "epochs", "minutes")
ENDS = (*BUDGETS, "stop_no_minimum", "stop_same_integer")  # and patience, with held-out text
NO_STOP = (
    "this recipe never stops: give a budget (steps, epochs or minutes) or a stop rule "
    "(stop_no_minimum, stop_same_integer or patience)"
)


def _are_sizes(hidden: int | dict[str, int]) -> bool:
    sizes = hidden.values() if isinstance(hidden, dict) else [hidden]
    return bool(sizes) and all(type(n) is int and n > 0 for n in sizes)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides how a network is trained; the defaults are ``MODERN``.

    Every field has ``metadata["help"]``, one line for people, and ``metadata["rule"]``, the
    values it can take. Training is a function of the text, the equations, the recipe and the
    number of threads, unless ``minutes`` ends it.

    Raises:
        SettingError: a field has a value that makes no sense, or nothing would end the training.
    """

    name: str = setting("modern", "which recipe this began as", "a name", bool)
    # the network
    hidden: int | dict[str, int] = setting(
        256,
        "numbers in every vector of the network, or in each vector by its name",
        "a whole number, 1 or more, or one for each vector",
        _are_sizes,
    )
    init: Initialisation = one_of(
        "scaled", "how weights start; 'classic' is N(0, 0.01^2)", get_args(Initialisation)
    )
    seed: int = at_least(0, "where all random numbers start from", 0)
    dtype: Dtype = one_of("float32", "numbers to compute in", get_args(Dtype))
    # the text
    batch: int = at_least(32, "streams of text read side by side")
    seq_len: int = at_least(64, "characters of each stream in one step; gradients reach as far")
    carry_state: bool = switch(
        True, "go on from the state of the step before; false: from zeros at every step"
    )
    # one step
    optimizer: str = one_of("adamw", "how gradients change weights", OPTIMIZERS)
    lr: float | None = above_zero(None, "highest learning rate; unless given, the sizes decide")
    beta1: float = below_one(0.9, "decay of the mean gradient (Adam, AdamW, Muon)")
    beta2: float = below_one(
        0.99, "decay of the mean squared gradient (RMSprop, Adam, AdamW, Muon)"
    )
    momentum: float = below_one(0.0, "decay of the summed updates (SGD, RMSprop)")
    eps: float = above_zero(1e-8, "keeps the optimiser's divisions finite")
    eps_inside_root: bool = switch(False, "divide by sqrt(v + eps), not by sqrt(v) + eps")
    weight_decay: float = not_negative(0.01, "pull of matrices towards zero")
    clip_value: float | None = above_zero(None, "cut every element of the gradients to +- this")
    clip_norm: float | None = above_zero(1.0, "scale gradients down to this norm")
    reduction: Reduction = one_of(
        "mean",
        "the gradient is that of the characters' mean or summed loss",
        get_args(Reduction),
    )
    dropout: float = below_one(
        0.0, "part of the numbers dropped on non-recurrent edges, or where the equations say so"
    )
    dropout_same: bool = switch(False, "drop the same numbers at every step of a sequence")
    average: float = below_one(
        0.0, "decay of a running mean of the parameters, which are evaluated and kept as best"
    )
    warmup: int = at_least(100, "steps in which the learning rate rises", 0)
    final_lr: float = setting(
        0.05,
        "part of the learning rate left at the end of the budget; 1: constant, else a cosine",
        "a number from 0 to 1",
        lambda x: 0.0 <= x <= 1.0,
    )
    # the end: whichever comes first
    steps: int | None = at_least(4000, "stop after so many steps")
    epochs: float | None = above_zero(None, "stop after so many times through the text")
    minutes: float | None = above_zero(None, "stop after so many minutes")
    patience: int | None = at_least(
        None, "stop after so many evaluations in a row without a lower held-out loss"
    )
    stop_no_minimum: int | None = at_least(
        None, "stop after so many steps without a new minimum of the smoothed loss"
    )
    stop_same_integer: int | None = at_least(
        None, "stop after so many steps in which the smoothed loss's integer part has not fallen"
    )
    divergence: float = setting(
        3.0,
        "stop when the smoothed loss is this many times that of guessing",
        "a number above 1",
        lambda x: 1.0 < x < math.inf,
    )
    # what is seen on the way
    smoothing: float = below_one(0.99, "weight of the past in the smoothed loss")
    record_every: int = at_least(10, "steps from one progress record to the next")
    evaluate_every: int = at_least(250, "steps from one held-out loss to the next")
    evaluate_characters: int = at_least(
        50_000, "held-out characters looked at each time; the final loss is over all of them"
    )
    sample_every: int = at_least(1000, "steps from one written sample to the next; 0: none", 0)
    sample_characters: int = at_least(200, "length of a sample")

    def __post_init__(self) -> None:
        check_fields(self)
        if all(getattr(self, name) is None for name in (*ENDS, "patience")):
            raise SettingError(NO_STOP)

    def with_(self, **overrides: RecipeValue) -> "Recipe":
        """This recipe with other values for some fields.

        Budgets go together: to give one of ``steps``, ``epochs``, ``minutes`` drops the others.

        Raises:
            SettingError: an unknown field (the nearest one is named), or a senseless value.
        """
        names = [f.name for f in fields(self)]
        for name in overrides:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise SettingError(f"a recipe has no field {name!r}{hint}")
        if any(overrides.get(budget) is not None for budget in BUDGETS):
            overrides = {**dict.fromkeys(BUDGETS), **overrides}
        return replace(self, **overrides)  # type: ignore[arg-type]  # checked when constructed

    @property
    def optimizer_settings(self) -> OptimizerSettings:
        """The optimiser's part of the recipe."""
        shared = {f.name for f in fields(OptimizerSettings)} - {"kind"}
        return OptimizerSettings(
            kind=self.optimizer, **{name: getattr(self, name) for name in shared}
        )


MODERN = Recipe()
CLASSIC = Recipe(
    name="classic",
    hidden=100,
    init="classic",
    batch=1,
    seq_len=25,
    optimizer="adagrad",
    lr=0.01,
    eps=1e-8,
    eps_inside_root=True,
    weight_decay=0.0,
    clip_value=5.0,
    clip_norm=None,
    reduction="sum",
    warmup=0,
    final_lr=1.0,
    steps=None,
    stop_no_minimum=1000,
    stop_same_integer=10_000,
    smoothing=0.999,
    record_every=100,
    evaluate_every=2500,
    evaluate_characters=20_000,
    sample_every=1000,
)
RECIPES = {recipe.name: recipe for recipe in (MODERN, CLASSIC)}


def make_recipe(base: Recipe | str, settings: Mapping[str, RecipeValue] | None = None) -> Recipe:
    """Make a recipe from another one, or from its name.

    Args:
        base: a recipe, "modern" or "classic".
        settings: fields, with the values that replace its own.

    Raises:
        RequestError: no recipe has that name.
        SettingError: see `Recipe.with_`.
    """
    if isinstance(base, str):
        if base not in RECIPES:
            raise RequestError("recipe", f"{base} is none of {', '.join(RECIPES)}")
        base = RECIPES[base]
    return base.with_(**(settings or {}))
