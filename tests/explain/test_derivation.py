"""Derived formulas, evaluated as they stand, against the engine that computes another way."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equations_list import VALID, Valid
from recurra.compute.gradcheck import load_parameters, random_problem
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.explain.derivation import Derivation, derive
from recurra.explain.formulas import (
    Apply,
    Constant,
    Delta,
    Error,
    Formula,
    Frozen,
    Hadamard,
    Mask,
    MatrixVector,
    Negative,
    NormSlope,
    Outer,
    Parameter,
    Quotient,
    Slope,
    Sum,
    Value,
)
from recurra.explain.published import MISTAKES, is_wrnn
from recurra.lang.functions import FUNCTIONS
from recurra.lang.library import library, load_network
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shapes import ShapeSolver
from strategies import networks, sizes

VOCABULARY = 7
EXACT = 1e-9


class Paper:
    """A person with pencil and paper: one text, every formula at every time step as it stands."""

    def __init__(self, derivation: Derivation, parameters, text, past, shapes) -> None:
        self.derivation, self.parameters, self.past = derivation, parameters, past
        self.text, self.length = text, len(text) - 1
        self.shapes, self.sizes = shapes, shapes.vectors
        self.steps = {step.quantity: step.formula for step in derivation.steps}
        self.value, self.delta = cache(self.value), cache(self.delta)

    def value(self, quantity, t):
        """A quantity at t = 1 ... T, or before: as carried in."""
        if quantity == "x":
            # a tied matrix has columns for classes behind those for characters
            return np.eye(VOCABULARY + self.shapes.classes)[self.text[t - 1]]
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

    def mask(self, number, t):
        """What a dropout multiplies with, not in training."""
        return 1.0

    def error(self, logits, target):
        """Probabilities minus what came, the latter as one-hot."""
        error = np.zeros_like(logits)
        listed, size = self.shapes.shortlist, self.shapes.class_size
        head = [*range(listed), *range(VOCABULARY, VOCABULARY + self.shapes.classes)]
        chosen = [(head, target)]
        if target >= listed:
            own = (target - listed) // size
            low = listed + own * size
            members = range(low, min(low + size, VOCABULARY))
            chosen = [(head, VOCABULARY + own), ([*members], target)]
        for among, one in chosen:
            exponentials = np.exp(logits[among] - logits[among].max())
            error[among] = exponentials / exponentials.sum()
            error[one] -= 1.0
        return error

    def evaluate(self, formula: Formula, t: int):
        match formula:
            case Constant(number):
                return number
            case Value(quantity, lag):
                return self.value(quantity, t - lag)
            case Frozen(quantity):
                return self.value(quantity, 1)
            case Delta(quantity, lag):
                return self.delta(quantity, t - lag)
            case Error():
                return self.error(self.value(self.derivation.logits, t), self.text[t])
            case Mask(number, lag):
                return self.mask(number, t - lag)
            case NormSlope(argument, vector):
                z, v = self.evaluate(argument, t), self.evaluate(vector, t)
                centred = z - z.mean()
                scale = np.sqrt((centred**2).mean() + 1e-5)
                ones = np.ones((z.size, z.size))
                jacobian = np.eye(z.size) - (ones + np.outer(centred, centred) / scale**2) / z.size
                return jacobian @ v / scale
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
                weights = weights.T if transposed else weights
                return weights @ self.evaluate(operand, t)[: weights.shape[1]]
            case Apply("norm", argument):
                z = self.evaluate(argument, t)
                return (z - z.mean()) / np.sqrt(z.var() + 1e-5)
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


def compare(
    network: Network, hidden=4, steps: int = 4, batch: int = 2, derivation: Derivation | None = None
) -> dict[str, float]:
    """The relative error of every gradient on paper; the reference engine has the true ones.

    An array whose elements are all ten thousand times smaller than the largest of all is what
    differences of larger numbers left: it is measured by that.
    """
    shapes = ShapeSolver(network).shapes(VOCABULARY, hidden)
    engine = make_engine("reference", make_plan(network), shapes, np.float64)
    rng = np.random.default_rng(0)
    problem = random_problem(engine, steps, batch, rng)
    load_parameters(engine, problem.parameters)
    _, want, _ = engine.loss_and_gradients(problem.inputs, problem.targets, problem.state)
    on_paper = {
        name: value.T if name in shapes.transposed else value
        for name, value in problem.parameters.items()
    }
    derivation = derivation or derive(network)
    papers = []
    for stream in range(batch):
        text = [*problem.inputs[:, stream], problem.targets[-1, stream]]
        past = {name: value[:, stream] for name, value in problem.state.items()}
        papers.append(Paper(derivation, on_paper, text, past, shapes))
    overall = max(float(np.abs(w).max()) for w in want.values())
    errors = {}
    for name, expected in want.items():
        got = sum(p.gradient(name) for p in papers)
        if np.ndim(got) == 2:  # x is as long as with classes
            got = got[:, : shapes.paper(name)[1]]
        got = np.broadcast_to(got, shapes.paper(name))
        got = got.T if name in shapes.transposed else got
        scale = max(float(np.abs(expected).max()), 1e-4 * overall, 1e-300)
        errors[name] = float(np.abs(got - expected).max()) / scale
    return errors


@pytest.mark.parametrize("name", library())
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (6, 2)])
def test_library(name: str, steps: int, batch: int) -> None:
    assert max(compare(load_network(name), steps=steps, batch=batch).values()) <= EXACT


@pytest.mark.parametrize("case", VALID, ids=[case.name for case in VALID])
def test_valid(case: Valid) -> None:
    assert max(compare(parse(case.text)).values()) <= EXACT


@given(networks(), st.integers(1, 5))
@settings(max_examples=settings.default.max_examples * 2 // 5)
def test_any_network(text: str, steps: int) -> None:
    assert max(compare(parse(text), sizes(text), steps=steps).values()) <= EXACT


def test_order_of_the_backward_pass() -> None:
    # each delta of a time step reads only those before it in the list, and later steps
    for name in library():
        done: set[str] = set()
        for quantity, paths in derive(load_network(name)).deltas.items():
            assert all(path.lag or path.reader in done for path in paths if path.reader != quantity)
            done.add(quantity)


class Dropping(Paper):
    """The same person in training: masks that differ from dropout to dropout and step to step."""

    def mask(self, number, t):
        return np.random.default_rng((number, t)).integers(0, 2, 4) * 2.0

    def loss(self):
        logits = [self.value(self.derivation.logits, t) for t in range(1, self.length + 1)]
        return sum(
            np.log(np.exp(z).sum()) - z[target]
            for z, target in zip(logits, self.text[1:], strict=True)
        )


def test_dropout_against_finite_differences() -> None:
    network = parse(
        "a[t] = tanh(U @ x[t] + W @ dropout(a[t-1], 0.25) + V @ dropout(a[t-2]) + s)\n"
        "h[t] = a[t] + dropout(tanh(dropout(T @ h[t-1]) + a[t-1]))\n"
        "o[t] = softmax(Q @ dropout(h[t]))\n"
    )
    shapes = ShapeSolver(network).shapes(VOCABULARY, 4)
    rng = np.random.default_rng(0)
    parameters = {name: rng.normal(0, 0.6, shapes.paper(name)) for name in shapes.parameters}
    past = {"a": rng.normal(size=(2, 4)), "h": rng.normal(size=(1, 4))}
    text = rng.integers(0, VOCABULARY, 6)

    def paper() -> Dropping:
        return Dropping(derive(network), parameters, text, past, shapes)

    for name, value in parameters.items():
        gradient = np.broadcast_to(paper().gradient(name), value.shape)
        for i in np.ndindex(*value.shape):
            kept, losses = value[i], []
            for step in (1e-5, -1e-5):
                value[i] = kept + step
                losses.append(paper().loss())
            value[i] = kept
            assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(gradient[i], rel=1e-6, abs=1e-8)


# ------------------------------------------------------------------------- the published mistakes

WRNN = {"f1": "sigmoid", "f2": "sigmoid"}  # as published


@pytest.mark.parametrize(
    ("mistake", "wrong"),
    [
        ("mistake slope", {"U", "W", "V", "R", "T", "s1", "s2"}),
        ("mistake paths", {"U", "W", "V", "R", "T", "s1", "s2"}),
        ("mistake input", {"U"}),
    ],
)
def test_every_published_mistake_makes_gradients_wrong(mistake: str, wrong: set[str]) -> None:
    network = load_network("wrnn", WRNN)
    derivation = MISTAKES[mistake](derive(network))
    errors = compare(network, steps=5, batch=1, derivation=derivation)
    assert {name for name, error in errors.items() if error > 0.01} == wrong
    assert max(error for name, error in errors.items() if name not in wrong) <= EXACT


def test_mistakes_that_show_only_elsewhere() -> None:
    # with tanh its derivative is right; with a single step there is no time to cross
    tanh, sigmoid = load_network("wrnn"), load_network("wrnn", WRNN)
    right = MISTAKES["mistake slope"](derive(tanh))
    assert max(compare(tanh, derivation=right).values()) <= EXACT
    right = MISTAKES["mistake input"](MISTAKES["mistake paths"](derive(sigmoid)))
    assert max(compare(sigmoid, steps=1, derivation=right).values()) <= EXACT


def test_only_the_wrnn_is_the_wrnn() -> None:
    assert [name for name in library() if is_wrnn(load_network(name))] == ["wrnn"]
    assert is_wrnn(load_network("wrnn", WRNN))
