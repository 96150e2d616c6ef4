"""One training step on buffers that stay where they are; on CUDA captured once as a graph.

A step is hundreds of small kernels a character, and to launch them one by one takes longer than
they do. A CUDA graph launches all with one call. Everything that changes from step to step (text,
masks, the learning rate, the state) is therefore copied into buffers first.
"""

from typing import Any

import numpy as np
import torch

from recurra.compute.base import Array, StepSettings
from recurra.compute.dropout import Masks
from recurra.compute.hidden_matrices import hidden_matrices
from recurra.compute.torch.devices import Tensor
from recurra.compute.torch.numbers import Numbers
from recurra.compute.torch.output_layer import OutputLayer
from recurra.compute.torch.tape import DeviceMasks, Tape, Tensors, Walk
from recurra.compute.torch.update import Update


def device_masks(masks: Masks | None, dtype: Any, device: Any) -> DeviceMasks | None:
    """Masks of the host, on the device, with their scale."""
    if masks is None:
        return None

    def there(mask: Array) -> Tensor:
        return torch.tensor(np.ascontiguousarray(mask), device=device).to(dtype)

    arrays = {name: there(mask).mul_(masks.scale) for name, mask in masks.arrays.items()}
    return DeviceMasks(arrays, {name: there(mask) for name, mask in masks.edges.items()})


class TrainingStep:
    """Forward, loss, backward, clipping and update, for one size of batch.

    Attributes:
        slots: the optimiser's, zeros at first.
        state: carried from step to step.

    Args:
        walk, output: of the plan.
        parameters: changed in place.
        settings: of all steps.
        state: zeros.
    """

    def __init__(
        self,
        walk: Walk,
        output: OutputLayer,
        parameters: Numbers,
        settings: StepSettings,
        state: dict[str, Tensor],
    ) -> None:
        self.walk, self.output, self.parameters, self.settings = walk, output, parameters, settings
        shapes, flat = output.shapes.parameters, parameters.flat
        matrices = hidden_matrices(walk.plan, output.shapes)
        self.state, self.update = state, Update(settings.optimizer, matrices)
        self.gradients = Numbers(shapes, flat.dtype, flat.device)
        self.slots = {s: Numbers(shapes, flat.dtype, flat.device) for s in settings.optimizer.slots}
        self._text = torch.zeros(2, settings.seq_len, settings.batch, dtype=torch.int64)
        self._text = self._text.to(flat.device)
        names = self.update.constants(0.0, 1)
        self._constants = flat.new_zeros(len(names))
        self._constant = dict(zip(names, self._constants.unbind(), strict=True))
        self._masks: DeviceMasks | None = None
        self._graph: Any = None
        self._loss: Tensor = None
        self._norm: Tensor = None
        self._taken = 0

    def take(
        self, text: Array, masks: Masks | None, rate: float, update: int, *, restarted: bool
    ) -> tuple[float, float]:
        """Take one step; the loss before it, and the norm of its gradients.

        Args:
            text: inputs and targets, ``(2, T, B)``.
            masks: of dropout.
            rate, update, restarted: see `recurra.compute.base.Engine.step`.
        """
        self._text.copy_(torch.from_numpy(text))
        numbers = list(self.update.constants(rate, update).values())
        self._constants.copy_(torch.tensor(numbers, dtype=self._constants.dtype))
        if restarted:
            for past in self.state.values():
                past.zero_()
        self._put(device_masks(masks, self._constants.dtype, self._constants.device))
        # in the first step libraries get ready, which no graph can hold
        if self._taken == 1 and self._constants.device.type == "cuda":
            self._graph = self._capture()
        if self._graph is None:
            self._compute()
        else:
            self._graph.replay()
        self._taken += 1
        return float(self._loss), float(self._norm)

    def _capture(self) -> Any:
        """The step as a graph, without taking it; None where a library cannot be captured."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._compute()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            return None  # the same step, launched kernel by kernel
        return graph

    def _put(self, masks: DeviceMasks | None) -> None:
        """Into the buffers of the first step, where the graph reads them."""
        if self._masks is None or masks is None:
            self._masks = masks
            return
        for name, mask in masks.arrays.items():
            self._masks.arrays[name].copy_(mask)
        for name, mask in masks.edges.items():
            self._masks.edges[name].copy_(mask)

    def _compute(self) -> None:
        self.gradients.flat.zero_()
        inputs, targets = self._text
        tape = Tape(self.walk, self.parameters.arrays, inputs, self.state, self._masks)
        self._loss = backpropagate(
            tape, self.output, targets, self.settings.scale, self.gradients.arrays
        )
        for name, past in tape.next_state().items():
            self.state[name].copy_(past)
        self._norm = self.update.take(self.parameters, self.gradients, self.slots, self._constant)


def backpropagate(
    tape: Tape,
    output: OutputLayer,
    targets: Tensor,
    scale: float,
    gradients: Tensors,
) -> Tensor:
    """The summed loss; gradients of ``scale`` times it are added to what is there."""
    tape.begin_backward(gradients)
    loss = output.loss(tape, targets.flatten(), scale)
    tape.backward()
    return loss
