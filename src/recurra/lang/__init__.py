"""Language: the text of a recurrent network -> `Network`.

source      numbered lines, names and places
syntax      expressions as a tree
layers      stacks of layers, written out
parser      text -> `Network`
network     equations, choices, initialisers, and what must hold
kinds       numbers and vectors
shapes      sizes of vectors and parameters
functions   element-wise functions, one row each
library     the networks that come with Recurra, one ``.eq`` file each
"""
