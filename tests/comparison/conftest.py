"""A text, and a comparison that is made once."""

import pytest

import recurra
from comparing import finish, plan, write_text


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("texts") / "plays.txt")


@pytest.fixture(scope="session")
def finished(text, tmp_path_factory):
    """A finished comparison with a search, and its results."""
    folder = tmp_path_factory.mktemp("comparisons") / "one"
    comparison = plan(text, out=folder, rates=[1e-2, 1e-5])
    finish(comparison)
    return comparison, recurra.evaluate_test(comparison)


@pytest.fixture(autouse=True)
def _in_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
