"""The compiled engine; the only package that knows Numba.

engine         forward and backward passes of a batch that is cut into shards
shard          the arrays of one shard
codegen        plan -> source of the kernels
forward_codegen, backward_codegen  block -> source of its function
pass_codegen   block without a product in its loop -> source of its one loop
emitter        lines of a kernel, and the arguments they need
blocks         the blocks of a plan as kernels walk them
writing_codegen  plan -> source of the function that writes
source         generated kernels as data
optimizer_codegen  optimiser -> source of its kernels
start          importing Numba, without what costs time and is not used
loading        source -> module
compilation    compiling in a thread that can be watched and left
ahead          compiling in a second process
cache          where compiled kernels are kept, and signed
output_layer   softmax and loss, its gradients and, where it can, its update
step           the optimiser step
threads        the thread pool
kernels        hand-written kernels that generated ones call
"""
