"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019)."""

from collections.abc import Mapping

from recurra.compute.optimizers.base import Array, Optimizer, move_mean


class Adam(Optimizer):
    """Divides the running mean of a gradient by the root of the running mean of its squares.

    Both means start from zeros; divided by ``1 - beta**update`` they are unbiased.
    """

    name = "adam"
    slots = ("m", "v")
    kernel = """
        m = beta1 * m + rest1 * g
        v = beta2 * v + rest2 * (g * g)
        p = p - rate * (unbias1 * m) / (sqrt(unbias2 * v + eps_inside) + eps_outside)
    """

    def direction(self, gradient: Array, slots: Mapping[str, Array], update: int) -> Array:
        """``m, v = mean g, mean g**2; d = m / sqrt(v)``, both unbiased."""
        s, m, v = self.settings, slots["m"], slots["v"]
        move_mean(m, gradient, s.beta1)
        move_mean(v, gradient * gradient, s.beta2)
        unbiased = v / (1.0 - s.beta2**update)
        return m / (1.0 - s.beta1**update) / self.divisor(unbiased)

    def constants(self, rate: float, update: int) -> dict[str, float]:
        """Numbers that the kernel reads."""
        s = self.settings
        return {
            "rate": rate,
            **{"beta1": s.beta1, "rest1": 1.0 - s.beta1, "beta2": s.beta2, "rest2": 1.0 - s.beta2},
            "unbias1": 1.0 / (1.0 - s.beta1**update),
            "unbias2": 1.0 / (1.0 - s.beta2**update),
            **s.eps_parts,
        }

    def mean_squares(self, slots: Mapping[str, Array], updates: int) -> Array:
        """The running mean, unbiased."""
        squares: Array = slots["v"] / (1.0 - self.settings.beta2**updates)
        return squares


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights themselves, whatever their gradients were."""

    name = "adamw"
    decoupled_decay = True
