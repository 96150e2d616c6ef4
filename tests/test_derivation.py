"""Derived formulas, evaluated as they stand, against the engine that computes another way."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equations_list import VALID, Valid
from recurra.engines import make_engine
from recurra.equations import parse
from recurra.explain.derivation import Derivation, derive
from recurra.explain.formulas import (
    Apply,
    Constant,
    Delta,
    Error,
    Formula,
    Hadamard,
    MatrixVector,
    Negative,
    Outer,
    Parameter,
    Quotient,
    Slope,
    Sum,
    Value,
)
from recurra.functions import FUNCTIONS
from recurra.gradcheck import random_problem
from recurra.network import Network
from recurra.networks import library, load_network
from recurra.plan import make_plan
from recurra.shapes import ShapeSolver
from strategies import networks, sizes

VOCABULARY = 7
EXACT = 1e-9


class Paper:
    """A person with pencil and paper: one text, every formula at every time step as it stands."""

    def __init__(self, derivation: Derivation, parameters, text, past, sizes) -> None:
        self.derivation, self.parameters, self.past = derivation, parameters, past
        self.text, self.length, self.sizes = text, len(text) - 1, sizes
        self.steps = {step.quantity: step.formula for step in derivation.steps}
        self.value, self.delta = cache(self.value), cache(self.delta)

    def value(self, quantity, t):
        """A quantity at t = 1 ... T, or before: as carried in."""
        if quantity == "x":
            return np.eye(VOCABULARY)[self.text[t - 1]]
        if t < 1:
            return self.past[quantity][t - 1]
        return self.evaluate(self.steps[quantity], t) + self.zeros(quantity)

    def zeros(self, quantity):
        """As long as a vector; where an argument's length is unknown, of any length."""
        return np.zeros(self.sizes[quantity]) if quantity in self.sizes else 0.0

    def delta(self, quantity, t):
        paths = self.derivation.deltas[quantity]
        # behind the end of the text nobody reads
        paths = [path for path in paths if t + path.lag <= self.length]
        return sum((self.evaluate(path.formula, t) for path in paths), self.zeros(quantity))

    def gradient(self, parameter):
        paths = self.derivation.gradients[parameter]
        times = range(1, self.length + 1)
        return sum(self.evaluate(path.formula, t) for t in times for path in paths)

    def evaluate(self, formula: Formula, t: int):
        match formula:
            case Constant(number):
                return number
            case Value(quantity, lag):
                return self.value(quantity, t - lag)
            case Delta(quantity, lag):
                return self.delta(quantity, t - lag)
            case Error():
                logits = self.value(self.derivation.logits, t)
                exponentials = np.exp(logits - logits.max())
                return exponentials / exponentials.sum() - np.eye(VOCABULARY)[self.text[t]]
            case Parameter(name):
                return self.parameters[name]
            case Sum(terms):
                return sum(self.evaluate(term, t) for term in terms)
            case Negative(argument):
                return -self.evaluate(argument, t)
            case Hadamard(left, right):
                return self.evaluate(left, t) * self.evaluate(right, t)
            case Quotient(left, right):
                return self.evaluate(left, t) / self.evaluate(right, t)
            case MatrixVector(matrix, transposed, operand):
                weights = self.parameters[matrix]
                return (weights.T if transposed else weights) @ self.evaluate(operand, t)
            case Apply(function, argument):
                function = self.derivation.network.function(function)
                return FUNCTIONS[function].forward(self.evaluate(argument, t))
            case Slope(function, argument):
                row = FUNCTIONS[self.derivation.network.function(function)]
                x = np.asarray(self.evaluate(argument, t))
                return row.derivative(x, row.forward(x))
            case Outer(left, right):
                return np.multiply.outer(self.evaluate(left, t), self.evaluate(right, t))
        raise AssertionError(formula)


def compare(network: Network, hidden=4, steps: int = 4, batch: int = 2, seed: int = 0) -> float:
    """The largest relative error of a gradient on paper; the reference engine has the other."""
    shapes = ShapeSolver(network).shapes(VOCABULARY, hidden)
    engine = make_engine("reference", make_plan(network), shapes, np.float64)
    rng = np.random.default_rng(seed)
    zero = engine.zero_state(batch)
    problem = random_problem(shapes.parameters.items(), zero, VOCABULARY, steps, batch, rng)
    _, want, _ = engine.loss_and_gradients(
        problem.parameters, problem.inputs, problem.targets, problem.state
    )
    on_paper = {
        name: value.T if name in shapes.transposed else value
        for name, value in problem.parameters.items()
    }
    derivation = derive(network)
    papers = []
    for stream in range(batch):
        text = [*problem.inputs[:, stream], problem.targets[-1, stream]]
        past = {name: value[:, stream] for name, value in problem.state.items()}
        papers.append(Paper(derivation, on_paper, text, past, shapes.vectors))
    overall = max(float(np.abs(w).max()) for w in want.values())
    largest = 0.0
    for name, expected in want.items():
        got = np.broadcast_to(sum(p.gradient(name) for p in papers), shapes.paper(name))
        got = got.T if name in shapes.transposed else got
        scale = max(float(np.abs(expected).max()), 1e-4 * overall, 1e-300)
        largest = max(largest, float(np.abs(got - expected).max()) / scale)
    return largest


@pytest.mark.parametrize("name", library())
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (6, 2)])
def test_library(name: str, steps: int, batch: int) -> None:
    assert compare(load_network(name), steps=steps, batch=batch) <= EXACT


@pytest.mark.parametrize("case", VALID, ids=[case.name for case in VALID])
def test_valid(case: Valid) -> None:
    assert compare(parse(case.text)) <= EXACT


@given(networks(), st.integers(1, 5))
@settings(max_examples=40)
def test_any_network(text: str, steps: int) -> None:
    assert compare(parse(text), sizes(text), steps=steps) <= EXACT
