"""Adagrad (Duchi et al. 2011): every number has a rate of its own, which only falls."""

from collections.abc import Mapping

from recurra.compute.optimizers.base import Array, Optimizer


class Adagrad(Optimizer):
    """Divides a gradient by the root of the sum of all its squares so far."""

    name = "adagrad"
    slots = ("accumulator",)
    ignores_zeros = True
    kernel = """
        accumulator = accumulator + g * g
        p = p - rate * g / (sqrt(accumulator + eps_inside) + eps_outside)
    """

    def direction(self, gradient: Array, slots: Mapping[str, Array], update: int) -> Array:
        """``accumulator += g**2; d = g / sqrt(accumulator)``."""
        accumulator = slots["accumulator"]
        accumulator += gradient * gradient
        return gradient / self.divisor(accumulator)

    def constants(self, rate: float, update: int) -> dict[str, float]:
        """Numbers that the kernel reads."""
        return {"rate": rate, **self.settings.eps_parts}

    def mean_squares(self, slots: Mapping[str, Array], updates: int) -> Array:
        """The mean over all updates."""
        squares: Array = slots["accumulator"] / updates
        return squares
