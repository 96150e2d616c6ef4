"""Dynamic evaluation: a network that learns from a text while it reads it.

base       settings, the contract of a rule, statistics of the gradients in training
rms, sgd   rules, one file each
registry   name -> rule
reader     reads a text and learns from it, after each prediction
search     finds settings on validation text

Krause, Kahembwe, Murray, Renals: Dynamic evaluation of neural sequence models (2018).
"""
