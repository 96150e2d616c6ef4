"""A network explained: its gradient derived on paper, a diagram, the plan and the kernels."""
