"""Clipping and the optimiser's rule, on all parameters at once and on their device."""

from collections.abc import Mapping

import torch

from recurra.compute.optimizers.base import ORTHOGONAL, Optimizer
from recurra.compute.optimizers.orthogonal import MARGIN, POLYNOMIALS
from recurra.compute.torch.devices import Tensor
from recurra.compute.torch.formulas import parse_formula
from recurra.compute.torch.numbers import Numbers

# The factor of weights that AdamW shrinks, beside the constants of an optimiser's kernel.
SHRINK = "shrink"
# Whether a step changes a matrix, before its name: a number, for a graph cannot choose.
CHANGES = "changes"


class Update:
    """The step from gradients to parameters.

    Args:
        optimizer: its rules are its kernels' texts.
        matrices: those between vectors -> number of their blocks.

    Raises:
        SettingError: the kernel uses more than the language of formulas has.
    """

    def __init__(self, optimizer: Optimizer, matrices: Mapping[str, int]) -> None:
        self.optimizer, self.matrices = optimizer, matrices if optimizer.matrix_kernel else {}
        what = f"the optimiser {optimizer.name}"
        self.rule = parse_formula(optimizer.kernel, what)
        before, _, after = optimizer.matrix_kernel.partition(ORTHOGONAL)
        self.matrix_rule = parse_formula(before, what), parse_formula(after, what)

    def constants(self, rate: float, update: int) -> dict[str, float]:
        """The numbers of one step, by name, in a fixed order."""
        shrink = 1.0 - rate * self.optimizer.settings.weight_decay
        changes = {
            f"{CHANGES} {name}": float(self.optimizer.changes(place, update))
            for place, name in enumerate(self.matrices)
        }
        return {**self.optimizer.constants(rate, update), SHRINK: shrink, **changes}

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
        matrices = self._updated_matrices(parameters, gradients, slots, constants)
        numbers = {slot: held.flat for slot, held in slots.items()}
        environment = {**constants, **numbers, "p": parameters.flat, "g": gradients.flat}
        self.rule.run(environment)
        for name, held in {**numbers, "p": parameters.flat}.items():
            held.copy_(environment[name])
        for matrix, updated in matrices:
            matrix.copy_(updated)
        return norm

    def _updated_matrices(
        self,
        parameters: Numbers,
        gradients: Numbers,
        slots: Mapping[str, Numbers],
        constants: Mapping[str, Tensor],
    ) -> list[tuple[Tensor, Tensor]]:
        """The matrices that are updated as a whole, and their slots, with what they will be."""
        updated, (before, after) = [], self.matrix_rule
        for name, blocks in self.matrices.items():
            held = {**slots, "p": parameters, "g": gradients}
            arrays = {key: h.arrays[name].unflatten(0, (blocks, -1)) for key, h in held.items()}
            environment = {**constants, **arrays}
            before.run(environment)
            environment["d"] = orthogonal(environment["z"])
            after.run(environment)
            changes = constants[f"{CHANGES} {name}"] > 0
            environment["p"] = torch.where(changes, environment["p"], arrays["p"])
            updated += [(arrays[key], environment[key]) for key in (*slots, "p")]
        return updated


def orthogonal(z: Tensor) -> Tensor:
    """`recurra.compute.optimizers.orthogonal.orthogonal` of tensors (..., n, m)."""
    peak = z.abs().amax((-2, -1), keepdim=True)
    x = z / torch.where(peak > 0, peak, 1.0)
    norm = x.square().sum((-2, -1), keepdim=True).sqrt()
    x = x / (MARGIN * torch.where(norm > 0, norm, 1.0))
    wide = z.shape[-2] <= z.shape[-1]
    for a, b, c in POLYNOMIALS:
        gram = x @ x.mT if wide else x.mT @ x
        factor = b * gram + c * gram @ gram
        x = a * x + (factor @ x if wide else x @ factor)
    return max(z.shape[-2:]) ** 0.5 * x
