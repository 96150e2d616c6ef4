"""The start of the compiled engine imports no linear algebra; other kernels still find theirs."""

import subprocess
import sys

PROGRAM = """
import sys
import numba
import numpy as np
from recurra.compute.numba.start import import_without_blas

import_without_blas()
from numba.core.registry import cpu_target

cpu_target.target_context.refresh()
assert "scipy.linalg" not in sys.modules

@numba.njit
def products(a, b):
    return a @ b, np.correlate(a[0], b[0])

a = np.arange(6.0).reshape(2, 3)
product, correlation = products(a, a.T.copy())
assert np.array_equal(product, a @ a.T)
assert np.array_equal(correlation, np.correlate(a[0], a.T[0]))
"""


def test_blas_is_not_imported_and_not_lost() -> None:
    """Kernels of another library, compiled later, multiply by BLAS."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
