"""Computation: a `Network` -> losses, gradients and next characters.

autodiff     derivatives of element-wise expressions
plan         network -> ordered stages, forward and backward
base         the contract of an engine
engines      the registry of engines
reference    the living definition, in NumPy
numba        the fast engine: kernels generated from the plan
optimizers   updates of parameters
dropout      masks
gradcheck    gradients against finite differences
arrays       arrays where a processor likes them
"""
