"""Export: a network, or a run with its weights, as a program or a file for other worlds.

api               a network or a run -> files
base              the contract of a target, and all that a target may ask
targets           the registry of targets
steps             a derivation as the lines of a program
names, sizes      identifiers of a program, none twice; sizes as it says them
starts            parameters before any training, as it draws them
optimizer         the update of a recipe, as its lines
words             its comments in English and Chinese
python_formulas   formulas as Python
typed_formulas    formulas as `recurra check` reads them, for comments
numpy, numpy_*    one NumPy program: forward pass, exact backward pass, training, writing
library_program   a program in a library that differentiates by itself, filled into templates/
torch, jax        one such program each
self_test         numbers by which a program tests itself
onnx              one time step as an ONNX model
huggingface       a folder for the Hugging Face Hub
html              one page that writes by itself
"""
