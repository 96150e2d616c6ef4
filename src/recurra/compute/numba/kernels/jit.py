"""How kernels are compiled, and how compiled kernels are found again by the next process."""

import hashlib
import pickle
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
from llvmlite.binding import Linkage, parse_bitcode
from numba.core.caching import NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import dumps

from recurra.compute.numba.cache import read, write
from recurra.compute.numba.compilation import in_thread

# NaN and infinity keep their meaning under both: a diverging run has to be seen.
# "contract" allows fused multiply-add, "nsz" forgets the sign of zero.
EXACT = {"contract", "nsz"}
# Sums may also be regrouped into vectors of partial sums, x / y may be x * (1 / y).
FAST = EXACT | {"reassoc", "arcp"}
INLINED: Any = {"nogil": True, "forceinline": True, "fastmath": EXACT, "error_model": "numpy"}


def inlined(function: Callable[..., Any]) -> Any:
    """A building block: becomes part of every kernel that calls it, and keeps its own rounding."""
    return numba.njit(**INLINED)(function)


def jit(function: Callable[..., Any]) -> Any:
    """A kernel: compiled for the types it meets, kept on disk, free of Python's global lock."""
    options: Any = {"nogil": True, "fastmath": FAST, "error_model": "numpy"}
    dispatcher: Any = numba.njit(pipeline_class=_SealedCompiler, **options)(function)
    dispatcher.compile = in_thread(function.__name__, dispatcher.compile)
    # only what the names of the cache's folder and of generated modules answer for
    if function.__module__.startswith("recurra") and function.__closure__ is None:
        dispatcher._cache = _DiskCache(f"{function.__module__}.{function.__qualname__}")
    return dispatcher


def symbol(name: str, kernel: Any, signature: Any) -> Any:
    """Let other kernels call this one by name, so that they need not compile it again.

    Args:
        name: what the linker finds it by, unique in the process.
        kernel: made by `jit`; may not raise.
        signature: Numba signature over C types.

    Returns:
        A function to call in other kernels.
    """
    with global_compiler_lock:  # in this thread: another would wait for the import that calls this
        kernel.compile(signature)
    compiled = kernel.overloads[signature.args]
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)
    llvmlite.binding.add_symbol(name, address)
    return numba.types.ExternalFunction(name, signature)


class _SealedLibrary(JITCodeLibrary):
    """Machine code whose calls stay inside: every kernel has copies of its callees, all its own.

    Numba shares them. Of equal names the linker takes the copy that this process met first: that of
    the callee itself, or that of one caller or another, each optimised in its own surroundings.
    """

    _linked: Any = None

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr:  # what other libraries have lent
                function.linkage = Linkage.internal
        super()._optimize_final_module()

    def _get_module_for_linking(self) -> Any:
        """What callers inline: the bits that they would find on disk."""
        if self._linked is None:
            self._linked = parse_bitcode(super()._get_module_for_linking().as_bitcode())
        return self._linked


class _SealedCompiler(Compiler):
    def compile_extra(self, func: Callable[..., Any]) -> Any:
        codegen = self.state.targetctx.codegen()
        self.state.library = _SealedLibrary(codegen, func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class _DiskCache(NullCache):
    """Compiled kernels as files, one for each signature; Numba's own cache trusts its files.

    The folder's name covers versions and hand-written source, a generated module's name its text.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def _file(self, signature: Any, codegen: Any) -> str:
        key = repr((self.name, str(signature), codegen.magic_tuple()))
        return f"{self.name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What `save_overload` kept, or None."""
        target_context.refresh()
        body = read(self._file(sig, target_context.codegen()))
        if body is None:
            return None
        try:
            rebuild: Any = CompileResult._rebuild
            # signed with this user's key
            return rebuild(target_context, *pickle.loads(body))  # noqa: S301
        except Exception:  # noqa: BLE001 - whatever is wrong with a cache costs a compilation
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel."""
        if not data.library.has_dynamic_globals:
            serialise: Any = dumps
            write(self._file(sig, data.codegen), serialise(data._reduce()))
