"""Export: a network, or a run with its weights, as a program or a file for other worlds.

base       the contract of a target, and all that a target may ask of a network
targets    the registry of targets
names      identifiers of a program that never collide
steps      a derivation as the lines of a program
optimizer  the update of a recipe as the lines of a program
numpy      one NumPy program with forward pass, exact backward pass and training
words      comments of programs in English and Chinese
"""
