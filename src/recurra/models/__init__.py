"""Models: a network with its numbers.

model            network, vocabulary, shapes and parameters
initialisation   parameters before any training
gradients        loss and gradients of a text, as on paper
evaluation       the loss of a text
adaptation       learning from a text while reading it
mixture          networks and counts of contexts as one
compressors      the price of a text by other means
inspection       what units do over a text
settings         fields of settings and recipes: help, rule, type
writer           the continuation of a text
mixed_writer     that of a mixture
"""
