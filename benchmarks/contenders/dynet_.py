"""DyNet: a graph of expressions built anew in every step; the whole batch in each of them."""

from typing import Any

import dynet as dy
import numpy as np
from cases import Task

from contenders.walk import Arrays, Library, Walk, plain


def split(x: Any, sizes: list[int]) -> list[Any]:
    ends = np.cumsum(sizes).tolist()
    return [dy.pick_range(x, end - size, end) for end, size in zip(ends, sizes, strict=True)]


def product(a: Any, b: Any) -> Any:
    numbers = isinstance(a, float | int) or isinstance(b, float | int)
    return a * b if numbers else dy.cmult(a, b)  # * of two expressions is that of matrices


def difference(a: Any, b: Any) -> Any:
    return -b + a if isinstance(a, float | int) else a - b


DYNET = Library(
    functions={
        "*": product,
        "-": difference,
        "sigmoid": dy.logistic,
        "tanh": dy.tanh,
        "relu": dy.rectify,
    },
    concatenate=lambda arrays, axis: dy.concatenate(list(arrays)),
    stack=dy.concatenate_to_batch,
    split=split,
    broadcast=lambda x, shape: x,
    linear=lambda x, w, base: w * x if base is None else dy.affine_transform([base, w, x]),
    loop=None,  # the loop is here
)


class Dynamic:
    """Products of one time step are stacked, and the output layer is one product for all steps."""

    def __init__(self, task: Task) -> None:
        self.task, self.walk = task, Walk(plain(task.plan), DYNET)
        self.model, settings = dy.ParameterCollection(), task.settings
        make = self.model.lookup_parameters_from_numpy, self.model.parameters_from_numpy
        self.p = {n: make[n not in self.walk.lookups](v) for n, v in task.parameters.items()}
        betas = settings.beta1, settings.beta2
        self.trainer = dy.AdamTrainer(self.model, task.rate, *betas, settings.eps)
        self.trainer.set_clip_threshold(settings.clip_norm)
        self.trainer.set_sparse_updates(False)  # Adam moves rows that do not occur, too
        sizes, lags = task.plan.sizes(task.shapes), task.plan.state.items()
        self.state = {n: [np.zeros((sizes[n], task.batch))] * lag for n, lag in lags}

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        dy.renew_cg()
        (block,), total = self.walk.plan.blocks, self.walk.plan.logits
        groups = [group for found in self.walk.inside.values() for group in found]
        weights = {group.label: self._weights(group) for group in groups}
        past = {
            name: tuple(self._input(value) for value in values)
            for name, values in self.state.items()
        }
        outputs = []
        for text in inputs.tolist():
            given = self._given(block, groups, text)
            now = self.walk._stages(block, self.p, past, weights, given)
            past = {name: (*values[1:], now[name]) for name, values in past.items()}
            outputs.append(now[total.terms[0].vector])
        whole = dy.concatenate_to_batch(outputs)
        logits = self.p[total.terms[0].matrix] * whole + self.p[total.biases[0]]
        each = dy.pickneglogsoftmax_batch(logits, targets.ravel().tolist())
        loss = dy.sum_batches(each)
        (loss * (1.0 / self.task.batch)).backward()
        self.trainer.update()
        self.state = {name: [v.npvalue() for v in values] for name, values in past.items()}
        return loss.scalar_value()

    def _input(self, value: np.ndarray) -> Any:
        vector = dy.inputVector(value.ravel("F"))  # inputTensor fails with NumPy 2.4
        return dy.reshape(vector, (len(value),), self.task.batch)

    def _weights(self, group: Any) -> tuple[Any, list[int]]:
        names = [term.matrix for _, term in group.members]
        found = [self.p[name] for name in names]
        sizes = [self.task.parameters[name].shape[0] for name in names]
        return dy.concatenate(found) if len(found) > 1 else found[0], sizes

    def _given(self, block: Any, groups: list[Any], text: list[int]) -> Arrays:
        """Looked-up rows and biases of a time step, side by side for a stacked product."""
        given = {}
        for total in (total for stage in block.stages for total in stage.sums):
            addends = [dy.lookup_batch(self.p[name], text) for name in total.lookups]
            addends += [self.p[name] for name in total.biases]
            given[total.name] = sum(addends[1:], addends[0])
        for group in groups:
            names = [name for name, _ in group.members]
            if all(name in given for name in names):
                given[group.label] = dy.concatenate([given.pop(name) for name in names])
        return given

    def parameters(self) -> dict[str, np.ndarray]:
        return {name: value.as_array() for name, value in self.p.items()}
