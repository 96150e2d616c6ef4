"""One optimiser step from the gradients of all shares, with the readable optimiser's result.

Gradients of look-ups touch few rows. Where the others would not move (Adagrad, and SGD without
momentum, both without weight decay), only those rows are read and written.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np

from recurra.compute.base import Array, Parameters
from recurra.compute.numba.kernels import optimizers as update
from recurra.compute.numba.shard import Share
from recurra.compute.optimizers import Optimizer

# Fewer numbers than this are updated sooner than another thread is awake.
_WORTH_SHARING = 500_000


@dataclass(frozen=True, eq=False)
class _View:
    """A thread's part of a parameter, its gradient and its optimiser slots, all flat."""

    name: str
    where: slice
    p: Array
    g: Array
    slots: list[Array]
    is_matrix: bool


@dataclass(frozen=True, eq=False)
class _Part:
    """What one thread updates; ``addresses`` tells :func:`update.adagrad_all` the same."""

    views: list[_View]
    addresses: Array


Run = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


class Descent:
    """Updates parameters from the gradients that shares hold.

    Args:
        looked_up: parameters whose gradients come from look-ups alone.
        vocabulary: number of characters.
        run: calls a function on every item, each in a thread of its own.
        threads: how many.
    """

    def __init__(self, looked_up: Sequence[str], vocabulary: int, run: Run, threads: int) -> None:
        self.looked_up, self.run, self.threads = looked_up, run, threads
        self._seen = np.zeros(vocabulary, np.uint8)
        self._rows = np.zeros(vocabulary, np.int32)
        self._viewed: tuple[Any, ...] = ()
        self._arrays: tuple[Array, ...] = ()
        self._parts: list[_Part] = []

    def step(
        self,
        shares: Sequence[Share],
        parameters: Parameters,
        optimizer: Optimizer,
        rate: float,
        done: Sequence[str] = (),
    ) -> None:
        """Take one step in place; the shares' look-up gradients are zeros again after it.

        Parameters in ``done`` take theirs elsewhere; the other threads may be at work on them.
        """
        s = optimizer.settings
        limit = math.inf if s.clip_value is None else s.clip_value
        optimizer.count += 1
        sparse = _moves_only_touched(optimizer)
        few = self.looked_up if sparse else ()
        rows = self._touched(shares) if self.looked_up else self._rows[:0]
        parts = self._views(shares[0], parameters, optimizer, (*few, *done), alone=bool(done))
        if len(shares) > 1 or s.clip_norm is not None:
            for name in few:
                for share in shares[1:]:
                    update.merge_rows(
                        shares[0].arrays["g", name], share.arrays["g", name], share.inputs
                    )
            squares = self._reduce(shares, parts, limit, s.clip_norm is not None)
        factor = 1.0
        if s.clip_norm is not None:
            gradients = (shares[0].arrays["g", name] for name in few)
            squares += sum(update.squares_rows(g, rows, limit) for g in gradients)
            norm = math.sqrt(squares)
            factor = s.clip_norm / norm if norm > s.clip_norm else 1.0

        def move(part: _Part) -> None:
            if s.kind == "adagrad" and part.views:
                like, eps = part.views[0].p, s.eps_parts
                numbers = (rate, limit, factor, s.weight_decay, *eps)
                update.adagrad_all(part.addresses, like, *numbers)
                return
            for view in part.views:
                _move(optimizer, view, rate, limit, factor)

        self.run(move, parts)
        for name in few:
            _move_rows(optimizer, name, rows, parameters, shares[0], rate, limit, factor)
        if not sparse:
            self.clear(shares)

    def clear(self, shares: Sequence[Share]) -> None:
        """Zeros again wherever this text's look-ups touched a gradient, or marked a character."""
        self._seen[:] = 0
        for share in shares:
            for name in self.looked_up:
                share.arrays["g", name][share.inputs] = 0.0
                shares[0].arrays["g", name][share.inputs] = 0.0  # it may hold the sum

    def _touched(self, shares: Sequence[Share]) -> Array:
        count = 0
        for share in shares:
            count = update.touched_rows(share.inputs, self._seen, self._rows, count)
        rows = self._rows[:count]
        self._seen[rows] = 0
        return rows

    def _views(
        self,
        share: Share,
        parameters: Parameters,
        optimizer: Optimizer,
        without: Sequence[str],
        *,
        alone: bool,
    ) -> list[_Part]:
        """Who updates what, one list a thread; made anew when an array is another one."""
        arrays = (*parameters.values(), *optimizer.slots.values())
        if (
            self._viewed == (share, optimizer, without)
            and len(self._arrays) == len(arrays)
            and all(map(is_, self._arrays, arrays))
        ):
            return self._parts
        self._viewed, self._arrays = (share, optimizer, without), arrays
        sizes = {name: p.size for name, p in parameters.items() if name not in without}
        count = 1 if alone or sum(sizes.values()) <= _WORTH_SHARING else self.threads
        parts: list[list[_View]] = [[] for _ in range(count)]
        for name, size in sizes.items():
            slots = [optimizer.slots[f"{name}/{slot}"] for slot in optimizer.settings.slots]
            whole = [a.reshape(-1) for a in (parameters[name], share.arrays["g", name], *slots)]
            for i, part in enumerate(parts):
                where = slice(size * i // count, size * (i + 1) // count)
                p, g, *mine = (a[where] for a in whole)
                part.append(_View(name, where, p, g, mine, parameters[name].ndim > 1))
        self._parts = [_Part(views, _addresses(views)) for views in parts]
        return self._parts

    def _reduce(
        self,
        shares: Sequence[Share],
        parts: list[_Part],
        limit: float,
        want_squares: bool,
    ) -> float:
        """Add all shares' gradients into the first one's; the sum of their squares if wanted."""

        def reduce(part: _Part) -> float:
            squares = 0.0
            for view in part.views:
                for i, share in enumerate(shares[1:], 2):
                    other = share.arrays["g", view.name].reshape(-1)[view.where]
                    update.add_gradients(view.g, other, limit if i == len(shares) else math.inf)
                if want_squares:
                    squares += update.squares(view.g, limit)
            return squares

        return float(sum(self.run(reduce, parts)))


def _addresses(views: list[_View]) -> Array:
    rows = [[v.p.size, v.is_matrix, *(a.ctypes.data for a in (v.p, v.g, *v.slots))] for v in views]
    return np.array(rows, np.int64)


def _moves_only_touched(optimizer: Optimizer) -> bool:
    """Whether a zero gradient leaves a number and its slots as they are."""
    s = optimizer.settings
    plain = s.kind == "adagrad" or (s.kind == "sgd" and not s.momentum)
    return plain and not s.weight_decay


def _move(optimizer: Optimizer, view: _View, rate: float, limit: float, factor: float) -> None:
    s = optimizer.settings
    p, g, slots = view.p, view.g, view.slots
    decay = s.weight_decay if view.is_matrix else 0.0
    inside, outside = s.eps_parts
    if s.kind == "sgd":
        momentum = slots[0] if slots else p[:0]
        update.sgd(p, g, momentum, rate, limit, factor, decay, s.momentum)
    elif s.kind == "rmsprop":
        momentum = slots[1] if len(slots) > 1 else p[:0]
        update.rmsprop(
            p,
            g,
            slots[0],
            momentum,
            rate,
            limit,
            factor,
            decay,
            s.beta2,
            s.momentum,
            inside,
            outside,
        )
    else:
        shrink = 1.0
        if s.kind == "adamw":
            shrink, decay = 1.0 - rate * decay, 0.0
        unbias1 = 1.0 / (1.0 - s.beta1**optimizer.count)
        unbias2 = 1.0 / (1.0 - s.beta2**optimizer.count)
        update.adam(
            *(p, g, *slots, rate, limit, factor, decay, shrink),
            *(s.beta1, s.beta2, unbias1, unbias2, inside, outside),
        )


def _move_rows(
    optimizer: Optimizer,
    name: str,
    rows: Array,
    parameters: Parameters,
    share: Share,
    rate: float,
    limit: float,
    factor: float,
) -> None:
    p, g = parameters[name], share.arrays["g", name]
    if optimizer.settings.kind == "adagrad":
        accumulator = optimizer.slots[f"{name}/accumulator"]
        update.adagrad_rows(
            p, g, accumulator, rows, rate, limit, factor, *optimizer.settings.eps_parts
        )
    else:
        update.sgd_rows(p, g, rows, rate, limit, factor)
