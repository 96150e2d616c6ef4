"""Compiled kernels are found again, whatever has happened to their files; on any processor."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
from recurra.compute.numba.kernels import elementwise, products

rng = np.random.default_rng(0)
for dtype, tolerance in ((np.float32, 1e-4), (np.float64, 1e-12)):
    for rows, depth, columns in ((1, 1, 1), (3, 40, 37), (16, 300, 64), (45, 70, 131)):
        a, matrix = rng.standard_normal((rows, depth)), rng.standard_normal((columns, depth))
        a, matrix = a.astype(dtype), matrix.astype(dtype)
        out = np.zeros((rows, columns), dtype)
        products.times_transposed(a, 0, rows, matrix, out, 0, False)
        np.testing.assert_allclose(out, a @ matrix.T, rtol=0, atol=tolerance * depth)
        copy = np.zeros((depth, columns), dtype)
        products.transpose(matrix, copy, 2)
        np.testing.assert_array_equal(copy, matrix.T)
hits = products.times_transposed.stats.cache_hits
print(sum(hits.values()))
"""


def hits(cache: Path, **environment: str) -> int:
    """Run the program in a process of its own; how many kernels it found in the cache."""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=os.environ | {"RECURRA_CACHE": str(cache)} | environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    return int(process.stdout)


def test_cache_survives_whatever_happens_to_its_files(tmp_path):
    assert hits(tmp_path) == 0
    assert hits(tmp_path) == 2
    files = [path for path in tmp_path.rglob("recurra.*") if path.is_file()]
    assert len(files) >= 4
    for i, path in enumerate(files):
        content = path.read_bytes()
        damaged = (
            content[: len(content) // 2],
            b"",
            b"\0" * len(content),
            content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        )
        path.write_bytes(damaged[i % len(damaged)])
    assert hits(tmp_path) == 0
    whole = [path.read_bytes() for path in files]
    for path, others in zip(files, whole[1:] + whole[:1], strict=True):
        path.write_bytes(others)
    assert hits(tmp_path) == 0
    assert hits(tmp_path) == 2


def test_no_folder_for_a_cache_is_no_obstacle(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert hits(tmp_path / "file") == 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="instruction sets of x86")
@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("haswell", "+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2"),
        ("x86-64", "+sse2"),
    ],
)
def test_narrower_vectors(tmp_path, name, features):
    cpu = Path("/proc/cpuinfo")
    if name == "haswell" and not (cpu.exists() and "avx2" in cpu.read_text()):
        pytest.skip("no AVX2 here, as far as can be seen")
    hits(tmp_path, NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features)
