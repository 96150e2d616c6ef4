"""JAX: any network, one jitted step with donated buffers, time as a scan."""

import runpy
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from cases import Task

from contenders.updates import Updates
from contenders.walk import Arrays, Library, Walk, plain
from recurra.compute.optimizers.registry import make_optimizer
from recurra.export.api import export_to


def linear(operand: Any, matrix: Any, base: Any) -> Any:
    product = operand @ matrix.T
    return product if base is None else base + product


JAX = Library(
    functions={
        "sigmoid": jax.nn.sigmoid,
        "tanh": jnp.tanh,
        "relu": jax.nn.relu,
        "swish": jax.nn.silu,
        "gelu": partial(jax.nn.gelu, approximate=True),
        "softplus": jax.nn.softplus,
        "elu": jax.nn.elu,
        "softsign": jax.nn.soft_sign,
        "exp": jnp.exp,
        "log": jnp.log,
        "sqrt": jnp.sqrt,
    },
    concatenate=jnp.concatenate,
    stack=jnp.stack,
    split=lambda x, sizes: jnp.split(x, np.cumsum(sizes)[:-1], axis=-1),
    broadcast=jnp.broadcast_to,
    linear=linear,
    loop=jax.lax.scan,
)


def zero_state(task: Task) -> Arrays:
    sizes = task.plan.sizes(task.shapes)
    return {n: jnp.zeros((lags, task.batch, sizes[n])) for n, lags in task.plan.state.items()}


class Hoisted:
    """Products that need not wait for time are done before the scan, gates stacked."""

    def __init__(self, task: Task) -> None:
        self.task, self.updates = task, Updates(task, jnp)
        self.walk = self.make_walk(task)
        p = {name: jnp.asarray(value) for name, value in task.parameters.items()}
        kept = make_optimizer(task.settings).slots
        slots = {name: [jnp.zeros_like(v) for _ in kept] for name, v in p.items()}
        self.carried = (p, slots, jnp.float32(0), zero_state(task))
        self.train = jax.jit(self._train, donate_argnums=0)

    def make_walk(self, task: Task) -> Walk:
        return Walk(task.plan, JAX)

    def _loss(self, p: Arrays, rows: Arrays, targets: Any, state: Arrays) -> Any:
        logits, state = self.walk(p, rows, state)
        log_p = jax.nn.log_softmax(logits)
        loss = -jnp.take_along_axis(log_p, targets[..., None], 2).sum()
        return loss / self.task.batch, (loss, state)

    def _train(self, carried: Any, inputs: Any, targets: Any) -> Any:
        p, slots, count, state = carried
        rows = {name: p[name][inputs] for name in self.walk.lookups}
        gradient = jax.grad(self._loss, argnums=(0, 1), has_aux=True)
        (gradients, by_row), (loss, state) = gradient(p, rows, targets, state)
        for name in by_row.keys() - self.task.sparse:
            gradients[name] = gradients[name].at[inputs].add(by_row[name])
        gradients = self.updates.clipped(gradients)
        count += 1
        p, slots = dict(p), dict(slots)
        for name, g in gradients.items():
            if name in self.task.sparse:
                self._update_rows(p, slots, name, inputs.ravel(), by_row[name])
            else:
                p[name], slots[name] = self.updates.updated(p[name], slots[name], g, count)
        return loss, (p, slots, count, state)

    def _update_rows(self, p: Arrays, slots: Arrays, name: str, text: Any, by_row: Any) -> None:
        """Adagrad in the rows that occurred, each once; the others' gradient is 0."""
        ids, places = jnp.unique(text, size=len(text), fill_value=-1, return_inverse=True)
        g = jnp.zeros((len(text), by_row.shape[-1])).at[places].add(by_row.reshape(len(text), -1))
        ids = jnp.where(ids < 0, len(p[name]), ids)  # out of range: dropped
        before = p[name].at[ids].get(mode="clip"), slots[name][0].at[ids].get(mode="clip")
        after, (total,) = self.updates.updated(before[0], [before[1]], g, 0)
        p[name] = p[name].at[ids].set(after, mode="drop")
        slots[name] = [slots[name][0].at[ids].set(total, mode="drop")]

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        loss, self.carried = self.train(self.carried, inputs, targets)
        jax.block_until_ready(self.carried)
        return float(loss)

    def parameters(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(value) for name, value in self.carried[0].items()}


