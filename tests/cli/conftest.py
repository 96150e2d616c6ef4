"""Trained runs."""

import pytest

from command_line import trained, write_text


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder with a text and two trained runs."""
    folder = tmp_path_factory.mktemp("runs")
    text = write_text(folder / "plays.txt")
    for network in ("rnn", "wrnn"):
        trained(text, network, folder / network)
    return folder
