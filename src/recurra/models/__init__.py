"""Models: a network with its numbers.

model            network, vocabulary, shapes and parameters
initialisation   parameters before any training
gradients        loss and gradients of a text, as on paper
evaluation       the loss of a text
sampling         the continuation of a text
"""
