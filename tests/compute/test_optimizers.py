"""Optimisers against torch.optim; clipping and the schedule against what they promise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import recurra.compute.optimizers.muon as muon_module
import recurra.compute.optimizers.orthogonal as orthogonal_module
from recurra.compute.optimizers.base import OptimizerSettings, clip, gradient_norm
from recurra.compute.optimizers.orthogonal import orthogonal
from recurra.compute.optimizers.registry import OPTIMIZERS, make_optimizer, register_optimizer
from recurra.errors import SettingError

SHAPES = {"U": (7, 5), "W": (5, 5), "s": (5,)}


def zeros(optimizer, parameters):
    return {
        f"{name}/{slot}": np.zeros_like(value)
        for name, value in parameters.items()
        for slot in optimizer.slots
    }


def torch_optimizer(settings, parameters, rate):
    """The oracle; weight decay is for matrices only."""
    decay = settings.weight_decay
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    betas, eps = (settings.beta1, settings.beta2), settings.eps
    match settings.kind:
        case "adagrad":
            return torch.optim.Adagrad(groups, lr=rate, eps=eps)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum)
        case "rmsprop":
            alpha, momentum = settings.beta2, settings.momentum
            return torch.optim.RMSprop(groups, lr=rate, alpha=alpha, eps=eps, momentum=momentum)
        case "adam":
            return torch.optim.Adam(groups, lr=rate, betas=betas, eps=eps)
        case "adamw" | "muon":
            return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=eps)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize(
    ("kind", "momentum"),
    [
        ("adagrad", 0.0),
        ("sgd", 0.0),
        ("sgd", 0.9),
        ("rmsprop", 0.0),
        ("rmsprop", 0.5),
        ("adam", 0.0),
        ("adamw", 0.0),
    ],
)
def test_twenty_updates_equal_those_of_torch(kind, momentum, weight_decay):
    rng = np.random.default_rng(1)
    settings = OptimizerSettings(
        kind, eps=1e-6, beta1=0.8, beta2=0.95, momentum=momentum, weight_decay=weight_decay
    )
    ours = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    theirs = {name: torch.tensor(value, requires_grad=True) for name, value in ours.items()}
    optimizer = make_optimizer(settings)
    slots = zeros(optimizer, ours)
    oracle = torch_optimizer(settings, list(theirs.values()), 0.1)
    for step in range(20):
        rate = 0.1 / (step + 1)
        gradients = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
        # Characters that did not occur have no gradient.
        gradients["U"][rng.integers(0, 7, 4)] = 0.0
        for name, gradient in gradients.items():
            theirs[name].grad = torch.tensor(gradient)
        for group in oracle.param_groups:
            group["lr"] = rate
        oracle.step()
        optimizer.update(ours, gradients, slots, rate, step + 1)
        for name, value in ours.items():
            expected = theirs[name].detach().numpy()
            np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)


def test_muon_takes_the_steps_of_torch_on_a_matrix_between_vectors(monkeypatch):
    rng = np.random.default_rng(1)
    ours = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    theirs = torch.tensor(ours["W"], requires_grad=True)
    adam = {name: torch.tensor(ours[name], requires_grad=True) for name in ("U", "s")}
    settings = OptimizerSettings("muon", beta1=0.8, beta2=0.95, weight_decay=0.1)
    optimizer = make_optimizer(settings)
    slots = zeros(optimizer, ours)
    # torch's iterates one polynomial, in bfloat16
    polynomial = (3.4445, -4.7750, 2.0315)
    monkeypatch.setattr(orthogonal_module, "POLYNOMIALS", [polynomial] * 5)
    monkeypatch.setattr(orthogonal_module, "MARGIN", 1.0)
    # and changes the matrix at every step
    monkeypatch.setattr(muon_module, "INTERVAL", 1)
    monkeypatch.setattr(muon_module.Muon, "matrix_interval", 1)
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    oracle = torch.optim.Muon(
        [theirs],
        lr=0.1,
        weight_decay=0.1,
        adjust_lr_fn="match_rms_adamw",
        ns_coefficients=polynomial,
    )
    of_others = torch_optimizer(settings, [*adam.values()], 0.1)
    for step in range(20):
        gradients = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
        for name, tensor in (("W", theirs), *adam.items()):
            tensor.grad = torch.tensor(gradients[name])
        oracle.step()
        of_others.step()
        optimizer.update(ours, gradients, slots, 0.1, step + 1, {"W": 1})
        for name, tensor in (("W", theirs), *adam.items()):
            np.testing.assert_allclose(ours[name], tensor.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (1, 5)])
def test_the_nearest_orthogonal_matrix_is_that_of_the_singular_vectors(shape):
    rng, n, length = np.random.default_rng(2), min(shape), math.sqrt(max(shape))
    left, _, right = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    values = np.geomspace(1.0, 0.01, n)
    z = 1e-9 * (left * values) @ right
    found = left.T @ orthogonal(z) @ right.T / length
    # the same singular vectors, and singular values near 1
    np.testing.assert_allclose(found, np.diag(np.diag(found)), atol=1e-9)
    np.testing.assert_allclose(np.diag(found), 1.0, atol=0.084)
    np.testing.assert_allclose(orthogonal(1e30 * z), orthogonal(z), rtol=1e-7)
    assert not orthogonal(np.zeros(shape)).any()


def test_blocks_are_orthogonal_each_by_itself():
    rng = np.random.default_rng(3)
    whole = {"W": rng.standard_normal((6, 3))}
    parts, before = {"a": whole["W"][:3].copy(), "b": whole["W"][3:].copy()}, whole["W"].copy()
    gradient = rng.standard_normal((6, 3))
    optimizer = make_optimizer(OptimizerSettings("muon"))
    slots = zeros(optimizer, parts), zeros(optimizer, whole)
    for update in range(1, 8):  # b, the second matrix, changes a step before a and W do
        both = {"a": gradient[:3].copy(), "b": gradient[3:].copy()}
        optimizer.update(parts, both, slots[0], 0.1, update, {"a": 1, "b": 1})
        optimizer.update(whole, {"W": gradient.copy()}, slots[1], 0.1, update, {"W": 2})
        assert (whole["W"] == before).all() == (update < 4)
        assert (parts["b"] == before[3:]).all() == (update < 3)
        if update == 4:
            np.testing.assert_allclose(whole["W"], np.concatenate([*parts.values()]), rtol=1e-7)


def test_adagrad_of_the_original_has_eps_inside_the_root():
    value, memory = np.array([1.0, -2.0, 3.0]), np.zeros(3)
    parameters = {"s": value.copy()}
    optimizer = make_optimizer(OptimizerSettings("adagrad", eps=0.5, eps_inside_root=True))
    slots = zeros(optimizer, parameters)
    for gradient in np.array([[0.1, 0.0, -7.0], [2.0, 0.0, 1.0]]):
        memory += gradient * gradient
        value += -0.3 * gradient / np.sqrt(memory + 0.5)
        optimizer.update(parameters, {"s": gradient.copy()}, slots, 0.3, 1)
    np.testing.assert_allclose(parameters["s"], value, rtol=1e-15)
    np.testing.assert_allclose(slots["s/accumulator"], memory, rtol=1e-15)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_float32_stays_float32(kind):
    parameters = {"W": np.ones((2, 3), np.float32)}
    before = parameters["W"]
    optimizer = make_optimizer(OptimizerSettings(kind, momentum=0.5, clip_norm=0.1))
    slots = zeros(optimizer, parameters)
    optimizer.update(parameters, {"W": np.full((2, 3), 3.0, np.float32)}, slots, 0.1, 1)
    assert parameters["W"] is before
    assert before.dtype == np.float32
    assert (before < 1).all()
    assert all(slot.dtype == np.float32 for slot in slots.values())


def test_an_unknown_optimiser_never_runs_as_another():
    with pytest.raises(SettingError, match="no optimiser adamax: choose one of adagrad"):
        make_optimizer(OptimizerSettings("adamax"))


def test_a_name_is_registered_once():
    kind = OPTIMIZERS["adam"]
    assert register_optimizer(kind) is kind
    with pytest.raises(SettingError, match="there is an optimiser adam already"):
        register_optimizer(type("Other", (kind,), {}))


NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
GRADIENTS = st.fixed_dictionaries(
    {
        "U": arrays(np.float64, (3, 2), elements=NUMBERS),
        "s": arrays(np.float64, 4, elements=NUMBERS),
    }
)


@given(GRADIENTS, st.floats(1e-3, 1e3))
def test_clipping_by_norm_keeps_the_direction(gradients, limit):
    before = {name: g.copy() for name, g in gradients.items()}
    norm = math.sqrt(sum((g**2).sum() for g in before.values()))
    assert gradient_norm(gradients) == pytest.approx(norm)
    clip(gradients, OptimizerSettings(clip_norm=limit))
    assert gradient_norm(gradients) <= limit * (1 + 1e-12) or norm <= limit
    factor = min(1.0, limit / norm) if norm else 1.0
    for name, g in gradients.items():
        np.testing.assert_allclose(g, before[name] * factor, rtol=1e-9)


def test_clipping_by_norm_of_float32_that_would_overflow():
    gradients = {"W": np.full((2, 2), 1e20, np.float32)}
    clip(gradients, OptimizerSettings("sgd", clip_norm=1.0))
    np.testing.assert_allclose(gradients["W"], 0.5, rtol=1e-6)


@given(GRADIENTS, st.floats(1e-3, 1e3))
def test_clipping_by_value_cuts_each_element(gradients, limit):
    before = {name: g.copy() for name, g in gradients.items()}
    clip(gradients, OptimizerSettings(clip_value=limit))
    for name, g in gradients.items():
        assert (np.abs(g) <= limit).all()
        small = np.abs(before[name]) <= limit
        assert (g[small] == before[name][small]).all()
        assert (np.sign(g) == np.sign(before[name])).all()


def test_update_clips_first():
    parameters = {"s": np.zeros(2)}
    settings = OptimizerSettings("sgd", clip_value=5.0)
    make_optimizer(settings).update(parameters, {"s": np.array([100.0, -1.0])}, {}, 1.0, 1)
    assert parameters["s"].tolist() == [-5.0, 1.0]
