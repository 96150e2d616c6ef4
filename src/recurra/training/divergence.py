"""Why a training diverged, as far as its numbers tell, and what to do."""

import math

import numpy as np

from recurra.compute.base import Engine
from recurra.lang.network import Network
from recurra.lang.syntax import show
from recurra.training.recipe import Recipe
from recurra.training.stopping import Watch


def explain_divergence(
    network: Network, recipe: Recipe, watch: Watch, engine: Engine, saved_step: int
) -> str:
    """Say how a training diverged, and its likely cause and cure.

    Args:
        network, recipe: what was trained, and how; the learning rate is known.
        watch, engine: its losses and numbers at the end.
        saved_step: of its last checkpoint; 0 without one.
    """
    smooth = watch.smooth
    assert recipe.lr is not None  # resolved
    what = (
        f"grew to {smooth / recipe.seq_len:.3g} nats per character, far above guessing"
        if math.isfinite(smooth)
        else "is no finite number any more"
    )
    if watch.step == 1:  # its loss came before any update
        begin = ", ".join(network.initialisers) or "all weights"
        return (
            f"the loss {what} at step 1, before any update, so that no learning rate helps: "
            f"{_overflowing(network, engine)}look at the initial values of {begin}, and for "
            "divisions by 0 and growth in the equations"
        )
    clip = "" if recipe.clip_norm or recipe.clip_value else " and clip_norm=1"
    lower = min(recipe.lr / 10, 0.01)  # 0.01: that of the classic recipe
    kept = f"; the state of step {saved_step:,} is kept" if saved_step else ""
    return (
        f"the loss {what} at step {watch.step:,}: most likely the learning rate "
        f"{recipe.lr:g} is too high for this network; try lr={lower:g}{clip}{kept}"
    )


def _overflowing(network: Network, engine: Engine) -> str:
    """The equation of the first carried vector that is not finite, or else of the largest."""
    sizes = {
        name.partition("/")[2]: float(np.abs(value).max())
        for name, value in engine.dump("state").items()
    }
    if not sizes:
        return ""
    order = [e for e in network.equations if e.name in sizes]
    lost = [e for e in order if not math.isfinite(sizes[e.name])]
    one = (lost or [max(order, key=lambda e: sizes[e.name])])[0]
    grown = "is no finite number" if lost else f"grows to {sizes[one.name]:.3g}"
    return f"{one.name}[t] = {show(one.expression)} {grown}; "
