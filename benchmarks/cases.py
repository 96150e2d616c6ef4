"""What is measured: networks, shapes and optimiser steps, the same for every contender."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recurra.compute.numba.blocks import looked_up_from
from recurra.compute.optimizers.base import OptimizerSettings
from recurra.compute.plan import Term, make_plan
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.lang.shape_solver import ShapeSolver
from recurra.models.initialisation import initialise


class Shape(NamedTuple):
    """Vocabulary, hidden units, streams, characters of each."""

    vocabulary: int
    hidden: int
    batch: int
    steps: int

    def __str__(self) -> str:
        return f"V{self.vocabulary}-H{self.hidden}-B{self.batch}-T{self.steps}"


SHAPES = {
    "english-classic": Shape(65, 100, 1, 25),
    "chinese-classic": Shape(5887, 160, 1, 30),
    "english-batch": Shape(65, 256, 32, 64),
    "chinese-batch": Shape(5887, 256, 32, 64),
    "small-batch": Shape(100, 64, 16, 64),
    "long-batch": Shape(100, 512, 32, 128),
    "wide-classic": Shape(5887, 300, 1, 30),
    "wide-batch": Shape(5000, 512, 16, 64),
    "english-512": Shape(65, 512, 32, 64),
    "bytes-1024": Shape(256, 1024, 16, 32),
    "chinese-384": Shape(3000, 384, 16, 48),
    "uneven-batch": Shape(97, 192, 24, 96),
}
CORE = ("english-classic", "chinese-classic", "small-batch", "english-batch", "chinese-batch")
WIDE = ("english-512", "bytes-1024", "chinese-384", "uneven-batch")
# The full table: every shape for the W-RNN, the core for the others, and wide layers for some.
# torch.nn.LSTM and torch.nn.GRU read characters through an embedding, so the same network is
# measured with one, too.
TABLE = {
    "wrnn": tuple(SHAPES),
    "rnn": CORE,
    "lstm": CORE + WIDE,
    "gru2": CORE + WIDE,
    "own": CORE + WIDE,
    "lstm_embedding": ("small-batch", "english-batch", "chinese-batch"),
    "gru2_embedding": ("small-batch", "english-batch", "chinese-batch"),
}

MINIBATCH = (SHAPES["english-batch"], SHAPES["chinese-batch"])  # with both optimisers

# Division by sqrt(v) + eps, as torch.optim has it.
OPTIMIZERS = {
    "adagrad": (0.01, OptimizerSettings("adagrad", eps=1e-8, clip_value=5.0)),
    "adamw": (0.001, OptimizerSettings("adamw", eps=1e-8, clip_norm=1.0)),
}


def load(name: str) -> Network:
    """A network of the library or of this folder by name, or a user's file by path."""
    own = Path(__file__).parent / "networks" / f"{name}.eq"
    return load_network(own if own.is_file() else name)


@dataclass(frozen=True)
class Case:
    """One training step to measure: a network by name, its shape, an optimiser, threads."""

    network: str
    shape: Shape
    optimizer: str = "adagrad"
    threads: int = 1


def is_plain(case: Case) -> bool:
    """Whether rivals that walk through our plan compute all of it: they know no norm, say."""
    plan = make_plan(load(case.network))
    pointwise = all(stage.is_pointwise for stage in plan.stages.values())
    used = {op.kind for stage in plan.stages.values() for op in stage.element.forward}
    unknown = used & {"abs", "sin", "cos", "max", "min", "**"}
    return pointwise and not (unknown or plan.edges or plan.network.shortlist)


def cases(
    networks: list[str] | None,
    shapes: list[Shape] | None,
    optimizers: list[str] | None,
    threads: list[int],
) -> Iterator[Case]:
    """The table, or the part of it (or beyond it) that is asked for."""
    for count in threads:
        for network in networks or TABLE:
            known = [SHAPES[name] for name in TABLE.get(network, CORE)]
            for shape in shapes or known:
                both = network == "wrnn" and shape in MINIBATCH
                for optimizer in optimizers or (OPTIMIZERS if both else ("adagrad",)):
                    yield Case(network, shape, optimizer, count)


