"""How kernels are compiled, and how compiled kernels are found again by the next process."""

import hashlib
import os
import pickle
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from llvmlite.binding import Linkage, parse_bitcode
from numba.core.caching import NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult
from numba.core.serialize import dumps

from recurra.engines.cache import folder

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

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr:  # what other libraries have lent
                function.linkage = Linkage.internal
        super()._optimize_final_module()

    def _get_module_for_linking(self) -> Any:
        """What callers inline: the bits that they would find on disk."""
        if self._shared_module is None:
            module = super()._get_module_for_linking()
            self._shared_module = parse_bitcode(module.as_bitcode())
        return self._shared_module


class _SealedCompiler(Compiler):
    def compile_extra(self, func: Callable[..., Any]) -> Any:
        codegen = self.state.targetctx.codegen()
        self.state.library = _SealedLibrary(codegen, func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class _DiskCache(NullCache):
    """Compiled kernels as files, one for each signature; Numba's own cache trusts its files.

    The folder's name covers versions and hand-written source, a generated module's name its text.
    A file begins with the SHA-256 of its name and the rest: one that is torn, foreign or another
    kernel's is not read further.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def _file(self, signature: Any, codegen: Any) -> Path:
        key = repr((self.name, str(signature), codegen.magic_tuple()))
        return folder() / f"{self.name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What `save_overload` kept, or None."""
        target_context.refresh()
        try:
            file = self._file(sig, target_context.codegen())
            content = file.read_bytes()
            if _checksum(file, content[32:]) != content[:32]:
                return None
            # the folder is writable for this user alone
            rebuild: Any = CompileResult._rebuild
            return rebuild(target_context, *pickle.loads(content[32:]))  # noqa: S301
        except Exception:  # noqa: BLE001 - whatever is wrong with a cache costs a compilation
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel; a disk that is full or read-only is no obstacle."""
        if data.library.has_dynamic_globals:
            return
        file = self._file(sig, data.codegen)
        serialise: Any = dumps
        body = serialise(data._reduce())
        with suppress(OSError):
            handle, temporary = tempfile.mkstemp(dir=file.parent)
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(_checksum(file, body) + body)
                Path(temporary).replace(file)
            except OSError:
                Path(temporary).unlink()


def _checksum(file: Path, body: bytes) -> bytes:
    return hashlib.sha256(file.name.encode() + body).digest()
