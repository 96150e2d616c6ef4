"""Dynamic evaluation by plain gradient descent (Mikolov et al. 2010)."""

from recurra.compute.base import Parameters
from recurra.compute.optimizers.base import Optimizer, OptimizerSettings
from recurra.compute.optimizers.sgd import SGD
from recurra.models.adaptation.base import CLIP_NORM, GradientSquares, Rule


class SGDRule(Rule):
    """Follows the gradient of the mean loss of the latest characters; it has no decay."""

    name = "sgd"
    rates = (0.1, 0.03, 0.2)
    decays = (0.0,)

    def optimizer(self) -> Optimizer:
        """Gradient descent without momentum."""
        return SGD(OptimizerSettings("sgd", clip_norm=CLIP_NORM))

    def slots(self, squares: GradientSquares | None, decay: float, step: int) -> Parameters:
        """None: it has no memory."""
        return {}
