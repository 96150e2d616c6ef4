"""The output layer with classes against the plain formula, and against itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.engines.kernels import classes


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    rows=st.integers(1, 40) | st.just(300),
    width=st.integers(1, 20),
    vocabulary=st.integers(1, 60) | st.just(400),
    size=st.integers(1, 70),
    seed=st.integers(0, 2**32),
)
def test_classes(dtype, rows, width, vocabulary, size, seed):
    rng = np.random.default_rng(seed)
    count = -(-vocabulary // size)
    y = rng.standard_normal((rows, width)).astype(dtype)
    q = rng.standard_normal((vocabulary + count, width)).astype(dtype)
    s = rng.standard_normal(vocabulary + count).astype(dtype)
    # some classes have many rows, some none
    targets = (vocabulary * rng.random(rows) ** 3).astype(np.int32)

    z = y.astype(np.float64) @ q.T.astype(np.float64) + s
    of_class = log_softmax(z[:, vocabulary:])
    log_p, slopes = np.empty((rows, vocabulary)), np.zeros_like(z)
    for c in range(count):
        own = slice(c * size, min((c + 1) * size, vocabulary))
        within = log_softmax(z[:, own])
        log_p[:, own] = within + of_class[:, [c]]
        mine = targets // size == c
        slopes[mine, own] = np.exp(within[mine])
    slopes[:, vocabulary:] = np.exp(of_class)
    slopes[np.arange(rows), targets] -= 1
    slopes[np.arange(rows), vocabulary + targets // size] -= 1
    losses = -log_p[np.arange(rows), targets]
    expected = [0.5 * slopes @ q, 0.5 * slopes.T @ y, 0.5 * slopes.sum(0)]

    found = [np.full_like(a, np.nan) for a in (y, q, s)]
    tolerance = 2e-4 if dtype == np.float32 else 1e-11
    loss = classes.train(y, q, s, targets, 0.5, *found, vocabulary, size)
    np.testing.assert_allclose(loss, losses.sum(), rtol=tolerance, atol=tolerance)
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=tolerance * (1 + abs(wanted).max()))
    got = classes.losses(y, q, s, targets, vocabulary, size)
    np.testing.assert_allclose(got, losses, rtol=tolerance, atol=tolerance)
    got = classes.log_probabilities(y, q, s, vocabulary, size)
    np.testing.assert_allclose(got, log_p, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(np.exp(got.astype(np.float64)).sum(axis=1), 1, rtol=1e-4)
