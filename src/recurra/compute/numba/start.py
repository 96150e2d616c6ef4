"""The start of Numba without SciPy's BLAS: our kernels have products of their own."""

import importlib.util
import sys

_BLAS = "scipy.linalg.cython_blas"


def import_without_blas() -> None:
    """Import the part of Numba that looks for BLAS, which alone takes 0.13 s of a start.

    The search finds nothing while it is made; another library's kernels find BLAS as ever.
    """
    if _BLAS in sys.modules or "numba.np.arraymath" in sys.modules:
        return
    # the documented way to say that a module is not there; its name alone, no other of SciPy
    sys.modules[_BLAS] = None  # type: ignore[assignment]
    try:
        from numba.np import arraymath
    finally:
        del sys.modules[_BLAS]
    found: bool = importlib.util.find_spec("scipy") is not None
    arraymath._HAVE_BLAS = found
