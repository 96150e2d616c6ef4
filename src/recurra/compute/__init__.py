"""Computation: a `Network` -> losses, gradients and next characters.

autodiff            derivatives of element-wise expressions
strong_components   strongly connected components of a graph
plan                network -> ordered stages, forward and backward
hidden_matrices     those between vectors, for optimisers
base                the contract of an engine
host                engines on NumPy arrays: what they do alike
registry            the registry of engines
reference           the living definition, in NumPy
numba               the fast engine: kernels generated from the plan
optimizers          update rules, one file each
dropout             masks
gradcheck           gradients against finite differences
sampling            how the next character is drawn
arrays              arrays where a processor likes them
"""
