"""Export: a network, or a run with its weights, as a program or a file for other worlds.

api         a network or a run -> files
base        the contract of a target, and all that a target may ask
targets     the registry of targets
steps       a derivation as the lines of a program
names       identifiers of a program, none twice
html        one page that writes by itself
optimizer   the update of a recipe as the lines of a program
words       comments of programs in English and Chinese
numpy       one NumPy program: forward pass, exact backward pass, training, writing
numpy_*     its formulas, its passes, and its parts that are the same for many networks
"""
