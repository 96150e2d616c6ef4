"""Element-wise kernels against NumPy in more digits, and against the loops LLVM makes of them."""

import re

import numba
import numpy as np
import pytest

from recurra.compute.numba.kernels import elementwise
from recurra.lang.functions import FUNCTIONS

NAMES = ["exp", "expm1", *(name for name in FUNCTIONS if name != "identity")]
FORMULAS = {"exp": np.exp, "expm1": np.expm1} | {n: f.forward for n, f in FUNCTIONS.items()}
X = np.concatenate(
    [
        np.linspace(-110, 110, 20_001),
        np.linspace(-1, 1, 2_001),
        np.geomspace(1e-30, 1.0, 300),
        -np.geomspace(1e-30, 1.0, 300),
    ]
)


def looped(scalar):
    """The loop a generated kernel would have, compiled with a kernel's own flags."""

    @numba.njit(fastmath={"contract", "nsz", "reassoc", "arcp"}, error_model="numpy")
    def loop(x, out):
        for i in range(x.size):
            out[i] = scalar(x[i])

    return loop


def applied(scalar, x):
    out = np.empty_like(x)
    looped(scalar)(x, out)
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_values(name, dtype):
    x = X.astype(dtype)
    with np.errstate(over="ignore"):
        exact = FORMULAS[name](x.astype(np.longdouble)).astype(dtype)
    y = applied(getattr(elementwise, name), x)
    assert y.dtype == dtype
    # relative, but among the smallest numbers, and for gelu where 1 + tanh cancels (NumPy's) or
    # the cube is rounded (ours)
    if dtype == np.float32:
        tolerance = {"swish": 1e-35, "gelu": 1e-18}.get(name, 2e-37)
        np.testing.assert_allclose(y, exact, rtol=1e-5 if name == "gelu" else 2e-7, atol=tolerance)
    else:
        tolerance = {"gelu": 1e-15}.get(name, 1e-300)
        np.testing.assert_allclose(y, exact, rtol=1e-15, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "identity"])
def test_derivatives(name, dtype):
    x = np.linspace(-8, 8, 4_001).astype(dtype)
    y = FUNCTIONS[name].forward(x).astype(dtype)
    derivative = getattr(elementwise, f"{name}_derivative")

    @numba.njit
    def loop(x, y, out):
        for i in range(x.size):
            out[i] = derivative(x[i], y[i])

    out = np.empty_like(x)
    loop(x, y, out)
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(out, FUNCTIONS[name].derivative(x, y), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes(dtype):
    x = np.array([1e4, -1e4, np.inf, -np.inf, 0.0], dtype)
    for name, expected in {
        "exp": [np.inf, 0, np.inf, 0, 1],
        "expm1": [np.inf, -1, np.inf, -1, 0],
        "sigmoid": [1, 0, 1, 0, 0.5],
        "tanh": [1, -1, 1, -1, 0],
        "relu": [1e4, 0, np.inf, 0, 0],
        "softplus": [1e4, 0, np.inf, 0, np.log(2)],
        "elu": [1e4, -1, np.inf, -1, 0],
    }.items():
        y = applied(getattr(elementwise, name), x)
        np.testing.assert_allclose(y, expected, rtol=1e-7, err_msg=name)
    for name in ("swish", "gelu"):
        np.testing.assert_array_equal(
            applied(getattr(elementwise, name), x[[0, 1, 2, 4]]), [1e4, 0, np.inf, 0]
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan_in_every_lane(name, dtype):
    x = np.zeros(67, dtype)
    x[::3] = np.nan
    np.testing.assert_array_equal(np.isnan(applied(getattr(elementwise, name), x)), np.isnan(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_largest_finite_exp(dtype):
    top = np.log(np.finfo(dtype).max.astype(np.longdouble))
    x = np.array([top * 0.999999, top * 1.000001, -top * 0.98], dtype)
    y = applied(elementwise.exp, x)
    assert np.isfinite(y[0])
    assert y[1] == np.inf
    assert 0 < y[2] < 1e-36


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uncompiled_and_compiled_agree(name, dtype):
    function = getattr(elementwise, name)
    x = np.linspace(-5, 5, 41).astype(dtype)
    plain = np.array([function.py_func(v) for v in x], dtype)
    np.testing.assert_allclose(applied(function, x), plain, rtol=32 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", NAMES)
def test_loops_vectorise(name):
    loop = looped(getattr(elementwise, name))
    loop.compile((numba.float32[::1], numba.float32[::1]))
    (llvm,) = loop.inspect_llvm().values()
    assert re.search(r"(load|store) <\d+ x float>", llvm)
    assert not re.search(r"call \w* ?float @(?!llvm\.)", llvm)
