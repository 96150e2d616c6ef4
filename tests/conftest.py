"""How hypothesis searches: the same examples every time by default, new and many with a flag.

``pytest --hypothesis-profile=long`` looks further. No profile has a deadline: other work on the
same cores must not fail a test.
"""

import os

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
