"""MLX on the CPU: any network, one compiled step."""

from collections.abc import Callable
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import numpy as np
from cases import Task
from mlx import nn

from contenders.updates import Updates
from contenders.walk import Arrays, Library, Walk
from recurra.compute.optimizers.registry import make_optimizer


def loop(body: Callable[..., Any], carry: Any, given: Arrays, steps: int) -> tuple[Any, Arrays]:
    outputs = []
    for t in range(steps):
        carry, output = body(carry, {name: value[t] for name, value in given.items()})
        outputs.append(output)
    return carry, {name: mx.stack([output[name] for output in outputs]) for name in outputs[0]}


def linear(operand: Any, matrix: Any, base: Any) -> Any:
    return operand @ matrix.T if base is None else mx.addmm(base, operand, matrix.T)


MLX = Library(
    functions={
        "sigmoid": mx.sigmoid,
        "tanh": mx.tanh,
        "relu": nn.relu,
        "swish": nn.silu,
        "gelu": nn.gelu_approx,
        "softplus": nn.softplus,
        "elu": nn.elu,
        "softsign": nn.softsign,
        "exp": mx.exp,
        "log": mx.log,
        "sqrt": mx.sqrt,
    },
    concatenate=mx.concatenate,
    stack=mx.stack,
    split=lambda x, sizes: mx.split(x, list(accumulate(sizes))[:-1], axis=-1),
    broadcast=mx.broadcast_to,
    linear=linear,
    loop=loop,
)
NUMPY = SimpleNamespace(
    sqrt=mx.sqrt,
    minimum=mx.minimum,
    clip=mx.clip,
    sum=mx.sum,
    tril=mx.tril,
    vdot=lambda a, b: mx.inner(a.flatten(), b.flatten()),
)


class Compiled:
    def __init__(self, task: Task) -> None:
        mx.set_default_device(mx.cpu)
        self.task, self.updates, self.walk = task, Updates(task, NUMPY), Walk(task.plan, MLX)
        p = {name: mx.array(value) for name, value in task.parameters.items()}
        kept = make_optimizer(task.settings).slots
        slots = {name: [mx.zeros_like(v) for _ in kept] for name, v in p.items()}
        sizes = task.plan.sizes(task.shapes)
        lags = task.plan.state.items()
        state = {name: mx.zeros((lag, task.batch, sizes[name])) for name, lag in lags}
        self.carried = (p, slots, mx.array(0.0), state)
        self.train = mx.compile(self._train)

    def _loss(self, p: Arrays, rows: Arrays, targets: Any, state: Arrays) -> Any:
        logits, state = self.walk(p, rows, state)
        loss = nn.losses.cross_entropy(logits, targets, reduction="sum")
        # mx.compile of MLX 0.32 fails with an IndexError where a stacked array is itself a result
        state = {name: value + 0 for name, value in state.items()}
        return loss / self.task.batch, (loss, state)

    def _train(self, carried: Any, inputs: Any, targets: Any) -> Any:
        p, slots, count, state = carried
        rows = {name: p[name][inputs] for name in self.walk.lookups}
        gradient = mx.value_and_grad(self._loss, argnums=(0, 1))
        (_, (loss, state)), (gradients, by_row) = gradient(p, rows, targets, state)
        for name in by_row.keys() - self.task.sparse:
            gradients[name] = (
                gradients.get(name, mx.zeros_like(p[name])).at[inputs].add(by_row[name])
            )
        gradients = self.updates.clipped(gradients)
        count = count + 1
        p, slots = dict(p), dict(slots)
        for name, g in gradients.items():
            if name not in self.task.sparse:
                p[name], slots[name] = self.updates.updated(p[name], slots[name], g, count)
        ids = inputs.flatten()
        same = (ids[:, None] == ids).astype(mx.float32)
        for name in self.task.sparse:
            by_id = by_row[name].reshape(len(ids), -1)
            moves = self.updates.row_moves(p[name], slots[name][0], ids, by_id, same)
            p[name] = p[name].at[ids].add(moves[0])
            slots[name] = [slots[name][0].at[ids].add(moves[1])]
        return loss, (p, slots, count, state)

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        loss, self.carried = self.train(self.carried, mx.array(inputs), mx.array(targets))
        mx.eval(loss, self.carried)
        return loss.item()

    def parameters(self) -> dict[str, np.ndarray]:
        return {name: np.array(value) for name, value in self.carried[0].items()}
