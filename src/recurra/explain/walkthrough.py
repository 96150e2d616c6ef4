"""Every number of a tiny network, in the order in which one computes them with a pencil."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recurra.explain.derivation import derive
from recurra.explain.evaluator import Array, Evaluator, Example, make_example
from recurra.explain.formulas import total
from recurra.explain.latex import Latex
from recurra.lang.network import Network

Phase = Literal["forward", "loss", "backward", "gradient"]


@dataclass(frozen=True)
class Line:
    """One line of the computation.

    Attributes:
        phase: where it belongs.
        time: its time step; 0 for a sum over all.
        latex: the formula, at that time step.
        value: what it comes to.
    """

    phase: Phase
    time: int
    latex: str
    value: Array


@dataclass(frozen=True)
class Walkthrough:
    """A tiny random example of a network, and all lines of its forward and backward pass."""

    example: Example
    lines: tuple[Line, ...]


def walk_through(network: Network, *, steps: int = 3, seed: int = 0) -> Walkthrough:
    """Compute a tiny network forward and backward, line by line, in float64.

    Args:
        network: the equations.
        steps: time steps; at the last one no later step reads anything.
        seed: of its numbers and its text.
    """
    example = make_example(network, hidden=2, steps=steps, seed=seed)
    return Walkthrough(example, tuple(_lines(network, example)))


def _lines(network: Network, example: Example) -> Iterator[Line]:
    derivation, latex = derive(network), Latex(network)
    evaluator = Evaluator(derivation, example)
    times = range(1, example.length + 1)
    logits = derivation.logits
    for t in times:
        for step in derivation.steps:
            value = evaluator.value(step.quantity, t)
            yield Line("forward", t, _at(latex.step(step), t), value)
        # the loss of a step, from its derivative: of the true character it is p - 1
        error = evaluator.delta(logits, t)
        p = error + np.eye(len(error))[example.text[t]]
        output = latex.quantity(network.output.name, 0)
        if not network.shortlist:
            softmax = rf"{output} &= \operatorname{{softmax}}({latex.quantity(logits, 0)})"
            yield Line("forward", t, _at(softmax, t), p)
            loss = rf"-{latex.target}_t^\top \ln {output}"
            yield Line("loss", t, _at(loss, t), -np.log(p[example.text[t]]))
    for t in reversed(times):
        for quantity, paths in derivation.deltas.items():
            alive = [path for path in paths if t + path.lag <= example.length]
            nothing = f"{latex.of_loss(quantity)} &= 0"
            formula = latex.delta_line(quantity, alive) if alive else nothing
            yield Line("backward", t, _at(formula, t), evaluator.delta(quantity, t))
    for name, paths in derivation.gradients.items():
        formulas = [path.formula for path in paths]
        for t in times:
            value = evaluator.over_time(formulas, name, [t])
            yield Line("gradient", t, _at(latex.formula(total(formulas)), t), value)
        yield Line("gradient", 0, latex.gradient(name, paths), evaluator.gradient(name))


def _at(formula: str, t: int) -> str:
    """A formula with the number of its time step in place of t."""
    formula = re.sub(r"_t\b", "_{t}", formula)
    return re.sub(
        r"(?<=[{,])t([+-]\d+)?(?=[,}])", lambda found: str(t + int(found[1] or 0)), formula
    )
