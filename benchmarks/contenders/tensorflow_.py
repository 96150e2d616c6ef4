"""TensorFlow: any network, one step compiled by XLA."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from cases import Task
from tensorflow.experimental import numpy as tnp

from contenders.updates import Updates
from contenders.walk import Arrays, Library, Walk
from recurra.compute.optimizers.registry import make_optimizer

tnp.experimental_enable_numpy_behavior()


def loop(body: Callable[..., Any], carry: Any, given: Arrays, steps: int) -> tuple[Any, Arrays]:
    over_time = {name: tf.unstack(value) for name, value in given.items()}
    outputs = []
    for t in range(steps):
        carry, output = body(carry, {name: values[t] for name, values in over_time.items()})
        outputs.append(output)
    return carry, {name: tf.stack([output[name] for output in outputs]) for name in outputs[0]}


def linear(operand: Any, matrix: Any, base: Any) -> Any:
    product = tf.matmul(operand.reshape(-1, operand.shape[-1]), matrix, transpose_b=True)
    product = product.reshape(*operand.shape[:-1], matrix.shape[0])
    return product if base is None else base + product


TENSORFLOW = Library(
    functions={
        "sigmoid": tf.sigmoid,
        "tanh": tf.tanh,
        "relu": tf.nn.relu,
        "swish": tf.nn.silu,
        "gelu": partial(tf.nn.gelu, approximate=True),
        "softplus": tf.nn.softplus,
        "elu": tf.nn.elu,
        "softsign": tf.nn.softsign,
        "exp": tf.exp,
        "log": tf.math.log,
        "sqrt": tf.sqrt,
    },
    concatenate=tf.concat,
    stack=tf.stack,
    split=lambda x, sizes: tf.split(x, sizes, axis=-1),
    broadcast=tf.broadcast_to,
    linear=linear,
    loop=loop,
)


class Xla:
    """Time steps are unrolled: XLA compiles them longer than a loop, and runs them quicker."""

    def __init__(self, task: Task) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(task.case.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self.task, self.updates, self.walk = task, Updates(task, tnp), Walk(task.plan, TENSORFLOW)
        self.p = {name: tf.Variable(value) for name, value in task.parameters.items()}
        kept = make_optimizer(task.settings).slots
        self.slots = {n: [tf.Variable(tf.zeros_like(v)) for _ in kept] for n, v in self.p.items()}
        sizes = task.plan.sizes(task.shapes)
        lags = task.plan.state.items()
        self.state = {n: tf.Variable(tf.zeros((lag, task.batch, sizes[n]))) for n, lag in lags}
        self.count = tf.Variable(0.0)
        text = tf.TensorSpec((task.steps, task.batch), tf.int32)
        self.train = tf.function(
            self._train, input_signature=(text, text), autograph=False, jit_compile=True
        )

    def _train(self, inputs: Any, targets: Any) -> Any:
        p = {name: tf.convert_to_tensor(value) for name, value in self.p.items()}
        rows = {name: tf.gather(p[name], inputs) for name in self.walk.lookups}
        state = {name: tf.convert_to_tensor(value) for name, value in self.state.items()}
        dense = {name: value for name, value in p.items() if name not in rows}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch((dense, rows))
            logits, state = self.walk(p, rows, state)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(each)
            scaled = loss / self.task.batch
        gradients, by_row = tape.gradient(scaled, (dense, rows))
        ids = inputs.flatten()
        by_row = {name: g.reshape(ids.shape[0], -1) for name, g in by_row.items()}
        for name in by_row.keys() - self.task.sparse:
            gradients[name] = tf.math.unsorted_segment_sum(by_row[name], ids, self.task.vocabulary)
        gradients = self.updates.clipped(gradients)
        count = self.count.assign_add(1.0)
        for name, g in gradients.items():
            slots = [tf.convert_to_tensor(slot) for slot in self.slots[name]]
            after, slots = self.updates.updated(p[name], slots, g, count)
            self.p[name].assign(after)
            for slot, value in zip(self.slots[name], slots, strict=True):
                slot.assign(value)
        same = tf.cast(ids[:, None] == ids, tf.float32)
        for name in self.task.sparse:
            changed = self.p[name], self.slots[name][0]
            tables = map(tf.convert_to_tensor, changed)
            moves = self.updates.row_moves(*tables, ids, by_row[name], same)
            for variable, move in zip(changed, moves, strict=True):
                variable.scatter_add(tf.IndexedSlices(move, ids))
        for name, value in state.items():
            self.state[name].assign(value)
        return loss

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        return float(self.train(inputs, targets))

    def parameters(self) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in self.p.items()}
