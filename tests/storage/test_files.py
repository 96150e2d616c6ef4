"""Files that are read within bounds."""

import os
from pathlib import Path

import pytest

from recurra.storage.files import read_limited


def test_nothing_is_read_of_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    path.touch()
    os.truncate(path, 2**40)
    with path.open("rb") as file:
        with pytest.raises(OSError, match="more than 1,000 bytes"):
            read_limited(file, 1000)
        assert file.tell() == 0


def test_pipe_is_read_up_to_the_limit() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x" * 2000)
    os.close(writer)
    with os.fdopen(reader, "rb") as file, pytest.raises(OSError, match="more than 1,000 bytes"):
        read_limited(file, 1000)
