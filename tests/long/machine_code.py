"""Machine code of products and element-wise functions, for processors that need not be here.

    PYTHONPATH=tests/support python tests/long/machine_code.py [TARGET ...]

LLVM writes it, and none of it runs. Of the innermost loops it says how many vectors are
multiplied and loaded, instructions a product, the bytes of a vector, and how many vectors go
through the stack. Exit code 1: a product, or a function of float32, has no loop of vectors as wide
as they should be (LLVM's own loops have 32 bytes at most), or there are vectors on the stack where
products are fused with their additions.
"""
# ruff: noqa: T201

import os
import subprocess
import sys

from assembly import TARGETS, aim_at, elementwise, innermost_loops, pinned, products


def main() -> int:
    """Write for one target, or start a process for each."""
    if sys.argv[1:2] == ["--for"]:
        return write_for(sys.argv[2])
    targets = sys.argv[1:] or list(TARGETS)
    command = [sys.executable, __file__, "--for"]
    return max(
        subprocess.run([*command, t], env=os.environ | pinned(t)).returncode for t in targets
    )


def write_for(target: str) -> int:
    """Print what the kernels are made of; whether they fall short."""
    aim_at(target)
    _, features, wide = TARGETS[target]
    wrong = 0
    for dtype in ("float32", "float64"):
        for name, assembly in products(dtype).items():
            loops = [loop for loop in innermost_loops(assembly) if loop.products and loop.bytes]
            most = max(loops, key=lambda loop: loop.products / len(loop.instructions))
            spills, widest = (max(getattr(p, k) for p in loops) for k in ("spills", "bytes"))
            print(
                f"{target} {dtype} {name}: {most.products} products and {most.loads} loads in "
                f"{len(most.instructions)} instructions, "
                f"{len(most.instructions) / most.products:.2f} a product; {len(loops)} loops, "
                f"vectors of {widest} bytes, at most {spills} on the stack",
                flush=True,
            )
            by_loops = min(wide, 32) if name == "gemv" else wide
            wrong |= widest < by_loops or (spills > 0 and "+sse4.2" not in features)
        widths: dict[int, list[str]] = {}
        for name, assembly in elementwise(dtype):
            found = max((loop.bytes for loop in innermost_loops(assembly)), default=0)
            widths.setdefault(found, []).append(name)
        for found, names in sorted(widths.items()):
            some = f" ({', '.join(names)})" if found < min(wide, 32) else ""
            wrong |= dtype == "float32" and some != ""
            print(f"{target} {dtype}: {len(names)} functions in {found} bytes{some}", flush=True)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
