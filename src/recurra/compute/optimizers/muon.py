"""Muon (Jordan et al. 2024): steps that change every direction of a matrix alike."""

from collections.abc import Mapping

from recurra.compute.optimizers.adam import AdamW
from recurra.compute.optimizers.base import Array, move_mean
from recurra.compute.optimizers.orthogonal import orthogonal

# The decay of the mean gradient, and how long a step is: the root mean square of what AdamW's steps
# usually are, so that one learning rate suits both (Liu et al. 2025).
MOMENTUM, LENGTH = 0.95, 0.2


class Muon(AdamW):
    """Follows the orthogonal matrix nearest to the mean gradient, with Nesterov momentum.

    That is for matrices between vectors. All other parameters, those of the characters among them,
    take the steps of AdamW, whose constants they have.
    """

    name = "muon"
    matrix_kernel = """
        m = momentum * m + rest * g
        v = beta2 * v + rest2 * (g * g)
        z = momentum * m + rest * g
        d = orthogonal(z)
        p = p - step * d
    """

    def matrix_direction(self, gradient: Array, slots: Mapping[str, Array], update: int) -> Array:
        """``m = mean g; d = 0.2 orthogonal(mean of m and g)``; v only tells `mean_squares`."""
        m = slots["m"]
        move_mean(m, gradient, MOMENTUM)
        move_mean(slots["v"], gradient * gradient, self.settings.beta2)
        direction: Array = LENGTH * orthogonal(MOMENTUM * m + (1.0 - MOMENTUM) * gradient)
        return direction

    def constants(self, rate: float, update: int) -> dict[str, float]:
        """Numbers that the kernels read."""
        own = {"momentum": MOMENTUM, "rest": 1.0 - MOMENTUM, "step": LENGTH * rate}
        return super().constants(rate, update) | own