class Task:
    """A case made ready: plan, sizes, first parameters, random text.

    Characters are drawn evenly, which touches more rows of an embedding than a real text would.

    Args:
        case: what to measure.
        rate, settings: the optimiser, if not the one that the case names.
    """

    def __init__(
        self,
        case: Case,
        rate: float | None = None,
        settings: OptimizerSettings | None = None,
    ) -> None:
        self.case = case
        self.vocabulary, hidden, self.batch, self.steps = case.shape
        self.plan = make_plan(load(case.network))
        self.shapes = ShapeSolver(self.plan.network).shapes(self.vocabulary, hidden)
        usual_rate, usual_settings = OPTIMIZERS[case.optimizer]
        self.rate = usual_rate if rate is None else rate
        self.settings = settings or usual_settings
        self.parameters = initialise(self.plan, self.shapes, np.random.default_rng(1))

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Inputs and targets, ``(T, B)`` each, without end."""
        rng = np.random.default_rng(2)
        while True:
            text = rng.integers(0, self.vocabulary, (self.steps + 1, self.batch), np.int32)
            yield text[:-1].copy(), text[1:].copy()

    @property
    def flops(self) -> int:
        """Multiplications and additions in the products of a step, once forward, twice back.

        A product whose operand is a row of an embedding need not be done for more rows than that
        has.
        """

        def flops(term: Term) -> int:
            rows = self.steps * self.batch
            if looked_up_from(self.plan, term):
                rows = min(rows, self.vocabulary)
            return 6 * rows * math.prod(self.shapes.parameters[term.matrix])

        return sum(flops(term) for total in self.plan.sums.values() for term in total.terms)

    @property
    def memory_numbers(self) -> int:
        """Numbers of all matrix memories, at all time steps."""
        grids = self.shapes.grids.values()
        return sum(math.prod(grid) for grid in grids) * self.batch * self.steps

    @property
    def vector_numbers(self) -> int:
        """Numbers that must be written and read again, where the loop has no product.

        Of each vector for the way back, of each product's result, and of their derivatives, by
        the equations and by the products in turn.
        """
        widths, sums = self.plan.widths(self.shapes), self.plan.sums.values()
        products = [total.owner for total in sums if total.terms and total is not self.plan.logits]
        width = sum(widths.values()) + 2 * sum(widths[owner] for owner in products)
        return width * self.batch * self.steps

    @property
    def recurrent_bytes(self) -> int:
        """Size of the matrices whose products wait for the time step before, in float32."""
        terms = [t for total in self.plan.sums.values() for t in total.terms if not t.hoisted]
        return 4 * sum(math.prod(self.shapes.parameters[m]) for m in {t.matrix for t in terms})

    def floor(self, flops_per_second: float, bytes_per_second: float) -> float:
        """The least seconds of a step on cores that can do so much, together.

            max(6 T B weights / flops_per_second, 2 T recurrent_bytes / bytes_per_second)

        Each weight of a product is multiplied and added once for each character forward, and
        twice backward. Matrices whose product waits for the time step before are read once a step
        of time forward and once backward, each core reading the part that its units need.
        """
        traffic = 2 * self.steps * self.recurrent_bytes
        return max(self.flops / flops_per_second, traffic and traffic / bytes_per_second)

    @property
    def sparse(self) -> frozenset[str]:
        """Embeddings so large that an Adagrad step had better touch only the rows that occur."""
        if self.case.optimizer != "adagrad" or self.vocabulary < 4 * self.steps * self.batch:
            return frozenset()
        sums = self.plan.sums.values()
        multiplied = {term.matrix for total in sums for term in total.terms}
        return frozenset(m for total in sums for m in total.lookups) - multiplied
