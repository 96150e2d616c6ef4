"""Element-wise kernels against NumPy in more digits, and against the loops LLVM makes of them."""

import re
from functools import cache

import numba
import numpy as np
import pytest

from recurra.compute.numba.kernels import elementwise
from recurra.lang.functions import FUNCTIONS as ALL
from recurra.lang.functions import PAIRS
from strategies import POSITIVE

KERNELS = {"abs": "absolute"}  # function -> its kernel, where that has another name
FUNCTIONS = {KERNELS.get(n, n): f for n, f in ALL.items() if n != "identity"}
NAMES = ["expm1", *FUNCTIONS]
FORMULAS = {"expm1": np.expm1} | {n: f.forward for n, f in FUNCTIONS.items()}
X = np.concatenate(
    [
        np.linspace(-110, 110, 20_001),
        np.linspace(-1, 1, 2_001),
        np.geomspace(1e-30, 1.0, 300),
        -np.geomspace(1e-30, 1.0, 300),
    ]
)


@cache
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
    x = x[x > 0] if name in POSITIVE else x
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


def ulps(got, exact):
    """The largest error, in units in the last place of the exact value."""
    spacing = np.spacing(np.abs(exact.astype(got.dtype)))
    return (np.abs(got.astype(np.longdouble) - exact) / spacing).max()


# As the docstrings and docs/equations.md say it.
ACCURACY = {
    "log": (0.9, 1.3), "sqrt": (0.51, 0.51), "sin": (0.51, 2.4), "cos": (0.51, 2.4),
    "absolute": (0.0, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCURACY)
def test_accuracy_over_all_numbers(name):
    rng = np.random.default_rng(0)
    every = np.arange(1, 0x7F800000, 19_937, dtype=np.int32).view(np.float32)
    wide = np.concatenate([np.geomspace(5e-324, 1.7e308, 50_001), rng.uniform(0, 100, 50_001)])
    for x, bound in zip((every, wide), ACCURACY[name], strict=True):
        x = x if name in POSITIVE else np.concatenate([x, -x])
        x = x[np.abs(x) < 5e7] if name in ("sin", "cos") else x
        exact = FORMULAS[name](x.astype(np.longdouble))
        assert ulps(applied(getattr(elementwise, name), x), exact) <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_waves_stay_between_minus_one_and_one(dtype):
    x = np.geomspace(1e6, np.finfo(dtype).max / 2, 10_001).astype(dtype)
    for kernel in (elementwise.sin, elementwise.cos):
        assert np.abs(applied(kernel, np.concatenate([x, -x]))).max() <= 1.0
        assert np.isnan(applied(kernel, np.array([np.inf, -np.inf], dtype))).all()


PAIR_KERNELS = {"max": "maximum", "min": "minimum"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name, dtype):
    """Values, derivatives, ties, NaN on either side, infinities; in vectors."""
    some = np.array([-np.inf, -2.5, -1e-40, 0.0, 1.0, 1.0, 3e38, np.inf, np.nan], dtype)
    a, b = (each.ravel() for each in np.meshgrid(some, some))
    got = []
    for suffix in ("", "_derivative"):
        kernel = getattr(elementwise, PAIR_KERNELS[name] + suffix)

        @numba.njit(fastmath={"contract", "nsz", "reassoc", "arcp"}, error_model="numpy")
        def loop(a, b, out, kernel=kernel):
            for i in range(a.size):
                out[i] = kernel(a[i], b[i])

        out = np.empty_like(a)
        loop(a, b, out)
        got.append(out)
        (llvm,) = loop.inspect_llvm().values()
        assert re.search(r"(load|store) <\d+ x (float|double)>", llvm)
    np.testing.assert_array_equal(got[0], PAIRS[name].forward(a, b))
    with np.errstate(invalid="ignore"):
        want = PAIRS[name].derivative(a, b)
    seen = np.isfinite(a) & np.isfinite(b)
    np.testing.assert_array_equal(got[1][seen], want[seen])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers(dtype):
    x = np.concatenate([np.geomspace(1e-30, 1e30, 2_001), [0.0]]).astype(dtype)

    @numba.njit(error_model="numpy")
    def loop(x, n, out):
        for i in range(x.size):
            out[i] = elementwise.power(x[i], n)

    for n in (-1.25, 0.3, 1.5, 2.5):
        out = np.empty_like(x)
        loop(x, dtype(n), out)
        with np.errstate(over="ignore", divide="ignore"):
            exact = x.astype(np.longdouble) ** n
            finite = (exact < 1e36) & ((exact > 1e-36) | (exact == 0))
            exact = exact.astype(dtype)
        tolerance = 200 * np.finfo(dtype).eps
        np.testing.assert_allclose(out[finite], exact[finite], rtol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives(name, dtype):
    x = np.linspace(0.01 if name in POSITIVE else -8, 8, 4_001).astype(dtype)
    y = FUNCTIONS[name].forward(x).astype(dtype)
    derivative = getattr(elementwise, f"{name}_derivative")

    @numba.njit
    def loop(x, y, out):
        for i in range(x.size):
            out[i] = derivative(x[i], y[i])

    out = np.empty_like(x)
    loop(x, y, out)
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        out, FUNCTIONS[name].derivative(x, y), rtol=4 * tolerance / 100, atol=tolerance
    )


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
        "log": [np.log(1e4), np.nan, np.inf, np.nan, -np.inf],
        "sqrt": [100, np.nan, np.inf, np.nan, 0],
        "absolute": [1e4, 1e4, np.inf, np.inf, 0],
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
    x = np.linspace(0.01 if name in POSITIVE else -5, 5, 41).astype(dtype)
    plain = np.array([function.py_func(v) for v in x], dtype)
    np.testing.assert_allclose(applied(function, x), plain, rtol=32 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", NAMES)
def test_loops_vectorise(name):
    loop = looped(getattr(elementwise, name))
    types = numba.float32[::1], numba.float32[::1]
    loop.compile(types)
    llvm = loop.inspect_llvm(types)
    assert re.search(r"(load|store) <\d+ x float>", llvm)
    assert not re.search(r"call \w* ?float @(?!llvm\.)", llvm)
