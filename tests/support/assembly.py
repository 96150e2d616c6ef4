"""Kernels as assembly for any processor, and its innermost loops; nothing of it runs.

What a kernel is made of is chosen when its module is imported: a process writes for one target.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Any

X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
# LLVM's name of a processor -> the system, features that kernels ask for, bytes of its vectors
TARGETS = {
    "nehalem": (X86, "+sse4.2", 16),
    "haswell": (X86, "+avx2,+fma", 32),
    "znver3": (X86, "+avx2,+fma", 32),
    "skylake-avx512": (X86, "+avx2,+fma,+avx512f", 64),
    "cortex-a76": (ARM, "+neon", 16),
    "apple-m1": (ARM, "+neon", 16),
}
_LABEL = re.compile(r"(\.L\w+):")
_JUMP = re.compile(r"(?:j\w+|b|b\.\w+|cbn?z|tbn?z)\s+(?:.*,\s*)?(\.L\w+)$")
_PRODUCT = re.compile(r"vfn?m|v?mul[ps]|fmul|fn?m(add|sub|la|ls)")
_SCALAR = re.compile(r"\w+s[sd]\b|v?mov[dq]\b|f\w+\s+[sd]\d")
# in x86 what is read is not the last operand
_LOAD = re.compile(r"ld|(?!lea)\w+\s.*\((?!%rsp)[^)]*\)(\{\w+\})?,")
_WIDTHS = {"%zmm": 64, "%ymm": 32, "%xmm": 16, r"\.4s|\.2d|\bq\d": 16}


@dataclass(frozen=True)
class Loop:
    """An innermost loop, from its label to the jump back.

    Attributes:
        instructions: as text, without labels.
        products: multiplications of floats, fused with an addition or not.
        loads: from memory, but for the stack.
        spills: vectors that go to the stack or come from there.
        scalars: products of single floats.
        bytes: of its widest vectors; 0 without vectors.
    """

    instructions: tuple[str, ...]

    @property
    def products(self) -> int:
        return sum(bool(_PRODUCT.match(i)) for i in self.instructions)

    @property
    def loads(self) -> int:
        loads = [i for i in self.instructions if _LOAD.match(i) and "[sp" not in i]
        return len(loads) + sum(i.startswith("ldp") for i in loads)

    @property
    def spills(self) -> int:
        stack = [i for i in self.instructions if "(%rsp" in i or "[sp" in i]
        return sum(bool(re.search(r"%[xyz]mm|\b[qv]\d", i)) for i in stack)

    @property
    def scalars(self) -> int:
        products = [i for i in self.instructions if _PRODUCT.match(i)]
        return sum(bool(_SCALAR.match(i)) for i in products)

    @property
    def bytes(self) -> int:
        text = "\n".join(i for i in self.instructions if not _SCALAR.match(i))
        return max((size for mark, size in _WIDTHS.items() if re.search(mark, text)), default=0)


def innermost_loops(assembly: str) -> Iterator[Loop]:
    """Loops without a branch: from a label to a jump back to it, with no label between."""
    label, body = "", []
    for line in assembly.splitlines():
        text = re.split(r"//|##|# ", line)[0].strip()
        if found := _LABEL.match(text):
            label, body = found[1], []
        elif text and not text.startswith("."):
            body.append(text)
            found = _JUMP.match(text)
            if found and found[1] == label:
                yield Loop(tuple(body))


def pinned(target: str) -> dict[str, str]:
    """Variables of a process in which kernels are for a target."""
    _, features, _ = TARGETS[target]
    return {"NUMBA_CPU_NAME": target, "NUMBA_CPU_FEATURES": features}


def aim_at(target: str) -> None:
    """Let LLVM write for a target, before Numba or Recurra is imported."""
    import llvmlite.binding

    llvmlite.binding.initialize_all_targets()
    llvmlite.binding.initialize_all_asmprinters()
    llvmlite.binding.get_process_triple = lambda: TARGETS[target][0]
    from recurra.compute.numba.kernels import gemm, gemv, transpose  # noqa: F401
    from recurra.compute.numba.kernels.jit import stub_symbols

    stub_symbols()  # what runs here is not asked for


def assembly_of(function: Callable[..., Any], types: Any) -> str:
    """Assembly of a kernel for arguments of these types, or of a signature."""
    from numba.core.caching import NullCache
    from numba.core.compiler_lock import global_compiler_lock

    from recurra.compute.numba.kernels.jit import jit

    linked = jit(function, python=False).linked
    linked._cache = NullCache()  # what is kept has no assembly
    linked.compile(types)
    (result,) = linked.overloads.values()
    with global_compiler_lock:
        result.library._ensure_finalized()  # links what it calls
    return str(result.library.get_asm_str())


def products(dtype: str) -> dict[str, str]:
    """Assembly of the kernels of matrix products, by name."""
    from numba import types

    from recurra.compute.numba.kernels import gemm, gemv

    number = getattr(types, dtype)
    of_vectors = gemv._signature(number)
    return {
        "gemm": assembly_of(gemm._gemm, gemm._signature(number)),
        "gemv": assembly_of(gemv._gemv, of_vectors),
        "gemv transposed": assembly_of(gemv._gemv_transposed, of_vectors),
    }


def elementwise(dtype: str) -> Iterator[tuple[str, str]]:
    """Names of the element-wise functions, and the assembly of a loop of each."""
    from numba import types

    from recurra.compute.numba.kernels import elementwise

    row = types.Array(getattr(types, dtype), 1, "C")
    for name in elementwise.__all__:
        kernel: Any = getattr(elementwise, name)
        arity = len(signature(kernel.py_func).parameters)
        yield name, assembly_of(_looped(kernel, arity), (row,) * (1 + arity))


def _looped(kernel: Any, arity: int) -> Callable[..., None]:
    def of_one(out: Any, x: Any) -> None:
        for i in range(x.size):
            out[i] = kernel(x[i])

    def of_two(out: Any, x: Any, y: Any) -> None:
        for i in range(x.size):
            out[i] = kernel(x[i], y[i])

    return of_one if arity == 1 else of_two
