"""Pruners: rules by which trials end early. A class, a file, a line below.

    base          the contract: `decide` at every rung, or `promoted` where all wait for one another
    none          every trial is trained in full
    classic       the stop rules of the published W-RNN code
    median, halving, hyperband    Optuna's, which look back on earlier trials
    rounds        synchronous successive halving
    top           one pass over the text, then the best go on

A module elsewhere adds its own by ``PRUNERS.register``; set ``RECURRA_PLUGINS`` to its name.
"""

from recurra.tuning.pruners.base import Pruner
from recurra.tuning.pruners.classic import ClassicPruner
from recurra.tuning.pruners.halving import HalvingPruner
from recurra.tuning.pruners.hyperband import HyperbandPruner
from recurra.tuning.pruners.median import MedianPruner
from recurra.tuning.pruners.none import NoPruner
from recurra.tuning.pruners.rounds import RoundsPruner
from recurra.tuning.pruners.top import TopPruner
from recurra.tuning.registry import Registry

PRUNERS = Registry[Pruner](
    "pruner",
    NoPruner,
    ClassicPruner,
    MedianPruner,
    HalvingPruner,
    HyperbandPruner,
    RoundsPruner,
    TopPruner,
)
