"""Functions and derivatives against PyTorch, in the middle and far out, in both float types."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from oracle import FUNCTIONS as ORACLE
from recurra.lang.functions import FUNCTIONS, PAIRS, Function, PairFunction
from strategies import POSITIVE

NEAR = np.concatenate([np.linspace(-6, 6, 241), [1e-3, -1e-3, 1e-8, -1e-8, 0.0, -0.0]])
FAR = np.array([s * 10.0**e for e in range(1, 39) for s in (-1, 1, -2.5, 2.5)])
ORACLE32 = {"max": torch.maximum, "min": torch.minimum}
WIDER = np.array([s * 10.0**e for e in range(39, 308, 10) for s in (-1, 1)])

functions = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


def within(function: Function, x: np.ndarray) -> np.ndarray:
    """Those of some numbers at which a function has a finite value and derivative."""
    if function.name in POSITIVE:
        return x[x > 0]
    return x[x < np.log(np.finfo(x.dtype).max)] if function.name == "exp" else x


def oracle(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = ORACLE[name](z)
    (derivative,) = torch.autograd.grad(y.sum(), z)
    return y.detach().numpy(), derivative.numpy()


def test_the_design_is_there() -> None:
    wanted = {"sigmoid", "tanh", "relu", "swish", "gelu", "softplus", "identity"}
    assert wanted <= FUNCTIONS.keys()
    assert all(function.name == name for name, function in FUNCTIONS.items())


@functions
def test_forward_and_derivative(function: Function) -> None:
    for x in (within(function, NEAR), within(function, FAR)):
        value, derivative = oracle(function.name, x)
        y = function.forward(x)
        np.testing.assert_allclose(y, value, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(function.derivative(x, y), derivative, rtol=1e-13, atol=1e-14)


@functions
def test_float32(function: Function) -> None:
    x = within(function, np.concatenate([NEAR, FAR]).astype(np.float32))
    value, derivative = oracle(function.name, x)
    y = function.forward(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, value, rtol=1e-6, atol=1e-6)
    derivative = function.derivative(x, y)
    assert derivative.dtype == np.float32
    np.testing.assert_allclose(derivative, derivative, rtol=1e-5, atol=1e-6)


@functions
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_where_the_result_does_not(function: Function, dtype: type) -> None:
    x = np.concatenate([NEAR, FAR, WIDER if dtype is np.float64 else []])
    x = within(function, x.astype(dtype))
    with np.errstate(all="raise", under="ignore"):
        y = function.forward(x)
        derivative = function.derivative(x, y)
    assert np.isfinite(y).all()
    assert np.isfinite(derivative).all()


@functions
def test_reads_tells_what_the_derivative_reads(function: Function) -> None:
    """What is not read may be anything: plans put 0 there."""
    x = within(function, np.array([-2.0, -0.5, 0.75, 3.0]))
    y = function.forward(x)
    derivative = function.derivative(x, y)
    assert set(function.reads) <= {"x", "y"}
    for letter, place in (("x", 0), ("y", 1)):
        arguments = [x, y]
        arguments[place] = arguments[place] ** 2 + 0.1
        same = np.array_equal(function.derivative(*arguments), derivative)
        assert same == (letter not in function.reads)


@functions
def test_nan_is_passed_on(function: Function) -> None:
    """A diverged run has to be seen."""
    assert np.isnan(function.forward(np.array([np.nan]))).all()


@functions
@given(st.floats(-1e30, 1e30))
def test_anywhere(function: Function, x: float) -> None:
    z = within(function, np.array([x]))
    value, derivative = oracle(function.name, z)
    y = function.forward(z)
    np.testing.assert_allclose(y, value, rtol=1e-13, atol=1e-14)
    with np.errstate(over="ignore"):  # 1 / x of the smallest numbers
        found = function.derivative(z, y)
    np.testing.assert_allclose(found, derivative, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=2, max_size=2))
def test_pairs(pair: PairFunction, ab: list[float]) -> None:
    for a, b in (ab, ab[::-1], [ab[0], ab[0]]):
        x, y = torch.tensor([a], requires_grad=True), torch.tensor([b], requires_grad=True)
        value = ORACLE32[pair.name](x, y)
        derivatives = torch.autograd.grad(value.sum(), [x, y])
        left, right = np.float32([a]), np.float32([b])
        assert pair.forward(left, right) == value.item()
        assert pair.derivative(left, right) == derivatives[0].item()
        assert pair.derivative(right, left) == derivatives[1].item()
        assert pair.derivative(left, 0.0).dtype == np.float32
    assert np.isnan(pair.forward(np.array([np.nan, 1.0]), np.array([1.0, np.nan]))).all()
