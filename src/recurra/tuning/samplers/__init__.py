"""Samplers: rules that say which setting a trial has. A class, a file, a line below.

    base      the contract: `suggest` from the history of a trial
    grid      every point of a grid, in its order
    random    independent draws
    tpe       draws where good trials were found

A module elsewhere adds its own by ``SAMPLERS.register``; set ``RECURRA_PLUGINS`` to its name.
"""

from recurra.tuning.registry import Registry
from recurra.tuning.samplers.base import Sampler
from recurra.tuning.samplers.grid import GridSampler
from recurra.tuning.samplers.random import RandomSampler
from recurra.tuning.samplers.tpe import TPESampler

SAMPLERS = Registry[Sampler]("search", GridSampler, RandomSampler, TPESampler)
