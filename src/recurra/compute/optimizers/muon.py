"""Muon (Jordan et al. 2024): steps that change every direction of a matrix alike."""

from collections.abc import Mapping

from recurra.compute.optimizers.adam import AdamW
from recurra.compute.optimizers.base import Array, move_mean
from recurra.compute.optimizers.orthogonal import orthogonal

# The decay of the mean gradient, and how long a step is: the root mean square of what AdamW's steps
# usually are, so that one learning rate suits both (Liu et al. 2025).
MOMENTUM, LENGTH = 0.95, 0.2
# Steps from one change of a matrix to the next, as long as all of them: the mean gradient hardly
# turns meanwhile, and the products of `orthogonal` take a third of the time of a step.
INTERVAL = 4


class Muon(AdamW):
    """Follows the orthogonal matrix nearest to the mean gradient, with Nesterov momentum.

    That is for matrices between vectors. All other parameters, those of the characters among them,
    take the steps of AdamW, whose constants they have.
    """

    name = "muon"
    matrix_interval = INTERVAL
    matrix_kernel = """
        m = momentum * m + rest * g
        v = beta2 * v + rest2 * (g * g)
        z = momentum * m + rest * g
        d = orthogonal(z)
        p = p - step * d
    """

    def matrix_operand(self, gradient: Array, slots: Mapping[str, Array], update: int) -> Array:
        """``m = mean g; z = mean of m and g``; v only tells `mean_squares`."""
        m = slots["m"]
        move_mean(m, gradient, MOMENTUM)
        move_mean(slots["v"], gradient * gradient, self.settings.beta2)
        operand: Array = MOMENTUM * m + (1.0 - MOMENTUM) * gradient
        return operand

    def matrix_direction(self, z: Array) -> Array:
        """``d = 0.2 orthogonal(z)``, as long as all steps of an interval."""
        direction: Array = LENGTH * INTERVAL * orthogonal(z)
        return direction

    def constants(self, rate: float, update: int) -> dict[str, float]:
        """Numbers that the kernels read."""
        own = {"momentum": MOMENTUM, "rest": 1.0 - MOMENTUM, "step": LENGTH * INTERVAL * rate}
        return super().constants(rate, update) | own
