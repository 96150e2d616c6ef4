"""Stochastic gradient descent, with momentum if asked for (Polyak 1964)."""

from collections.abc import Mapping

from recurra.compute.optimizers.base import Array, Optimizer


class SGD(Optimizer):
    """Follows the gradient, or a decaying sum of all gradients so far."""

    name = "sgd"

    @property
    def slots(self) -> tuple[str, ...]:
        """The sum of past updates, where there is momentum."""
        return ("momentum",) if self.settings.momentum else ()

    @property
    def ignores_zeros(self) -> bool:
        """Whether there is no momentum that goes on by itself."""
        return not self.settings.momentum

    @property
    def kernel(self) -> str:
        """``m = beta m + g; p -= rate m``; without momentum ``p -= rate g``."""
        if not self.settings.momentum:
            return "p = p - rate * g"
        return """
            momentum = beta * momentum + g
            p = p - rate * momentum
        """

    def direction(self, gradient: Array, slots: Mapping[str, Array], update: int) -> Array:
        """``d = m = beta m + g``, or the gradient itself."""
        if not slots:
            return gradient
        momentum = slots["momentum"]
        momentum *= self.settings.momentum
        momentum += gradient
        return momentum

    def constants(self, rate: float, update: int) -> dict[str, float]:
        """Numbers that the kernel reads."""
        return {"rate": rate, "beta": self.settings.momentum}
