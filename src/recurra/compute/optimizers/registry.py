"""Registry of optimisers: name -> class. A file and a line here make one more."""

from recurra.compute.optimizers.adagrad import Adagrad
from recurra.compute.optimizers.adam import Adam, AdamW
from recurra.compute.optimizers.base import Optimizer, OptimizerSettings
from recurra.compute.optimizers.muon import Muon
from recurra.compute.optimizers.rmsprop import RMSprop
from recurra.compute.optimizers.sgd import SGD
from recurra.errors import SettingError, unknown

OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind for kind in (Adagrad, SGD, RMSprop, Adam, AdamW, Muon)
}


def register_optimizer(kind: type[Optimizer]) -> type[Optimizer]:
    """Make an optimiser known by its name, to recipes and all engines; a decorator.

    Raises:
        SettingError: another optimiser has that name.
    """
    if OPTIMIZERS.setdefault(kind.name, kind) is not kind:
        raise SettingError(f"there is an optimiser {kind.name} already: choose another name")
    return kind


def make_optimizer(settings: OptimizerSettings) -> Optimizer:
    """The optimiser of these settings.

    Raises:
        SettingError: none has that name.
    """
    if settings.kind not in OPTIMIZERS:
        raise unknown("optimiser", settings.kind, OPTIMIZERS)
    return OPTIMIZERS[settings.kind](settings)
