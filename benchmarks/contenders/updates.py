"""Clip and update, for libraries that have no optimiser compiled into the step."""

from dataclasses import dataclass
from typing import Any

from cases import Task

from contenders.walk import Arrays


@dataclass(frozen=True)
class Updates:
    """A task's optimiser. `np`: what an array library has for NumPy's functions of these names."""

    task: Task
    np: Any

    def clipped(self, gradients: Arrays) -> Arrays:
        limit = self.task.settings.clip_norm
        if limit is None:
            return gradients
        norm = self.np.sqrt(sum(self.np.vdot(g, g) for g in gradients.values()))
        factor = self.np.minimum(1.0, limit / norm)
        return {name: factor * g for name, g in gradients.items()}

    def updated(self, p: Any, slots: list[Any], g: Any, count: Any) -> tuple[Any, list[Any]]:
        """A parameter and its slots after one more update, the count-th."""
        s, rate = self.task.settings, self.task.rate
        if s.clip_value is not None:
            g = self.np.clip(g, -s.clip_value, s.clip_value)
        if s.kind == "adagrad":
            total = slots[0] + g * g
            return p - rate * g / (self.np.sqrt(total) + s.eps), [total]
        m = s.beta1 * slots[0] + (1 - s.beta1) * g
        v = s.beta2 * slots[1] + (1 - s.beta2) * g * g
        root = self.np.sqrt(v / (1 - s.beta2**count)) + s.eps
        decay = s.weight_decay if p.ndim > 1 else 0.0
        p = p * (1 - rate * decay)
        return p - rate * m / (1 - s.beta1**count) / root, [m, v]

    def row_moves(self, p: Any, total: Any, ids: Any, by_row: Any, same: Any) -> tuple[Any, Any]:
        """What Adagrad adds to rows ids of a matrix and to its slot, where an id is there first.

        Args:
            ids: characters, (n,).
            by_row: the gradient of each, (n, columns).
            same: 1 where two of them are one character, else 0, (n, n).
        """
        after, (more,) = self.updated(p[ids], [total[ids]], same @ by_row, 0)
        first = self.np.sum(self.np.tril(same, -1), 1, keepdims=True) == 0
        return first * (after - p[ids]), first * (more - total[ids])
