"""Derivations by hand: exact ones are right in any network, and every mistake gets its name."""

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import recurra
from equations_list import LIBRARY
from random_models import ALL
from recurra.errors import EquationError, SettingError
from recurra.explain.check import Check
from recurra.explain.derivation import derive
from recurra.explain.formulas import Broadcast, Error, Formula, Join, Mask, Part
from recurra.explain.names import free, symbols
from recurra.export.python_formulas import ATOM, SUM
from recurra.export.steps import program_steps
from recurra.export.typed_formulas import TypedText
from recurra.lang.network import Network
from strategies import networks

SIGMOIDS = {"f1": "sigmoid", "f2": "sigmoid"}


class Typist(TypedText):
    """Types the formulas of one network; what the example never drops is left out."""

    def __init__(self, network: Network) -> None:
        super().__init__(program_steps(network))
        self.output = network.output.name
        self.target = free(symbols(network), "y", "k", "next")

    def bound(self, formula: Formula) -> tuple[str, int]:
        match formula:
            case Error():
                return f"{self.output}[t] - {self.target}[t]", SUM
            case Mask():
                return "1", ATOM
            case Broadcast() | Join() | Part():
                reject()  # these have no signs for a student
        return super().bound(formula)


def check_all(network: Network) -> None:
    """Every exact line is right; of a line without one of its terms, that term is missing."""
    derivation, typist = derive(network), Typist(network)
    for name in (*derivation.deltas, *derivation.gradients):
        check = Check(network, name)
        typed = [typist.text(term) for term in check.exact]
        assert check.formula(" + ".join(typed)).right, name
        assert check.values(str(check.numbers.tolist())).right, name


# what a student types has no signs for a matrix over time, nor for the derivative of a mean
PLAIN = [
    one for one in LIBRARY if not any(word in ALL[one.values[0]] for word in ("outer(", "mean("))
]


@pytest.mark.parametrize("name", PLAIN)
def test_library(name: str) -> None:
    check_all(recurra.load_network(name))


@given(networks())
@settings(max_examples=settings.default.max_examples // 10)
def test_any_network(text: str) -> None:
    check_all(recurra.parse(text))


@given(st.data())
@settings(max_examples=settings.default.max_examples // 10)
def test_a_term_left_out_is_named(data: st.DataObject) -> None:
    network = recurra.load_network(data.draw(st.sampled_from(["wrnn", "lstm", "gru", "scrn"])))
    derivation, typist = derive(network), Typist(network)
    checks = [Check(network, name) for name in derivation.deltas]
    check = data.draw(st.sampled_from([check for check in checks if len(check.exact) > 1]))
    gone = data.draw(st.sampled_from(check.exact))
    typed = [typist.text(term) for term in check.exact if term != gone]
    verdict = check.formula(" + ".join(typed))
    assert not verdict.right
    assert [(r.kind, r.exact) for r in verdict.remarks] == [("missing", gone)]
    without = check.numbers - check._numbers([gone])
    (remark,) = check.values(str(without)).remarks
    assert (remark.kind, remark.exact) == ("missing", gone)


A = "V.T @ δ(bar(b[t])) + W.T @ δ(bar(a[t+1])) + R.T @ δ(bar(b[t+1]))"


@pytest.mark.parametrize(
    ("name", "typed", "kinds"),
    [
        ("a", A, ["right"]),
        ("a", "R.T @ δ(bar(b[t+1])) - (-W.T @ δ(bar(a[t+1])) - V.T @ δ(bar(b[t])))", ["right"]),
        ("a", f"{A} + V.T @ δ(bar(b[t]))", ["twice"]),
        ("a", A.replace("V.T", "-V.T"), ["sign"]),
        ("a", A.replace("V.T", "2 * V.T"), ["factor"]),
        ("a", A.replace("V.T", "V"), ["transposed"]),
        ("a", A.replace("b[t+1]", "b[t]"), ["time"]),
        ("a", A.replace("bar(a[t+1])", "a[t+1]"), ["delta"]),
        ("a", A.replace("V.T @", "a[t] *"), ["wrong", "missing"]),
        ("a.1", "d(a[t]) * f1'(bar(a[t]))", ["right"]),
        ("a.1", "d(a[t]) * a[t] * (1 - a[t])", ["right"]),
        ("a.1", "d(a[t]) * (1 - a[t] ** 2)", ["tanh derivative"]),
        ("a.1", "d(a[t]) * (1 - tanh(bar(a[t])) ** 2)", ["tanh derivative"]),
        ("a.1", "d(a[t]) * f1'(a[t])", ["argument"]),
        ("a.1", "d(a[t])", ["derivative"]),
        ("o.1", "o[t] - y[t]", ["right"]),
        ("o.1", "-(o[t] - y[t])", ["sign"]),
        ("W", "dW = sum(d(bar(a[t])) @ a[t-1].T)", ["right"]),
        ("W", "outer(a[t-1], d(bar(a[t])))", ["order"]),
        ("W", "outer(d(bar(a[t])), a[t])", ["time"]),
        ("U", "outer(d(bar(a[t])), a[t])", ["shape"]),
        ("s1", "d(bar(a[t]))", ["right"]),
    ],
)
def test_typed(name: str, typed: str, kinds: list[str]) -> None:
    verdict = Check(recurra.load_network("wrnn", SIGMOIDS), name).formula(typed)
    assert [remark.kind for remark in verdict.remarks] == kinds
    assert verdict.right == (kinds == ["right"])


def test_numbers() -> None:
    check = Check(recurra.load_network("wrnn", SIGMOIDS), "W")
    exact, steps = check.numbers, check.example.length

    def kind(numbers: object) -> str:
        (remark,) = check.values(repr(numbers)).remarks
        return remark.kind

    assert kind(exact.astype(np.float32)) == "right"
    assert kind(exact.T) == "transposed"
    assert kind(-exact) == "sign"
    assert kind(exact / steps) == "mean"
    assert kind(check.evaluator.over_time(check.exact, "W", [2])) == "one step"
    assert kind(exact[:2]) == "shape"
    assert kind(exact * 1.01) == "wrong"
    assert kind([]) == "shape"


@pytest.mark.parametrize(
    ("typed", "line", "column"),
    [
        ("foo(", 1, 4), ("W", 1, 1), ("V.T @\n  a", 1, 9), ("delta(3)", 1, 7), ("", 1, 1),
        ("a[t]; b[t]", 1, 1), ("__import__('os').system('ls')", 1, 1), ("a[k]", 1, 3),
        ("bar(x[t])", 1, 1), ("a[t] ** a[t]", 1, 1), ("o[t]", 1, 1), ("(lambda: a[t])()", 1, 1),
        ("f9'(a[t])", 1, 1),
        ("-" * 90 + "a[t]", 1, 62),
    ],
)  # fmt: skip
def test_refused(typed: str, line: int, column: int) -> None:
    with pytest.raises(EquationError) as refused:
        Check(recurra.load_network("wrnn"), "a").formula(typed)
    assert "write name[t]" not in str(refused.value)
    assert (refused.value.line, refused.value.column + 1) == (line, column)


def test_long_lags_end_with_the_example() -> None:
    network = recurra.parse(
        "h[t] = tanh(U @ x[t] + W @ h[t-900] + V @ h[t-1])\no[t] = softmax(Q @ h[t])"
    )
    check = Check(network, "h")
    assert check.example.length == 40
    assert check.formula("Q.T @ d(bar(o[t])) + V.T @ d(bar(h[t+1]))").right


def test_no_such_line() -> None:
    with pytest.raises(SettingError, match="choose one of"):
        Check(recurra.load_network("wrnn"), "nix")
