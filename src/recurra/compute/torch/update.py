"""Clipping and the optimiser's rule, on all parameters at once and on their device."""

from collections.abc import Mapping

import torch

from recurra.compute.optimizers.base import Optimizer
from recurra.compute.torch.devices import Tensor
from recurra.compute.torch.formulas import parse_formula
from recurra.compute.torch.numbers import Numbers

# The factor of weights that AdamW shrinks, beside the constants of an optimiser's kernel.
SHRINK = "shrink"


class Update:
    """The step from gradients to parameters.

    Args:
        optimizer: its rule is its kernel's text.

    Raises:
        SettingError: the kernel uses more than the language of formulas has.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.rule = parse_formula(optimizer.kernel, f"the optimiser {optimizer.name}")

    def constants(self, rate: float, update: int) -> dict[str, float]:
        """The numbers of one step, by name, in a fixed order."""
        shrink = 1.0 - rate * self.optimizer.settings.weight_decay
        return {**self.optimizer.constants(rate, update), SHRINK: shrink}

    def take(
        self,
        parameters: Numbers,
        gradients: Numbers,
        slots: Mapping[str, Numbers],
        constants: Mapping[str, Tensor],
    ) -> Tensor:
        """Clip the gradients and take one step, in place; their norm between the two cuts."""
        settings = self.optimizer.settings
        if settings.clip_value is not None:
            gradients.flat.clamp_(-settings.clip_value, settings.clip_value)
        # in float64 where there is one: squares of large float32 numbers are infinite
        wide = None if gradients.flat.device.type == "mps" else torch.float64
        norm = torch.linalg.vector_norm(gradients.flat, dtype=wide)
        if (limit := settings.clip_norm) is not None:
            factor = torch.where(norm > limit, limit / norm, 1.0)
            gradients.flat.mul_(factor.to(gradients.flat.dtype))
        if settings.weight_decay:
            if self.optimizer.decoupled_decay:
                parameters.matrices.mul_(constants[SHRINK])
            else:
                gradients.matrices.add_(parameters.matrices, alpha=settings.weight_decay)
        numbers = {slot: held.flat for slot, held in slots.items()}
        environment = {**constants, **numbers, "p": parameters.flat, "g": gradients.flat}
        self.rule.run(environment)
        for name, held in {**numbers, "p": parameters.flat}.items():
            held.copy_(environment[name])
        return norm
