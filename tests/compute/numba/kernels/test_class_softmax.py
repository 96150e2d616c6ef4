"""The output layer with a shortlist against the plain formula, and against itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.compute.numba.kernels import class_softmax as shortlist


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    rows=st.integers(1, 40) | st.just(300),
    width=st.integers(1, 20),
    listed=st.integers(0, 40) | st.just(400),
    others=st.integers(1, 60) | st.just(400),
    size=st.integers(1, 70),
    # targets: most of them rare, all alike, most of them frequent
    power=st.sampled_from([0.1, 1.0, 9.0]),
    seed=st.integers(0, 2**32),
)
def test_shortlist(dtype, rows, width, listed, others, size, power, seed):
    rng = np.random.default_rng(seed)
    vocabulary, count = listed + others, -(-others // size)
    y = rng.standard_normal((rows, width)).astype(dtype)
    q = rng.standard_normal((vocabulary + count, width)).astype(dtype)
    s = rng.standard_normal(vocabulary + count).astype(dtype)
    targets = (vocabulary * rng.random(rows) ** power).astype(np.int32)

    z = y.astype(np.float64) @ q.T.astype(np.float64) + s
    among = [*range(listed), *range(vocabulary, vocabulary + count)]
    head = log_softmax(z[:, among])
    log_p, derivatives = np.empty((rows, vocabulary)), np.zeros_like(z)
    log_p[:, :listed] = head[:, :listed]
    derivatives[:, among] = np.exp(head)
    for c in range(count):
        own = slice(listed + c * size, min(listed + (c + 1) * size, vocabulary))
        within = log_softmax(z[:, own])
        log_p[:, own] = within + head[:, [listed + c]]
        mine = (targets >= listed) & ((targets - listed) // size == c)
        derivatives[mine, own] = np.exp(within[mine])
        derivatives[mine, vocabulary + c] -= 1
    derivatives[np.arange(rows), targets] -= 1
    losses = -log_p[np.arange(rows), targets]
    expected = [0.5 * derivatives @ q, 0.5 * derivatives.T @ y, 0.5 * derivatives.sum(0)]

    found = [np.full_like(a, np.nan) for a in (y, q, s)]
    tolerance = 2e-4 if dtype == np.float32 else 1e-11
    sizes = vocabulary, listed, size
    loss = shortlist.train(y, q, s, targets, 0.5, *found, *sizes)
    np.testing.assert_allclose(loss, losses.sum(), rtol=tolerance, atol=tolerance)
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=tolerance * (1 + abs(wanted).max()))
    got = shortlist.losses(y, q, s, targets, *sizes)
    np.testing.assert_allclose(got, losses, rtol=tolerance, atol=tolerance)
    got = shortlist.log_probabilities(y, q, s, *sizes)
    np.testing.assert_allclose(got, log_p, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(np.exp(got.astype(np.float64)).sum(axis=1), 1, rtol=1e-4)
