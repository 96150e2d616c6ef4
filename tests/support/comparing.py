"""Small texts, small recipes, small comparisons."""

import random

import recurra

# Comparisons of seconds: the engine that compiles nothing, and networks that learn something.
RECIPE = recurra.MODERN.with_(
    batch=2, seq_len=8, steps=30, warmup=5, record_every=10, evaluate_every=30, sample_every=0,
    lr=1e-2
)  # fmt: skip


def write_text(path, characters=12_000):
    chance = random.Random(1)
    words = ["to be", "or not", "that is", "the question\n", "宝玉", "黛玉"]
    text = " ".join(chance.choice(words) for _ in range(characters // 7))
    path.write_text(text, "utf-8")
    return path


def plan(text, networks=("rnn", "wrnn"), **options):
    options = {"hidden": [40], "seeds": 2, "engine": "reference", "recipe": RECIPE} | options
    return recurra.plan_comparison(networks, [text], **options)


def finish(comparison):
    """Train all that is missing; the keys of the trials in their order."""
    keys = []
    for trial, trainer in recurra.pending_runs(comparison):
        list(trainer.records())
        keys.append(trial.key)
    return keys
