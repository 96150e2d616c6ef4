"""The engine on tensors: PyTorch's devices, our own gradients. Nothing else imports PyTorch.

devices       which device, and sentences for what can be wrong with it
formulas      assignments in a small language -> tensors, or C
functions     the element-wise functions in that language
numbers       one array of each parameter, in one piece of memory
layout        plan -> which products are one matrix product, which stages one kernel
elements      element-wise programs, operation by operation
cuda_codegen  element-wise programs -> CUDA source
cuda          element-wise programs as CUDA kernels, compiled while running
tape          a forward pass, and back-propagation through time
output_layer  softmax, losses and their gradients, in blocks of rows
update        clipping and the optimiser's rule
training      one training step on buffers that stay, captured as a CUDA graph
engine        the contract of an engine
"""
