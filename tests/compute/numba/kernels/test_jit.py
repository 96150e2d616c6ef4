"""Compiled kernels compute the same, whatever has happened to their files; on any processor."""

import hashlib
import os
import pickle
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import ctypes, mmap, os, sys
import numpy as np
from recurra.compute.numba.kernels import elementwise, products

rng = np.random.default_rng(0)
for dtype in map(np.dtype, sys.argv[1:]):
    tolerance = {4: 1e-4, 8: 1e-12}[dtype.itemsize]
    for rows, depth, columns in ((1, 1, 1), (3, 40, 37), (16, 300, 64), (45, 70, 131)):
        a, matrix = rng.standard_normal((rows, depth)), rng.standard_normal((columns, depth))
        a, matrix = a.astype(dtype), matrix.astype(dtype)
        out = np.zeros((rows, columns), dtype)
        products.times_transposed(a, 0, rows, matrix, out, 0, False)
        np.testing.assert_allclose(out, a @ matrix.T, rtol=0, atol=tolerance * depth)
        copy = np.zeros((depth, columns), dtype)
        products.transpose(matrix, copy, 2)
        np.testing.assert_array_equal(copy, matrix.T)
    if os.name == "posix":  # a matrix that ends with the memory: to read beyond is to crash
        memory = mmap.mmap(-1, 2 * mmap.PAGESIZE)
        end = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + mmap.PAGESIZE
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(end), mmap.PAGESIZE, 0) == 0
        pages = np.frombuffer(memory, dtype, mmap.PAGESIZE // dtype.itemsize)
        for columns in (1, 3, 5, 37):
            matrix = pages[-7 * columns :].reshape(7, columns)
            matrix[:] = rng.standard_normal(matrix.shape)
            a, out = rng.standard_normal((5, 7)).astype(dtype), np.zeros((5, columns), dtype)
            for row, rows in ((0, 1), (1, 1), (2, 3)):
                products.times(a, row, rows, matrix, out, row, False)
            np.testing.assert_allclose(out, a @ matrix, rtol=0, atol=10 * tolerance)
"""


TRAIN = """
import hashlib
import numpy as np
from recurra.compute.numba.kernels import softmax

rng, arrays = np.random.default_rng(0), []
for shape in ((40, 24), (70, 24), (70,)):
    arrays.append(rng.standard_normal(shape).astype(np.float32))
targets = rng.integers(0, 70, 40).astype(np.int32)
derivatives = [np.zeros_like(a) for a in arrays]
for _ in range(3):
    softmax.train(*arrays, targets, 0.1, *derivatives)
    for array, derivative in zip(arrays, derivatives):
        array -= derivative
digest = hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()
print(sum(softmax.train.stats.cache_hits.values()), digest)
"""


# As many small kernels, each called by the next, in a module that the cache answers for.
SMALL = """
import hashlib, sys
from recurra.compute.numba.kernels.jit import jit
__name__ = "recurra.small"
sys.modules[__name__] = sys.modules["__main__"]

def make(name, called):
    exec(f"def {name}(x): return {called}(x) + 1", globals())
    return jit(globals()[name])

names = ["abs", "a", "b", "c", "d", "e", "f", "second_pass", "train"]
for called, name in zip(names, names[1:]):
    globals()[name] = make(name, called)
digest = hashlib.sha256(str(train(3)).encode()).hexdigest()
print(sum(train.stats.cache_hits.values()), digest)
"""


AHEAD = """
from recurra.compute.numba.ahead import compiled_ahead

with compiled_ahead("float32", classes=False):
    pass
"""


def trained(cache: Path, program: str = TRAIN) -> tuple[int, str]:
    """Train in a process of its own: whether the kernel was found, and the weights' digest."""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ | {"RECURRA_CACHE": str(cache)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    found, digest = process.stdout.split()
    return int(found), digest


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.open, (str(self.marker), os.O_CREAT | os.O_WRONLY)


@pytest.mark.long
def test_equal_weights_whatever_the_cache(tmp_path):
    _, digest = trained(tmp_path)
    # another process may have compiled it, which knew no more than the types
    assert trained(tmp_path / "ahead", AHEAD + TRAIN) == (1, digest)
    (tmp_path / "file").write_text("not a folder")
    assert trained(tmp_path / "file") == (0, digest)
    shutil.rmtree(tmp_path / "ahead")
    (top,) = tmp_path.rglob("recurra.*.train-*")
    (callee,) = tmp_path.rglob("recurra.*.second_pass-*")
    # one that is compiled again among callees from the disk, and then the other way round
    top.unlink()
    assert trained(tmp_path) == (0, digest)
    callee.unlink()
    top.write_bytes(top.read_bytes()[:-1])
    assert trained(tmp_path) == (0, digest)


def test_nothing_of_a_stranger_is_read(tmp_path):
    """Every kept kernel is torn, edited, exchanged, or somebody else's: all are compiled again."""
    found, digest = trained(tmp_path, SMALL)
    assert found == 0
    files = sorted(path for path in tmp_path.rglob("recurra.*") if path.is_file())
    assert len(files) >= 8
    marker = tmp_path / "marker"
    bomb = pickle.dumps(Bomb(marker))
    whole = [path.read_bytes() for path in files]
    for i, (path, content) in enumerate(zip(files, whole, strict=True)):
        damaged = (
            content[: len(content) // 2],
            content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
            bomb,
            content[:32] + bomb,
            whole[i - 1],
            hashlib.sha256(path.name.encode() + bomb).digest() + bomb,
        )
        path.write_bytes(damaged[i % len(damaged)])
    for name, place in (("train", "/dev/zero"), ("second_pass", tmp_path / "bomb")):
        (path,) = tmp_path.rglob(f"recurra.*.{name}-*")
        path.unlink()
        path.symlink_to(place)
    (tmp_path / "bomb").write_bytes(bomb)
    assert trained(tmp_path, SMALL) == (0, digest)
    assert not marker.exists()
    assert trained(tmp_path, SMALL) == (1, digest)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="instruction sets of x86")
@pytest.mark.parametrize(
    ("name", "features", "dtypes"),
    [
        pytest.param(
            "haswell",
            "+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2",
            ["float32", "float64"],
            marks=pytest.mark.long,
        ),
        ("x86-64", "+sse2", ["float32"]),
        pytest.param("x86-64", "+sse2", ["float64"], marks=pytest.mark.long),
    ],
)
def test_narrower_vectors(tmp_path, name, features, dtypes):
    cpu = Path("/proc/cpuinfo")
    if name == "haswell" and not (cpu.exists() and "avx2" in cpu.read_text()):
        pytest.skip("no AVX2 here, as far as can be seen")
    environment = os.environ | {"RECURRA_CACHE": str(tmp_path), "NUMBA_CPU_NAME": name}
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, *dtypes],
        env=environment | {"NUMBA_CPU_FEATURES": features},
        capture_output=True,
        text=True,
    )
    assert (process.returncode, process.stderr) == (0, "")
