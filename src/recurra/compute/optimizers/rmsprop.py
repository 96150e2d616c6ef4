"""RMSprop (Hinton 2012), with momentum if asked for."""

from collections.abc import Mapping

from recurra.compute.optimizers.base import Array, Optimizer, move_mean


class RMSprop(Optimizer):
    """Divides a gradient by the root of the running mean of its squares."""

    name = "rmsprop"

    @property
    def slots(self) -> tuple[str, ...]:
        """The mean square, and the sum of past updates where there is momentum."""
        return ("v", "momentum") if self.settings.momentum else ("v",)

    @property
    def kernel(self) -> str:
        """``v = beta v + (1 - beta) g**2; d = g / sqrt(v)``, then as SGD with d."""
        momentum = """
            d = d + beta * momentum
            momentum = d
        """
        return f"""
            v = beta2 * v + rest2 * (g * g)
            d = g / (sqrt(v + eps_inside) + eps_outside)
            {momentum if self.settings.momentum else ""}
            p = p - rate * d
        """

    def direction(self, gradient: Array, slots: Mapping[str, Array], update: int) -> Array:
        """``d = g / sqrt(v)``, or the decaying sum of these."""
        move_mean(slots["v"], gradient * gradient, self.settings.beta2)
        scaled = gradient / self.divisor(slots["v"])
        if "momentum" not in slots:
            return scaled
        momentum = slots["momentum"]
        momentum *= self.settings.momentum
        momentum += scaled
        return momentum

    def constants(self, rate: float, update: int) -> dict[str, float]:
        """Numbers that the kernel reads."""
        s = self.settings
        decays = {"beta": s.momentum, "beta2": s.beta2, "rest2": 1.0 - s.beta2}
        return {"rate": rate, **decays, **s.eps_parts}

    def mean_squares(self, slots: Mapping[str, Array], updates: int) -> Array:
        """The running mean, unbiased."""
        squares: Array = slots["v"] / (1.0 - self.settings.beta2**updates)
        return squares
