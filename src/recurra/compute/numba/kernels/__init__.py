"""The hand-written kernels that generated ones call."""
