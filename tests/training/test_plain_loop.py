"""The classic recipe beside a training loop that is written out by hand."""

import math

import numpy as np
import pytest

from recurra.lang.library import load_network
from recurra.training.records import Progress
from toy_training import PLAIN, trainer_of


def plain_classic(equations, parameters, numbers, recipe):
    """The original's protocol, one character and one vector at a time; parameters as on paper."""
    p = {name: value.copy() for name, value in parameters.items()}
    memory = {name: np.zeros_like(value) for name, value in p.items()}
    at, state = 0, None
    losses = []
    for _ in range(recipe.steps):
        if at + recipe.seq_len + 1 > len(numbers):
            at, state = 0, None
        if not recipe.carry_state:
            state = None
        chunk = numbers[at : at + recipe.seq_len + 1]
        at += recipe.seq_len
        loss, gradients, state = equations(p, chunk[:-1], chunk[1:], state)
        losses.append(loss)
        for name, value in p.items():
            gradient = np.minimum(np.maximum(gradients[name], -5.0), 5.0)
            memory[name] = memory[name] + gradient**2
            p[name] = value - recipe.lr * gradient / np.sqrt(memory[name] + 1e-8)
    return losses, p


def surprise(p, weights, bias, hidden, target):
    """-log softmax(...)[target] and its derivative in the logits."""
    z = weights @ hidden + bias
    o = np.exp(z - z.max())
    o /= o.sum()
    derivative = o.copy()
    derivative[target] -= 1.0
    return -math.log(o[target]), derivative


def plain_rnn(p, inputs, targets, state):
    h = [np.zeros(len(p["s1"])) if state is None else state]
    loss, derivatives = 0.0, []
    for character, target in zip(inputs, targets, strict=True):
        h.append(np.tanh(p["U"][:, character] + p["W"] @ h[-1] + p["s1"]))
        nats, derivative = surprise(p, p["V"], p["s2"], h[-1], target)
        loss += nats
        derivatives.append(derivative)
    g = {name: np.zeros_like(value) for name, value in p.items()}
    later = np.zeros(len(p["s1"]))
    for t in reversed(range(len(inputs))):
        g["V"] += np.outer(derivatives[t], h[t + 1])
        g["s2"] += derivatives[t]
        dh = (p["V"].T @ derivatives[t] + later) * (1 - h[t + 1] ** 2)
        g["U"][:, inputs[t]] += dh
        g["W"] += np.outer(dh, h[t])
        g["s1"] += dh
        later = p["W"].T @ dh
    return loss, g, h[-1]


def plain_wrnn(p, inputs, targets, state):
    a, b = ([past] for past in state or (np.zeros(len(p["s1"])), np.zeros(len(p["s2"]))))
    loss, derivatives = 0.0, []
    for character, target in zip(inputs, targets, strict=True):
        a.append(1 / (1 + np.exp(-(p["U"][:, character] + p["W"] @ a[-1] + p["s1"]))))
        before = p["V"] @ a[-1] + p["R"] @ a[-2] + p["T"] @ b[-1] + p["s2"]
        b.append(np.tanh(before))
        nats, derivative = surprise(p, p["Q"], p["s3"], b[-1], target)
        loss += nats
        derivatives.append(derivative)
    g = {name: np.zeros_like(value) for name, value in p.items()}
    later_a, later_b = np.zeros_like(a[0]), np.zeros_like(b[0])
    for t in reversed(range(len(inputs))):
        g["Q"] += np.outer(derivatives[t], b[t + 1])
        g["s3"] += derivatives[t]
        db = (p["Q"].T @ derivatives[t] + later_b) * (1 - b[t + 1] ** 2)
        g["V"] += np.outer(db, a[t + 1])
        g["R"] += np.outer(db, a[t])
        g["T"] += np.outer(db, b[t])
        g["s2"] += db
        da = (p["V"].T @ db + later_a) * a[t + 1] * (1 - a[t + 1])
        g["U"][:, inputs[t]] += da
        g["W"] += np.outer(da, a[t])
        g["s1"] += da
        later_a = p["W"].T @ da + p["R"].T @ db
        later_b = p["T"].T @ db
    return loss, g, (a[-1], b[-1])


@pytest.mark.parametrize(
    ("engine", "carry_state"), [("reference", True), ("reference", False), ("compiled", True)]
)
@pytest.mark.parametrize(
    ("network", "plain"),
    [(load_network("rnn"), plain_rnn), (load_network("wrnn", {"f1": "sigmoid"}), plain_wrnn)],
    ids=["rnn", "wrnn"],
)
def test_classic_equals_a_plain_loop_at_every_step(corpus, network, plain, engine, carry_state):
    recipe = PLAIN.with_(carry_state=carry_state)
    trainer = trainer_of(network, corpus, recipe, engine)
    start = {name: trainer.model.matrix(name) for name in trainer.model.parameters}
    text = np.concatenate(corpus.train)
    assert recipe.steps * recipe.seq_len > 2 * len(text)  # the text's end is met twice
    expected, p = plain_classic(plain, start, text.tolist(), recipe)
    losses = [
        record.nats_per_char * recipe.seq_len
        for record in trainer.records()
        if isinstance(record, Progress)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    np.testing.assert_allclose(losses[:100], expected[:100], rtol=1e-12)
    for name, value in p.items():
        np.testing.assert_allclose(trainer.model.matrix(name), value, rtol=1e-7, atol=1e-9)
    assert np.mean(losses[-50:]) < np.mean(losses[:50]) - 2
