"""A folder with a trained run, and a studio that serves it."""

import pytest

from command_line import trained, write_text
from serving import serving


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with a text, and a trained run called ``runs/rnn``."""
    folder = tmp_path_factory.mktemp("studio")
    trained(write_text(folder / "plays.txt"), "rnn", folder / "runs" / "rnn")
    return folder


@pytest.fixture(scope="session")
def studio(folder):
    """The server, and a client that has its key."""
    with serving(folder) as both:
        yield both
