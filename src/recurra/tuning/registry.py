"""Strategies by name: those of Recurra, and those that another module registers."""

import os
from importlib import import_module
from typing import Generic, TypeVar

from recurra.errors import SettingError, unknown

# Modules that register strategies, with commas between; worker processes inherit the variable.
PLUGINS = "RECURRA_PLUGINS"

Strategy = TypeVar("Strategy")


class Registry(Generic[Strategy]):
    """Classes of one kind of strategy, by their attribute ``name``.

    Args:
        kind: the word for such a strategy in messages.
        classes: the first ones.
    """

    def __init__(self, kind: str, *classes: type[Strategy]) -> None:
        self.kind = kind
        self._classes: dict[str, type[Strategy]] = {}
        for one in classes:
            self.register(one)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of registration."""
        return tuple(self._classes)

    def register(self, strategy: type[Strategy]) -> type[Strategy]:
        """Add a class; also as a decorator.

        Raises:
            SettingError: another class has its name.
        """
        name = str(getattr(strategy, "name", ""))
        known = self._classes.setdefault(name, strategy)
        if (known.__module__, known.__qualname__) != (strategy.__module__, strategy.__qualname__):
            raise SettingError(f"two {self.kind}s are called {name}: rename one of them")
        return strategy

    def get(self, name: str) -> type[Strategy]:
        """Return the class of that name.

        Raises:
            SettingError: there is none.
        """
        if name not in self._classes:
            _import_plugins()
        if name not in self._classes:
            raise unknown(self.kind, name, self._classes)
        return self._classes[name]


def _import_plugins() -> None:
    for module in filter(None, os.environ.get(PLUGINS, "").split(",")):
        try:
            import_module(module)
        except ImportError as error:
            raise SettingError(f"{PLUGINS} names {module}, which fails: {error}") from None
