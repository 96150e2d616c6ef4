"""How hypothesis searches, and the command line in this process.

The same examples every time by default, new and many with a flag.

``pytest --hypothesis-profile=long`` looks further. No profile has a deadline: other work on the
same cores must not fail a test.
"""

import io
import os
import sys

import pytest
from hypothesis import settings

# The matrices of tests are small, and several tests may run at once: BLAS threads would only
# wait for each other. Read when NumPy is imported, here and in the processes that tests start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("quick", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("long", deadline=None, max_examples=2000)
settings.load_profile("quick")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores, since many tests wait for processes of their own."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    """Run a command line in this process: its exit code, stdout and stderr."""
    from recurra.cli import main  # most tests do without

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["recurra", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capfd.readouterr()

    return run
