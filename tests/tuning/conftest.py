"""The command line in this process, with room for wide tables."""

import pytest


@pytest.fixture
def call(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return call
