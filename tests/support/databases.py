"""A stand-in for PostgreSQL, whose real self is in the long checks of clusters."""

import warnings

from optuna.storages import RDBStorage, get_storage

from recurra.tuning import optuna_storage

URL = "postgresql://me:secret@host/name"


def in_sqlite(monkeypatch, path):
    """Open SQLite at a path instead of any database; the addresses that were asked for."""
    opened = []

    def connect(url):
        opened.append(url)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in `_open_database`
            return get_storage(
                RDBStorage(f"sqlite:///{path}", heartbeat_interval=60, grace_period=180)
            )

    monkeypatch.setattr(optuna_storage, "_open_database", connect)
    return opened
