"""Derived formulas, evaluated as they stand, against the engine that computes another way."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equations_list import VALID, Valid
from recurra.compute.gradcheck import load_parameters, random_problem
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.explain.derivation import Derivation, derive
from recurra.explain.evaluator import Evaluator, Example
from recurra.explain.formulas import BlockTotals, Formula, Negative, rewrite
from recurra.explain.published import MISTAKES, is_wrnn
from recurra.lang.library import library, load_network
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import ShapeSolver
from strategies import networks, sizes

VOCABULARY = 7
EXACT = 1e-9


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
        papers.append(Evaluator(derivation, Example(shapes, on_paper, text, past)))
    overall = max(float(np.abs(w).max()) for w in want.values())
    errors = {}
    for name, expected in want.items():
        got = sum(p.gradient(name) for p in papers)
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


@given(networks(structured=True), st.integers(1, 5))
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


class Dropping(Evaluator):
    """In training: masks that differ from dropout to dropout and step to step."""

    def mask(self, number, t):
        return np.random.default_rng((number, t)).integers(0, 2, 4) * 2.0

    def loss(self):
        times = range(1, self.example.length + 1)
        logits = [self.value(self.derivation.logits, t) for t in times]
        return sum(
            np.log(np.exp(z).sum()) - z[target]
            for z, target in zip(logits, self.example.text[1:], strict=True)
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
        return Dropping(derive(network), Example(shapes, parameters, text, past))

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
        ("mistake derivative", {"U", "W", "V", "R", "T", "s1", "s2"}),
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
    right = MISTAKES["mistake derivative"](derive(tanh))
    assert max(compare(tanh, derivation=right).values()) <= EXACT
    right = MISTAKES["mistake input"](MISTAKES["mistake paths"](derive(sigmoid)))
    assert max(compare(sigmoid, steps=1, derivation=right).values()) <= EXACT


def test_only_the_wrnn_is_the_wrnn() -> None:
    assert [name for name in library() if is_wrnn(load_network(name))] == ["wrnn"]
    assert is_wrnn(load_network("wrnn", WRNN))


def test_a_wrong_step_of_a_derivation() -> None:
    """What a gate of blocks collects, with the wrong sign."""
    network = parse(
        "e[t] = U @ x[t]\nS[t] = sigmoid(F @ e[t]) * S[t-1] + outer(e[t], e[t])\n"
        "S: blocks(2)\no[t] = softmax(Q @ S[t] @ e[t])\n"
    )
    assert max(compare(network).values()) <= EXACT
    derivation = derive(network)

    def wrong(node: Formula) -> Formula:
        match node:
            case BlockTotals(argument, like):
                return BlockTotals(Negative(argument), like)
        return node

    deltas = {
        name: tuple(replace(path, formula=rewrite(path.formula, wrong)) for path in paths)
        for name, paths in derivation.deltas.items()
    }
    errors = compare(network, derivation=replace(derivation, deltas=deltas))
    assert errors["F"] > 0.1
