"""Mistakes in derivatives, made on purpose: oracle and finite differences notice them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from equations_list import OUTPUT
from gradient_tasks import check, engines, make_task
from recurra.compute import autodiff as elements
from recurra.compute.gradcheck import check_gradients
from recurra.compute.torch.functions import DERIVATIVE
from recurra.lang.expansion import expand
from recurra.lang.functions import FUNCTIONS, PAIRS
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.lang.parser import parse
from recurra.lang.shapes import Shapes


def is_caught(network: Network, name: str) -> tuple[bool, bool]:
    """Whether the oracle notices, and whether finite differences do."""
    try:
        check(make_task(name, network))
    except AssertionError:
        noticed = True
    else:
        noticed = False
    return noticed, not all(row.passed for row in check_gradients(network, name, entries=6))


# A leaf, and d loss / d leaf.
Adjoint = tuple[elements.Leaf, elements.Value]


def change_adjoints(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[list[Adjoint], bool], Iterable[Adjoint]]
) -> None:
    """Differentiate wrongly: what each leaf gets, and whether the value is stored -> a mistake."""
    right = elements.differentiate

    def wrong(
        program: elements.Program, value: elements.Value, *, stored: bool
    ) -> elements.Element:
        element = right(program, value, stored=stored)
        return replace(element, adjoints=tuple(change([*element.adjoints], stored)))

    monkeypatch.setattr("recurra.compute.plan.differentiate", wrong)


TWO_ENGINES = ["reference", pytest.param("torch:cpu", marks=pytest.mark.long)]


@engines
def test_no_mistake(name: str) -> None:
    assert is_caught(load_network("lag2"), name) == (False, False)


def test_a_wrong_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    right = FUNCTIONS["tanh"]
    wrong = replace(right, derivative=lambda x, y: 1.0 - 1.000001 * y * y)
    monkeypatch.setitem(FUNCTIONS, "tanh", wrong)
    assert is_caught(load_network("rnn"), "reference") == (True, True)


@pytest.mark.parametrize(
    "name", ["reference", "torch:cpu", pytest.param("compiled", marks=pytest.mark.long)]
)
def test_a_path_through_time_dropped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back from two steps ago is lost where it is element-wise."""

    def lose(adjoints: list[Adjoint], stored: bool) -> Iterable[Adjoint]:
        return [(a, b) for a, b in adjoints if not isinstance(a, elements.Read) or a.lag < 2]

    network = parse("h[t] = tanh(U @ x[t] + u * h[t-1] + v * h[t-2])\no[t] = softmax(Q @ h[t])\n")
    assert is_caught(network, name) == (False, False)
    change_adjoints(monkeypatch, lose)
    assert is_caught(network, name) == (True, True)


@engines
def test_a_wrong_rule_of_the_quotient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = elements._chain_rule

    def wrong(operation: elements.Operation, *others: object) -> tuple[elements.Value, ...]:
        parts = right(operation, *others)  # type: ignore[arg-type]
        return parts[::-1] if operation.kind == "/" else parts

    text = "h[t] = tanh(U @ x[t]) / (2 + tanh(W @ h[t-1]))\no[t] = softmax(Q @ h[t])\n"
    monkeypatch.setattr(elements, "_chain_rule", wrong)
    assert is_caught(parse(text), name) == (True, True)


