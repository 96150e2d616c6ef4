"""Language: the text of a recurrent network -> `Network`.

source      numbered lines, names and places
syntax      expressions as a tree
layers      stacks of layers, written out
parser      text -> `Network`
network     equations, choices, initialisers, and what must hold
kinds       numbers and vectors
expansion   first values, earlier characters and diagonal matrices, written out
shapes      sizes of vectors and parameters; shape_solver finds them
functions   element-wise functions, one row each
library     the networks that come with Recurra, one ``.eq`` file each
"""
