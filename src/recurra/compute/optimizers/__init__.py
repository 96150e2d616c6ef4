"""Optimisers: how gradients change parameters. One file each: slots, formula and kernel.

base       settings, clipping, the contract of an optimiser
adagrad, adam (and AdamW), muon, rmsprop, sgd
orthogonal the nearest orthogonal matrix, for muon
registry   name -> optimiser; `register_optimizer` for one of your own

The formulas and names are those of ``torch.optim``.
"""
