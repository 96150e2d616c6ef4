"""The output layer against PyTorch's cross-entropy in float64, and against the plain formula."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra.compute.numba.kernels import softmax
from recurra.compute.numba.loading import load
from recurra.compute.numba.optimizer_codegen import generate_update
from recurra.compute.optimizers.base import OptimizerSettings
from recurra.compute.optimizers.registry import make_optimizer


def layer(rows, size, vocabulary, dtype, seed=0, scale_of_weights=1.0):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((rows, size)).astype(dtype),
        (scale_of_weights * rng.standard_normal((vocabulary, size))).astype(dtype),
        (scale_of_weights * rng.standard_normal(vocabulary)).astype(dtype),
        rng.integers(0, vocabulary, rows).astype(np.int32),
    )


def oracle(y, q, s, targets, scale):
    """Losses of the rows and the gradients of ``scale`` times their sum."""
    y, q, s = (torch.tensor(a.astype(np.float64), requires_grad=True) for a in (y, q, s))
    losses = torch.nn.functional.cross_entropy(
        y @ q.T + s, torch.tensor(targets.astype(np.int64)), reduction="none"
    )
    (scale * losses.sum()).backward()
    return losses.detach().numpy(), [a.grad.numpy() for a in (y, q, s)]


def trained(y, q, s, targets, scale, function=softmax.train):
    gradients = [np.full_like(a, np.nan) for a in (y, q, s)]
    return function(y, q, s, targets, scale, *gradients), gradients


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    rows=st.integers(1, 40) | st.sampled_from([127, 128, 129, 300]),
    size=st.integers(1, 40) | st.sampled_from([100, 257]),
    vocabulary=st.integers(1, 70) | st.sampled_from([127, 128, 129, 400]),
    scale=st.sampled_from([1.0, 0.03]),
    seed=st.integers(0, 2**32),
)
def test_train(dtype, rows, size, vocabulary, scale, seed):
    y, q, s, targets = layer(rows, size, vocabulary, dtype, seed)
    before = [a.copy() for a in (y, q, s)]
    losses, expected = oracle(y, q, s, targets, scale)
    loss, gradients = trained(y, q, s, targets, scale)
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(loss, losses.sum(), rtol=tolerance, atol=tolerance)
    for actual, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=tolerance * (1 + abs(wanted).max()))
    np.testing.assert_allclose(
        softmax.losses(y, q, s, targets), losses, rtol=tolerance, atol=tolerance
    )
    log_p = softmax.log_probabilities(y, q, s)
    np.testing.assert_allclose(
        -log_p[np.arange(rows), targets], losses, rtol=tolerance, atol=tolerance
    )
    np.testing.assert_allclose(np.exp(log_p.astype(np.float64)).sum(1), 1, rtol=tolerance)
    for a, b in zip((y, q, s), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_large_vocabulary():
    y, q, s, targets = layer(140, 64, 3000, np.float64, scale_of_weights=0.3)
    losses, expected = oracle(y, q, s, targets, 0.5)
    loss, gradients = trained(y, q, s, targets, 0.5)
    np.testing.assert_allclose(loss, losses.sum(), rtol=1e-12)
    for actual, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_certain_and_hopeless_predictions_stay_finite(dtype):
    y, q, s, targets = layer(20, 8, 300, dtype)
    s[:] = 0
    s[5], s[200] = 500, -500
    targets[:10], targets[10:] = 5, 200
    losses, expected = oracle(y, q, s, targets, 1.0)
    loss, gradients = trained(y, q, s, targets, 1.0)
    np.testing.assert_allclose(loss, losses.sum(), rtol=1e-5)
    assert abs(softmax.losses(y, q, s, targets)[:10]).max() < 1e-4
    for actual, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=2e-5 * (1 + abs(wanted).max()))


def test_a_nan_is_seen():
    y, q, s, targets = layer(20, 8, 300, np.float32)
    y[3, 2] = np.nan
    loss, gradients = trained(y, q, s, targets, 1.0)
    assert np.isnan(loss)
    assert np.isnan(gradients[1]).all()
    assert np.isnan(softmax.losses(y, q, s, targets)[3])


def test_uncompiled():
    y, q, s, targets = layer(20, 8, 150, np.float64)
    losses, expected = oracle(y, q, s, targets, 1.0)
    loss, gradients = trained(y, q, s, targets, 1.0, softmax.train.py_func)
    np.testing.assert_allclose(loss, losses.sum(), rtol=1e-12)
    for actual, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bounds", [(0, 300), (0, 128, 300), (0, 256, 300), (0, 128, 256, 300)])
@pytest.mark.parametrize("eps_inside_root", [True, False])
def test_shared_vocabulary_with_adagrad(dtype, bounds, eps_inside_root):
    y, q, s, targets = layer(30, 24, 300, dtype)
    width, parts = 32, list(pairwise(bounds))
    scores = softmax.Scores(
        np.zeros((300, width), dtype), *np.zeros((2, 3, width), dtype), *np.zeros((3, width), dtype)
    )
    losses, (dy, dq, ds) = oracle(y, q, s, targets, 0.5)
    memory_q, memory_s = np.full_like(q, 0.1), np.full_like(s, 0.1)
    expected = []
    limit, rate, decay, eps = 0.2, 0.3, 0.01, 1e-3
    for value, gradient, shrink in ((q, dq, decay), (s, ds, 0.0)):
        g = np.clip(gradient, -limit, limit) + shrink * value
        memory = 0.1 + g * g
        root = np.sqrt(memory + eps) if eps_inside_root else np.sqrt(memory) + eps
        expected.append((value - rate * g / root, memory))
    strip = softmax.Strip(y, targets, 0, 30)
    for low, high in parts:
        softmax.first_pass(strip, softmax.Layer(q, s, low, high), scores)
    softmax.merge(scores)
    np.testing.assert_allclose(softmax.loss_of(scores, 30), losses.sum(), rtol=1e-5)
    d_rows, d_bias = np.full((len(parts), 30, 24), np.nan, dtype), np.full(300, np.nan, dtype)
    for own, (low, high) in zip(d_rows, parts, strict=True):
        part = softmax.Layer(q, s, low, high)
        softmax.row_gradients_pass(strip, part, scores, 0.5, own, d_bias)
    adagrad = make_optimizer(OptimizerSettings("adagrad", eps=eps, eps_inside_root=eps_inside_root))
    load(generate_update(adagrad)).update_output(
        *(y, 30, scores.values, d_bias, np.zeros(1, np.int64), q, s, memory_q, memory_s),
        *(limit, decay, 1.0, *adagrad.constants(rate, 1).values()),
    )
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(d_rows.sum(0), dy, rtol=0, atol=tolerance)
    for value, memory, wanted in zip((q, s), (memory_q, memory_s), expected, strict=True):
        np.testing.assert_allclose(value, wanted[0], rtol=0, atol=tolerance)
        np.testing.assert_allclose(memory, wanted[1], rtol=0, atol=tolerance)