@pytest.mark.parametrize("engine", TWO_ENGINES)
@pytest.mark.parametrize("function", ["exp", "log", "sqrt", "abs", "sin", "cos"])
def test_a_wrong_derivative_of_a_function(
    function: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"h[t] = {function}(1.5 + tanh(U @ x[t] + W @ h[t-1]))\n" + OUTPUT
    assert is_caught(parse(text), engine) == (False, False)
    right = FUNCTIONS[function]
    wrong = replace(right, derivative=lambda x, y: 1.001 * right.derivative(x, y))
    monkeypatch.setitem(FUNCTIONS, function, wrong)
    formula = f"{DERIVATIVE[function]} \n e = d * 1.001"
    monkeypatch.setitem(DERIVATIVE, function, formula)  # type: ignore[arg-type]
    assert is_caught(parse(text), engine) == (True, True)


@pytest.mark.parametrize("engine", TWO_ENGINES)
@pytest.mark.parametrize("pair", ["max", "min"])
def test_a_wrong_derivative_of_a_pair(
    pair: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"h[t] = tanh({pair}(U @ x[t] + W @ h[t-1], V @ h[t-1]))\n" + OUTPUT
    assert is_caught(parse(text), engine) == (False, False)
    right = PAIRS[pair]
    wrong = replace(right, derivative=lambda a, b: right.derivative(b, a))
    monkeypatch.setitem(PAIRS, pair, wrong)
    formula = f"{DERIVATIVE[pair]} \n e = 1 - d"
    monkeypatch.setitem(DERIVATIVE, pair, formula)  # type: ignore[arg-type]
    assert is_caught(parse(text), engine) == (True, True)


@pytest.mark.parametrize("engine", TWO_ENGINES)
def test_a_wrong_rule_of_the_power(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = elements._chain_rule

    def wrong(operation: elements.Operation, *others: object) -> tuple[elements.Value, ...]:
        if operation.kind == "**":  # n a**n in the place of n a**(n-1)
            base, n = operation.arguments
            backward, known, adjoint = others[2], others[3], others[1]
            value = backward.emit("*", n, backward.emit("**", known(base), n))  # type: ignore
            return backward.emit("*", adjoint, value), elements.Constant(0.0)  # type: ignore
        return right(operation, *others)  # type: ignore[arg-type]

    network = parse("h[t] = (2 + tanh(U @ x[t] + W @ h[t-1])) ** 1.5 / 9\n" + OUTPUT)
    assert is_caught(network, engine) == (False, False)
    monkeypatch.setattr(elements, "_chain_rule", wrong)
    assert is_caught(network, engine) == (True, True)


# What meets a memory: a number, a vector with a number for each row, column or block.
MEMORY = (
    "e[t] = U @ x[t]\nS[t] = sigmoid(F @ e[t]) * S[t-1] + mean(e[t]) * outer(e[t], K @ e[t])\n"
    "h[t] = S[t] @ e[t] + S[t-1].T @ e[t-1]\nS: blocks(2)\n" + OUTPUT
)


@pytest.mark.parametrize("name", TWO_ENGINES)
@pytest.mark.parametrize("broadcast", ["all", "rows", "columns", "blocks"])
def test_a_derivative_of_what_meets_a_memory_lost(
    broadcast: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(adjoints: list[Adjoint], stored: bool) -> Iterable[Adjoint]:
        for leaf, adjoint in adjoints:
            lost = getattr(leaf, "broadcast", "") == broadcast
            yield leaf, elements.Constant(0.0) if lost else adjoint

    network = parse(MEMORY)
    assert is_caught(network, name) == (False, False)
    change_adjoints(monkeypatch, lose)
    assert is_caught(network, name) == (True, True)


@pytest.mark.parametrize("name", TWO_ENGINES)
@pytest.mark.parametrize("function", ["sum", "mean"])
def test_a_derivative_of_a_total_lost(
    function: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = parse(f"h[t] = tanh(U @ x[t] + W @ h[t-1]) * {function}(h[t-1] * h[t-2])\n" + OUTPUT)
    assert is_caught(network, name) == (False, False)
    change_adjoints(monkeypatch, lambda adjoints, stored: adjoints if stored else adjoints[1:])
    assert is_caught(network, name) == (True, True)


@pytest.mark.parametrize("name", TWO_ENGINES)
def test_gradients_of_blocks_exchanged(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = parse("h[t] = tanh(U @ x[t] + W @ h[t-1])\nW: blocks(2)\n" + OUTPUT)
    assert is_caught(network, name) == (False, False)
    right = Shapes.stored

    def wrong(self: Shapes, matrix: str, whole: Any) -> Any:
        blocks = right(self, matrix, whole)
        order = [*range(len(blocks))]
        return blocks if matrix != "W" else blocks[order[2:] + order[:2]]

    monkeypatch.setattr(Shapes, "stored", wrong)
    assert is_caught(network, name) == (True, True)


def test_a_first_value_let_in_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    network = parse("h[t] = tanh(U @ x[t] + W @ h[t-1])\nh[0] = h0\n" + OUTPUT)
    assert is_caught(network, "reference")[0] is False
    late = expand(network).source.replace("(1 - h_begun[t-1])", "(1 - h_begun[t-1]) * h_begun[t-2]")
    monkeypatch.setattr("recurra.compute.plan.expand", lambda network: parse(late))
    assert is_caught(network, "reference")[0] is True
