"""How kernels are compiled, and how compiled kernels are found again by the next process."""

import hashlib
import pickle
from collections.abc import Callable
from typing import Any

import numba
from llvmlite.binding import add_symbol, address_of_symbol
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from recurra.compute.numba.cache import holds, read, write
from recurra.compute.numba.compilation import in_thread
from recurra.compute.numba.kernels.libraries import Function, from_bitcode, to_bitcode

# NaN and infinity keep their meaning under both: a diverging run has to be seen.
# "contract" allows fused multiply-add, "nsz" forgets the sign of zero.
EXACT = {"contract", "nsz"}
# Sums may also be regrouped into vectors of partial sums, x / y may be x * (1 / y).
FAST = EXACT | {"reassoc", "arcp"}
INLINED: Any = {"nogil": True, "forceinline": True, "fastmath": EXACT, "error_model": "numpy"}
INLINED |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inlined(function: Callable[..., Any]) -> Any:
    """A building block: becomes part of every kernel that calls it, and keeps its own rounding."""
    return Function(function, INLINED | {"no_cpython_wrapper": False}, sealed=False)


def jit(function: Callable[..., Any], *, python: bool = True, disjoint: bool = False) -> Any:
    """A kernel: compiled for the types it meets, kept on disk, free of Python's global lock.

    Args:
        function: plain Python, over numbers, arrays and other kernels.
        python: called by Python and by kernels, not by a `symbol` of C types.
        disjoint: called by kernels with arrays that share no memory: nothing has to be compared
            before its loops go by vectors, and loops over many arrays do that at all.
    """
    options: Any = {"nogil": True, "fastmath": FAST, "error_model": "numpy"}
    options |= {"no_cpython_wrapper": not python, "no_cfunc_wrapper": python}
    made: Any = Function(function, options, sealed=True, disjoint=disjoint)
    for form in (made, made.linked):
        form.compile = in_thread(function.__name__, form.compile)
    # only what the names of the cache's folder and of generated modules answer for
    if function.__module__.startswith("recurra") and function.__closure__ is None:
        name = f"{function.__module__}.{function.__qualname__}"
        made._cache, made.linked._cache = _DiskCache(name), _BitcodeCache(f"{name}-linked")
    return made


def one_pass(function: Callable[..., Any]) -> Any:
    """A kernel with one loop, over many arrays that share no memory."""
    return jit(function, disjoint=True)


# What defines a symbol, by its name.
_symbols: dict[str, Callable[[], Any]] = {}


def symbol(name: str, function: Callable[..., Any], signature: Any) -> Callable[[], Any]:
    """Let kernels call this one by name, so that they need not compile it again.

    Args:
        name: begins with ``recurra_``, unique in the process.
        function: plain Python; may not raise.
        signature: Numba signature over C types.

    Returns:
        What compiles the kernel, or loads it, when it is first called, and gives the function that
        other kernels call; itself called while those are compiled.
    """
    kernel = jit(function, python=False)

    def define() -> Any:
        if not address_of_symbol(name):
            kernel.compile(signature)
            made = kernel.overloads[signature.args]
            address = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
            add_symbol(name, address)
        return numba.types.ExternalFunction(name, signature)

    _symbols[name] = define
    return define


def stub_symbols() -> None:
    """Compile no symbols, in a process that compiles kernels and runs none."""
    for name in _symbols:
        add_symbol(name, 1)


def is_kept(kernel: Any, arguments: tuple[Any, ...]) -> bool:
    """Whether a kernel was compiled for such types, in this process or an earlier one."""
    return arguments in kernel.overloads or kernel._cache.holds(arguments, kernel.targetctx)


class _DiskCache(NullCache):
    """Compiled kernels as files, one for each signature; Numba's own cache trusts its files.

    The folder's name covers versions and hand-written source, a generated module's name its text.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def _file(self, signature: Any, codegen: Any) -> str:
        key = repr((self.name, str(signature), codegen.magic_tuple()))
        return f"{self.name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"

    def holds(self, sig: Any, target_context: Any) -> bool:
        """Whether there is something to load."""
        return holds(self._file(sig, target_context.codegen()))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel that `save_overload` kept, or None."""
        target_context.refresh()
        body = read(self._file(sig, target_context.codegen()))
        if body is None:
            return None
        try:
            called, compiled = pickle.loads(body)  # noqa: S301 - signed with this user's key
            for name in called:
                _symbols[name]()
            return self._rebuilt(target_context, compiled)
        except Exception:  # noqa: BLE001 - whatever is wrong with a cache costs a compilation
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel."""
        if not data.library.has_dynamic_globals:
            serialise: Any = dumps
            body = serialise((data.library.called(), self._reduced(data)))
            write(self._file(sig, data.codegen), body)

    def _reduced(self, result: Any) -> Any:
        return result._reduce()

    def _rebuilt(self, target_context: Any, reduced: Any) -> Any:
        rebuild: Any = CompileResult._rebuild
        return rebuild(target_context, *reduced)


class _BitcodeCache(_DiskCache):
    """The same for what kernels link."""

    def _reduced(self, result: Any) -> Any:
        return to_bitcode(result)

    def _rebuilt(self, target_context: Any, reduced: Any) -> Any:
        return from_bitcode(target_context, *reduced)
