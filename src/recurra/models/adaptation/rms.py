"""Dynamic evaluation with the statistics of training gradients (Krause et al. 2018, section 4)."""

from collections.abc import Mapping

import numpy as np

from recurra.compute.base import Parameters
from recurra.compute.optimizers.base import Array, Optimizer, OptimizerSettings
from recurra.errors import SettingError
from recurra.models.adaptation.base import CLIP_NORM, GradientSquares, Rule

# Weights that hardly had gradients in training move as if theirs had been this part of the mean.
_SMALLEST = 0.3


class DecayedSteps(Optimizer):
    """Gradient descent with a rate for every number, and a pull back to where it began.

    Slots: ``scale``, factor of the gradient; ``pull``, part of the way back that a step goes;
    ``moved``, how far below its beginning the number is, in learning rates. The first two stay as
    they were loaded, and the learning rate is always the same.
    """

    name = "decayed_steps"
    slots = ("scale", "pull", "moved")
    kernel = """
        d = scale * g - pull * moved
        moved = moved + d
        p = p - rate * d
    """

    def direction(self, gradient: Array, slots: Mapping[str, Array], update: int) -> Array:
        """``d = scale g - pull moved; moved += d``."""
        d: Array = slots["scale"] * gradient - slots["pull"] * slots["moved"]
        slots["moved"] += d
        return d

    def constants(self, rate: float, update: int) -> dict[str, float]:
        """Numbers that the kernel reads."""
        return {"rate": rate}


class RMSRule(Rule):
    """Weights whose gradients were large in training take short steps, and are pulled back more.

    A step changes p by ``-rate g / (r + eps) + min(1, decay r / mean(r)) (p0 - p)``, where r is
    the root mean square of a number's gradients in training and p0 its trained value.
    """

    name = "rms"
    rates = (1e-3, 5e-4, 2e-3)
    decays = (3e-3, 1e-3, 1e-2)

    def optimizer(self) -> Optimizer:
        """Steps with a rate for every number."""
        return DecayedSteps(OptimizerSettings(DecayedSteps.name, clip_norm=CLIP_NORM))

    def slots(self, squares: GradientSquares | None, decay: float, step: int) -> Parameters:
        """Scales and pulls of all parameters."""
        if squares is None:
            raise SettingError(
                "this model has no mean squares of its gradients in training, which rule=rms takes "
                "from the last checkpoint of adagrad, rmsprop, adam, adamw and muon: give rule=sgd"
            )
        rms = squares.rms(step)
        total = sum(float(r.sum(dtype=np.float64)) for r in rms.values())
        mean = total / sum(r.size for r in rms.values()) or 1.0
        scales = {f"{name}/scale": 1.0 / (r + _SMALLEST * mean) for name, r in rms.items()}
        # one step takes the whole way back at most
        pulls = {f"{name}/pull": np.minimum(1.0, decay * r / mean) for name, r in rms.items()}
        return scales | pulls
