"""Softmax, losses and their gradients, for some rows at a time: logits need not fit at once.

Where the softmax has a shortlist, its head chooses among the listed characters and the classes,
and each class among its own characters: see `recurra.lang.shapes.Shapes`.
"""

from collections.abc import Iterator

import torch
from torch.nn import functional

from recurra.compute.torch.devices import Tensor
from recurra.compute.torch.tape import Tape
from recurra.lang.shapes import Shapes

# Logits at a time: 64 MB of float32.
NUMBERS = 1 << 24


class OutputLayer:
    """The logits of a plan.

    Args:
        shapes: sizes of vocabulary and classes.
        numbers: at most so many logits at a time.
    """

    def __init__(self, shapes: Shapes, numbers: int = NUMBERS) -> None:
        self.shapes, self.listed, self.size = shapes, shapes.shortlist, shapes.class_size
        self.rows = max(1, numbers // shapes.scores)

    def loss(self, tape: Tape, targets: Tensor, scale: float) -> Tensor:
        """The loss of ``(T B,)`` targets; derivatives of ``scale`` times it go to the tape."""
        total = 0.0
        terms = tape.plan.logits.terms
        d_operands = [torch.empty_like(tape.operand(term)) for term in terms]
        for rows in self._blocks(targets):
            logits, own = self._logits(tape, rows), targets[rows]
            # float64 where there is one: a sum of many small numbers
            losses = -self._chosen(logits, own)
            total = total + losses.sum(dtype=None if losses.device.type == "mps" else torch.float64)
            d_logits = self._d_logits(logits, own) * scale
            for term, d_operand in zip(terms, d_operands, strict=True):
                tape.gradients[term.matrix] += d_logits.T @ tape.operand(term)[rows]
                d_operand[rows] = d_logits @ tape.parameters[term.matrix]
            for bias in tape.plan.logits.biases:
                tape.gradients[bias] += d_logits.sum(0)
        for term, d_operand in zip(terms, d_operands, strict=True):
            tape.add_d_operand(term, d_operand)
        return total

    def losses(self, tape: Tape, targets: Tensor) -> Tensor:
        """``-log p`` of each target, ``(T B,)``."""
        blocks = self._blocks(targets)
        return torch.cat([-self._chosen(self._logits(tape, r), targets[r]) for r in blocks])

    def log_probabilities(self, tape: Tape) -> Tensor:
        """Log p of every character, ``(T B, V)``."""
        logits = self._logits(tape, slice(None))
        head = self._head(logits).log_softmax(1)
        if not self.shapes.classes:
            return head
        within = self._classes(logits).log_softmax(2) + head[:, self.listed :, None]
        others = within.flatten(1)[:, : self.shapes.vocabulary - self.listed]
        return torch.cat([head[:, : self.listed], others], 1)

    def _blocks(self, targets: Tensor) -> Iterator[slice]:
        for start in range(0, len(targets), self.rows):
            yield slice(start, start + self.rows)

    def _logits(self, tape: Tape, rows: slice) -> Tensor:
        logits, total = None, tape.plan.logits
        for term in total.terms:
            operand, weights = tape.operand(term)[rows], tape.parameters[term.matrix].T
            logits = operand @ weights if logits is None else logits.addmm_(operand, weights)
        for bias in total.biases:
            logits += tape.parameters[bias]
        return logits

    def _head(self, logits: Tensor) -> Tensor:
        """Scores of listed characters and classes."""
        if not self.shapes.classes:
            return logits
        return torch.cat([logits[:, : self.listed], logits[:, self.shapes.vocabulary :]], 1)

    def _classes(self, logits: Tensor) -> Tensor:
        """Scores of the characters of every class, ``(rows, classes, size)``; -inf for nobody."""
        own = logits[:, self.listed : self.shapes.vocabulary]
        missing = self.shapes.classes * self.size - own.shape[1]
        padded = functional.pad(own, (0, missing), value=-torch.inf)
        return padded.view(len(logits), self.shapes.classes, self.size)

    def _split(self, targets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Whether each target is of a class, its entry of the head, its class, its place there."""
        other = (targets - self.listed).clamp(min=0)
        of_class, number, place = targets >= self.listed, other // self.size, other % self.size
        return of_class, torch.where(of_class, self.listed + number, targets), number, place

    def _chosen(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Log p of each target."""
        if not self.shapes.classes:
            return logits.log_softmax(1).gather(1, targets[:, None])[:, 0]
        of_class, entry, number, place = self._split(targets)
        head = self._head(logits).log_softmax(1).gather(1, entry[:, None])[:, 0]
        index = number[:, None, None].expand(-1, 1, self.size)
        own = self._classes(logits).gather(1, index)[:, 0].log_softmax(1)
        return head + torch.where(of_class, own.gather(1, place[:, None])[:, 0], 0.0)

    def _d_logits(self, logits: Tensor, targets: Tensor) -> Tensor:
        """``d(-log p[k]) / dz = softmax(z) - onehot(k)``, of every softmax k takes part in."""
        if not self.shapes.classes:
            return _minus_one_hot(logits.softmax(1), targets)
        of_class, entry, number, place = self._split(targets)
        head = _minus_one_hot(self._head(logits).softmax(1), entry)
        classes = self._classes(logits)
        index = number[:, None, None].expand(-1, 1, self.size)
        own = _minus_one_hot(classes.gather(1, index)[:, 0].softmax(1), place)
        own = torch.where(of_class[:, None], own, 0.0)
        # the characters of other classes take no part
        d_classes = torch.zeros_like(classes).scatter_(1, index, own[:, None])
        others = d_classes.flatten(1)[:, : self.shapes.vocabulary - self.listed]
        return torch.cat([head[:, : self.listed], others, head[:, self.listed :]], 1)


def _minus_one_hot(p: Tensor, index: Tensor) -> Tensor:
    return p.scatter_add_(1, index[:, None], torch.full_like(index[:, None], -1, dtype=p.dtype))
