"""Forms of a compiled function: machine code that Python calls, LLVM bitcode that kernels link.

A kernel that Python calls is machine code of its own, with all that it calls inside. A function
that kernels call needs none, since each of them has a copy.
"""

from collections.abc import Callable
from typing import Any

from llvmlite.binding import Linkage, parse_bitcode
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, compile_result
from numba.core.registry import CPUDispatcher

# -------------------------------------------------------------------------------------- libraries


class _SealedLibrary(JITCodeLibrary):
    """Code whose calls stay inside: every kernel has copies of its callees, all its own.

    Numba shares them. Of equal names the linker takes the copy that this process met first: that of
    the callee itself, or that of one caller or another, each optimised in its own surroundings, and
    perhaps with its arguments elsewhere. So what calls a kernel has to be a kernel, too: code of
    plain `numba.njit` that does so can crash.
    """

    _linked: Any = None

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr:  # what other libraries have lent
                function.linkage = Linkage.internal
        super()._optimize_final_module()

    def called(self) -> list[str]:
        """Names of the symbols that this code calls."""
        functions = self._final_module.functions
        return [f.name for f in functions if f.is_declaration and f.name.startswith("recurra_")]

    def _get_module_for_linking(self) -> Any:
        """The code that callers inline: the bitcode that they would find on disk."""
        if self._linked is None:
            self._linked = parse_bitcode(super()._get_module_for_linking().as_bitcode())
        return self._linked


class _Bitcode(JITCodeLibrary):
    """Optimised code that callers link: nothing executes it."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _SealedBitcode(_Bitcode, _SealedLibrary):
    """The same, whose calls stay inside."""


def to_bitcode(result: Any) -> Any:
    """The arguments from which `from_bitcode` makes the result of a compilation again."""
    library, descriptor = result.library, result.fndesc
    descriptor.typemap = descriptor.calltypes = None  # as Numba does, too: they may not be kept
    bitcode = library._get_module_for_linking().as_bitcode()
    return library.name, bitcode, descriptor, result.signature


def from_bitcode(
    target_context: Any, name: str, bitcode: bytes, descriptor: Any, signature: Any
) -> Any:
    """The result of a compilation that is on disk."""
    library = _SealedBitcode(target_context.codegen(), name)
    library._linked, library._finalized = parse_bitcode(bitcode), True
    return compile_result(
        target_context=target_context,
        typing_context=target_context.typing_context,
        library=library,
        entry_point=object(),
        fndesc=descriptor,
        signature=signature,
        objectmode=False,
        lifted=(),
        reload_init=(),
        referenced_envs=(),
    )


# -------------------------------------------------------------------------------------- compilers


class _SealedCompiler(Compiler):
    """Compiles for Python."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        self.state.library = _SealedLibrary(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class _BitcodeCompiler(Compiler):
    """Compiles what kernels inline."""

    library: type[_Bitcode] = _Bitcode

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        context, self.state.flags.no_compile = self.state.targetctx, True
        self.state.library = self.library(context.codegen(), func.__qualname__)
        result = super().compile_extra(func)._replace(entry_point=object())  # a key, no more
        context.insert_user_function(result.entry_point, result.fndesc, [result.library])
        return result


class _SealedBitcodeCompiler(_BitcodeCompiler):
    """Compiles what kernels call."""

    library = _SealedBitcode


class _DisjointCompiler(_SealedBitcodeCompiler):
    """The same, of functions whose arrays share no memory."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        self.state.flags.noalias = True
        return super().compile_extra(func)


# -------------------------------------------------------------------------------------- functions


class Function(CPUDispatcher):
    """A function as Python calls it; kernels that call it are led to its other form, ``linked``.

    Args:
        function: plain Python.
        options: of `numba.njit`.
        sealed: whether calls stay inside; else all has to be inlined.
        disjoint: whether its arrays share no memory when a kernel calls it.
    """

    def __init__(
        self, function: Callable[..., Any], options: Any, *, sealed: bool, disjoint: bool = False
    ) -> None:
        options = {"nopython": True, **options}
        own, other = (
            (_SealedCompiler, _SealedBitcodeCompiler) if sealed else (Compiler, _BitcodeCompiler)
        )
        other = _DisjointCompiler if disjoint else other
        super().__init__(function, {}, options, pipeline_class=own)
        options = options | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        self.linked = _LinkedFunction(function, {}, options, pipeline_class=other)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """The type of a call by a kernel, whose target is compiled."""
        return self.linked.get_call_template(args, kws)

    def get_overload(self, sig: Any) -> Any:
        """The target of such a call."""
        return self.linked.get_overload(sig)


class _LinkedFunction(CPUDispatcher):
    def add_overload(self, cres: Any) -> None:
        self.overloads[tuple(cres.signature.args)] = cres  # and nothing that Python could call
