"""PyTorch: any network, eager and compiled."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from cases import Task
from torch import Tensor

from contenders.walk import Library, Walk


def loop(
    body: Callable[..., Any], carry: Any, given: dict[str, Tensor], steps: int
) -> tuple[Any, dict[str, Tensor]]:
    # unbind, not indexing: one backward node for all time steps
    over_time = {name: value.unbind(0) for name, value in given.items()}
    outputs = []
    for t in range(steps):
        carry, output = body(carry, {name: values[t] for name, values in over_time.items()})
        outputs.append(output)
    return carry, {name: torch.stack([output[name] for output in outputs]) for name in outputs[0]}


def linear(operand: Tensor, matrix: Tensor, base: Tensor | None) -> Tensor:
    if base is None or base.ndim == 1:
        return F.linear(operand, matrix, base)
    if operand.ndim == 2:
        return torch.addmm(base, operand, matrix.t())
    return torch.addmm(base.flatten(0, 1), operand.flatten(0, 1), matrix.t()).view(base.shape)


TORCH = Library(
    functions={
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "swish": F.silu,
        "gelu": lambda x: F.gelu(x, approximate="tanh"),
        "softplus": F.softplus,
        "elu": F.elu,
        "softsign": F.softsign,
        "exp": torch.exp,
        "log": torch.log,
        "sqrt": torch.sqrt,
    },
    concatenate=torch.cat,
    stack=torch.stack,
    split=lambda x, sizes: torch.split(x, sizes, dim=-1),
    broadcast=torch.broadcast_to,
    linear=linear,
    loop=loop,
)


class Updater:
    """Clip and update, fused; rows of a large embedding alone where that is the same."""

    def __init__(self, task: Task, dense: list[Tensor], sparse: list[Tensor]) -> None:
        settings = self.settings = task.settings
        self.dense, self.sparse = dense, sparse
        self.optimizers: list[torch.optim.Optimizer] = []
        if settings.kind == "adamw":
            betas = (settings.beta1, settings.beta2)
            self.optimizers.append(
                torch.optim.AdamW(
                    dense, task.rate, betas, settings.eps, settings.weight_decay, fused=True
                )
            )
            return
        self.optimizers.append(torch.optim.Adagrad(dense, task.rate, eps=settings.eps, fused=True))
        if sparse:
            self.optimizers.append(torch.optim.Adagrad(sparse, task.rate, eps=settings.eps))

    def update(self) -> None:
        settings = self.settings
        if settings.clip_value is not None:
            torch.nn.utils.clip_grad_value_(self.dense, settings.clip_value)
            for parameter in self.sparse:
                parameter.grad = parameter.grad.coalesce()
                parameter.grad.values().clamp_(-settings.clip_value, settings.clip_value)
        if settings.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.dense, settings.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


def zero_state(task: Task) -> dict[str, Tensor]:
    sizes = task.plan.sizes(task.shapes)
    return {n: torch.zeros(lags, task.batch, sizes[n]) for n, lags in task.plan.state.items()}


class Eager:
    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.case.threads)
        self.batch, self.sparse = task.batch, task.sparse
        self.walk = Walk(task.plan, TORCH)
        self.p = {
            name: torch.nn.Parameter(torch.from_numpy(value))
            for name, value in task.parameters.items()
        }
        self.state = zero_state(task)
        dense = [value for name, value in self.p.items() if name not in self.sparse]
        self.updater = Updater(task, dense, [self.p[name] for name in sorted(self.sparse)])

    def loss(
        self, rows: dict[str, Tensor], targets: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        logits, state = self.walk(self.p, rows, state)
        return F.cross_entropy(logits.flatten(0, 1), targets, reduction="sum"), state

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        text = torch.from_numpy(inputs)
        rows = {
            name: F.embedding(text, self.p[name], sparse=name in self.sparse)
            for name in self.walk.lookups
        }
        following = torch.from_numpy(targets).flatten().long()
        loss, state = self.loss(rows, following, self.state)
        (loss / self.batch).backward()
        self.updater.update()
        self.state = {name: value.detach() for name, value in state.items()}
        return loss.item()

    def parameters(self) -> dict[str, np.ndarray]:
        return {name: value.detach().numpy() for name, value in self.p.items()}


class Compiled(Eager):
    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.loss = torch.compile(super().loss, dynamic=False, fullgraph=True)


def matvec(operand: Tensor, matrix: Tensor, base: Tensor | None) -> Tensor:
    product = torch.mv(matrix, operand.flatten()).view(*operand.shape[:-1], -1)
    return product if base is None else base + product


class Writing:
    """A step writes T characters, drawn at temperature 0.8, one call each."""

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.case.threads)
        # stacking gains nothing in one time step
        self.walk = Walk(task.plan, replace(TORCH, linear=matvec), stacked=False)
        self.p = {name: torch.from_numpy(value) for name, value in task.parameters.items()}
        self.state, self.length = zero_state(task), task.steps
        self.last = torch.zeros(1, 1, dtype=torch.long)

    @torch.inference_mode()
    def step(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        for _ in range(self.length):
            rows = {name: F.embedding(self.last, self.p[name]) for name in self.walk.lookups}
            logits, self.state = self.walk(self.p, rows, self.state)
            self.last = torch.multinomial(F.softmax(logits[0] / 0.8, dim=-1), 1)
            self.last.item()  # what a reader sees
