"""Initial parameters, and the learning rate that fits a network's size."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recurra.compute.arrays import aligned_zeros
from recurra.compute.autodiff import Operation, SumValue
from recurra.compute.base import Parameters
from recurra.compute.plan import Plan, Sum
from recurra.errors import unknown
from recurra.lang.functions import FUNCTIONS
from recurra.lang.network import INITIALISATIONS, Initialisation, Initialiser, Network
from recurra.lang.shapes import Shapes

Array = npt.NDArray[Any]


def initialise(
    plan: Plan,
    shapes: Shapes,
    rng: np.random.Generator,
    scheme: Initialisation = "scaled",
    dtype: npt.DTypeLike = np.float32,
    counts: Array | None = None,
) -> Parameters:
    """Parameters before any training.

    Args:
        plan: tells which matrix recurs and what function stands behind it.
        shapes: sizes.
        rng: the run's generator; draws in float64, in order of appearance.
        scheme: ``"classic"``: matrices N(0, 0.01^2), biases 0, as in the published W-RNN code;
            ``"scaled"``: recurrent square matrices orthogonal (Saxe et al. 2014), others
            N(0, gain^2 / fan-in) (LeCun et al. 1998, He et al. 2015), the output layer at a tenth
            of that unless it is tied to an embedding, diagonal ones 1, biases 0, but for that of
            the output layer, see ``counts``. An initialiser in the equations wins over both.
        dtype: of the result.
        counts: (V,) how often each character occurs in the training text. A scaled network then
            begins by predicting these frequencies. From zeros it first learns them by pushing its
            vectors into saturation, which a deep one with thousands of characters never leaves.

    Raises:
        SettingError: an unknown ``scheme``.
    """
    parameters = {}
    for name, initialiser in initialisers(plan, shapes, scheme).items():
        value = _draw_parameter(name, initialiser, shapes, rng)
        if scheme == "scaled" and counts is not None and begins_with_counts(name, plan):
            value = _log_frequencies(counts, shapes)
        stored = shapes.swap_layout(name, value)
        parameters[name] = aligned_zeros(stored.shape, dtype)
        parameters[name][:] = stored
    return parameters


def initialisers(plan: Plan, shapes: Shapes, scheme: str) -> dict[str, Initialiser]:
    """How every parameter starts, in the order in which they are drawn; see `initialise`.

    Raises:
        SettingError: an unknown ``scheme``.
    """
    if scheme not in INITIALISATIONS:
        raise unknown("initialisation", scheme, INITIALISATIONS)
    network = plan.network
    default = _classic(network) if scheme == "classic" else _scaled(plan, shapes)
    chosen = {name: network.initialisers.get(name, default[name]) for name in network.parameters}
    for name in network.diagonals:  # a vector, which for the identity is ones
        if chosen[name].kind == "identity":
            chosen[name] = replace(chosen[name], kind="constant")
    return chosen


def default_rate(plan: Plan, shapes: Shapes) -> float:
    """A learning rate for AdamW: 2 / the largest sqrt(n1^2 + n2^2 + ...), at most 0.03.

    A sum reads vectors of n1, n2, ... numbers. AdamW moves every weight by about the rate, whatever
    its gradient, and so each product by about rate * n (Yang et al. 2022); the products of a sum
    go their own ways. The 2 suits the library's networks of 64 to 256 numbers.
    """
    reach = [
        math.hypot(*(shapes.block(t.matrix)[0 if t.transposed else 1] for t in total.terms))
        for total in plan.sums.values()
    ]
    return min(0.03, 2.0 / max(reach))


def begins_with_counts(name: str, plan: Plan) -> bool:
    """Whether this is the bias of the output layer, or the first of several, nor set otherwise."""
    return name in plan.logits.biases[:1] and name not in plan.network.initialisers


def _log_frequencies(counts: Array, shapes: Shapes) -> Array:
    """Scores whose softmax gives these frequencies, of which none is 0; with those of classes."""
    smoothed = counts + 1.0
    classes = [smoothed[start:end].sum() for start, end in shapes.class_bounds]
    scores: Array = np.log(np.concatenate([smoothed, classes]) / smoothed.sum())
    return scores


def _draw_parameter(
    name: str, initialiser: Initialiser, shapes: Shapes, rng: np.random.Generator
) -> Array:
    """A parameter as on paper; of a matrix of blocks, each is drawn on its own."""
    if name not in shapes.blocks:
        return _draw(initialiser, shapes.paper(name), rng)
    block, count = shapes.block(name), shapes.blocks[name]
    return np.concatenate([_draw(initialiser, block, rng) for _ in range(count)])


def _draw(initialiser: Initialiser, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    scale = initialiser.argument
    match initialiser.kind:
        case "identity":
            value: Array = scale * np.eye(shape[0], shape[1])
            return value
        case "orthogonal":
            rows, columns = max(shape), min(shape)
            q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
            q *= np.sign(np.diag(r))  # uniform over orthogonal matrices (Mezzadri 2007)
            return scale * (q if shape == q.shape else q.T)
        case "normal":
            return scale * rng.standard_normal(shape)
        case "uniform":
            return rng.uniform(-scale, scale, shape)
        case "constant":
            return np.full(shape, scale)
    raise AssertionError(initialiser)


def _classic(network: Network) -> dict[str, Initialiser]:
    matrices = dict.fromkeys(network.matrices, Initialiser("normal", 0.01))
    matrices |= dict.fromkeys(network.diagonals, Initialiser("normal", 0.01))
    return dict.fromkeys(network.biases, Initialiser("constant", 0.0)) | matrices


def _scaled(plan: Plan, shapes: Shapes) -> dict[str, Initialiser]:
    """Variance kept from layer to layer; recurrent matrices neither grow nor shrink a state."""
    start = {name: Initialiser("constant", 0.0) for name in plan.network.biases}
    start |= dict.fromkeys(plan.network.diagonals, Initialiser("constant", 1.0))
    embeddings = {name for total in plan.sums.values() for name in total.lookups}
    for term in plan.logits.terms:
        fan_in = shapes.parameters[term.matrix][1]
        # weights tied to an embedding also have to carry the input
        scale = 1.0 if term.matrix in embeddings else 0.1
        start[term.matrix] = Initialiser("normal", scale / fan_in**0.5)
    for stage in plan.stages.values():
        gains = _gains(stage.element.forward)
        for total in stage.sums:
            _scale_sum(total, gains.get(total.name, 1.0), shapes, start)
    return start


def _gains(program: tuple[Operation, ...]) -> dict[str, float]:
    """Sum name -> gain of the function directly behind it."""
    return {
        value.name: FUNCTIONS[operation.kind].gain
        for operation in program
        if operation.kind in FUNCTIONS
        for value in operation.arguments
        if isinstance(value, SumValue)
    }


def _scale_sum(total: Sum, gain: float, shapes: Shapes, start: dict[str, Initialiser]) -> None:
    # a one-hot character has fan-in 1; half its variance leaves room for the other terms
    for matrix in total.lookups:
        start.setdefault(matrix, Initialiser("normal", 0.5**0.5))
    for term in total.terms:
        rows, columns = shapes.block(term.matrix)
        if not term.hoisted and rows == columns:
            start.setdefault(term.matrix, Initialiser("orthogonal", 1.0))
        else:
            fan_in = rows if term.transposed else columns
            start.setdefault(term.matrix, Initialiser("normal", gain / fan_in**0.5))
