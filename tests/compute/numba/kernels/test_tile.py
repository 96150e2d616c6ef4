"""Blocks of products fit the processor's registers: read off the machine code, on any processor."""

import os
import subprocess
import sys

import pytest

from assembly import ARM, TARGETS, X86, pinned
from recurra.compute.numba.kernels.tile import block_size

PROGRAM = """
import sys
from assembly import aim_at, innermost_loops
aim_at(sys.argv[1])
from assembly import products
for name, assembly in products("float32").items():
    loops = [loop for loop in innermost_loops(assembly) if loop.bytes and loop.products]
    most = max(loop.products for loop in loops)
    spills, widest = (max(each) for each in zip(*((l.spills, l.bytes) for l in loops)))
    print(most, spills, widest)
    assert not any(loop.scalars for loop in loops)
"""


@pytest.mark.parametrize(
    "target",
    ["haswell", *(pytest.param(n, marks=pytest.mark.long) for n in ("apple-m1", "znver3"))],
)
def test_sums_stay_in_registers(target):
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, target],
        env=os.environ | pinned(target) | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    found = [[int(number) for number in line.split()] for line in process.stdout.splitlines()]
    assert max(products for products, _, _ in found) >= (24 if target == "apple-m1" else 12)
    assert [row[1:] for row in found] == [[0, TARGETS[target][2]]] * 3, process.stdout


@pytest.mark.parametrize(
    ("triple", "features", "size"),
    [
        (X86, "+avx2,+avx512f,+fma", (64, 6, 4, 8)),
        (X86, "+avx2,-avx512f,+fma", (32, 4, 3, 6)),
        (X86, "-avx2,+sse4.2", (16, 4, 3, 6)),
        (X86, "", (16, 4, 3, 6)),  # as Numba has it for NUMBA_CPU_NAME=generic
        (ARM, "+neon", (16, 6, 4, 8)),
        ("arm64-apple-darwin", "", (16, 6, 4, 8)),
    ],
)
def test_block_sizes(triple, features, size):
    assert block_size(triple, features) == size