class Plain(Hoisted):
    """Equation by equation inside the scan."""

    def make_walk(self, task: Task) -> Walk:
        return Walk(plain(task.plan), JAX, stacked=False)


class Exported(Hoisted):
    """The loss of the program that `recurra export jax` writes: networks with a memory, too."""

    def __init__(self, task: Task) -> None:
        with tempfile.TemporaryDirectory() as folder:
            network, hidden = task.plan.network, task.case.shape.hidden
            path, *_ = export_to("jax", network, Path(folder, "program.py"), hidden=hidden)
            program = runpy.run_path(str(path))
        self.task, self.updates, self.loss = task, Updates(task, jnp), program["loss"]
        names = program["initial"](jax.random.key(0), task.vocabulary)
        paper = {name: task.shapes.swap_layout(name, task.parameters[name]) for name in names}
        p = {name: jnp.asarray(value.reshape(names[name].shape)) for name, value in paper.items()}
        slots = {name: [jnp.zeros_like(v)] for name, v in p.items()}
        self.carried = (p, slots, jnp.float32(0), program["start"](p, task.batch))
        self.train = jax.jit(self._train, donate_argnums=0)

    def _train(self, carried: Any, inputs: Any, targets: Any) -> Any:
        p, slots, count, state = carried
        gradient = jax.value_and_grad(self.loss, has_aux=True)
        (loss, state), gradients = gradient(p, inputs, targets, state)
        gradients = self.updates.clipped(
            {name: g / self.task.batch for name, g in gradients.items()}
        )
        count += 1
        found = {
            name: self.updates.updated(p[name], slots[name], g, count)
            for name, g in gradients.items()
        }
        p, slots = ({name: pair[i] for name, pair in found.items()} for i in range(2))
        return loss, (p, slots, count, state)

    def parameters(self) -> dict[str, np.ndarray]:
        return {
            name: self.task.shapes.swap_layout(name, np.asarray(p)).reshape(
                self.task.parameters[name].shape
            )
            for name, p in self.carried[0].items()
        }


def matvec(operand: Any, matrix: Any, base: Any) -> Any:
    # one row: XLA is quicker with a vector
    product = (matrix @ operand.ravel()).reshape(*operand.shape[:-1], -1)
    return product if base is None else base + product


class Writing:
    """A step writes T characters, drawn at temperature 0.8, one jitted call each."""

    def __init__(self, task: Task) -> None:
        self.walk = Walk(task.plan, replace(JAX, linear=matvec))
        self.p = {name: jnp.asarray(value) for name, value in task.parameters.items()}
        self.written = (jnp.zeros((1, 1), jnp.int32), zero_state(task), jax.random.key(0))
        self.length = task.steps
        self.write = jax.jit(self._write, donate_argnums=1)

    def _write(self, p: Arrays, written: Any) -> Any:
        last, state, key = written
        logits, state = self.walk(p, {name: p[name][last] for name in self.walk.lookups}, state)
        key, draw = jax.random.split(key)
        # quicker than random.categorical, which draws a number for every character
        total = jnp.cumsum(jax.nn.softmax(logits.ravel() / 0.8))
        last = jnp.searchsorted(total, jax.random.uniform(draw) * total[-1])
        return last.astype(jnp.int32).reshape(1, 1), state, key

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        for _ in range(self.length):
            self.written = self.write(self.p, self.written)
            int(self.written[0][0, 0])  # what a reader sees


class WritingAtOnce(Writing):
    """The whole text as one scan: nothing to read before its end."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.write = jax.jit(self._write_all, donate_argnums=1)

    def _write_all(self, p: Arrays, written: Any) -> Any:
        def body(written: Any, _: None) -> Any:
            written = self._write(p, written)
            return written, written[0]

        return jax.lax.scan(body, written, None, self.length)

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        self.written, text = self.write(self.p, self.written)
        np.asarray(text)
