"""Checkpoints: exact, deterministic, readable elsewhere, and no damage passes."""

import hashlib
import json
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file, save, save_file

from recurra.errors import RunError
from recurra.storage.checkpoints import FORMAT, load_checkpoint, save_checkpoint
from recurra.storage.folder import write_atomic

DTYPES = ["f2", "f4", "f8", "?", *(f"{k}{n}" for k in "iu" for n in (1, 2, 4, 8))]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ARRAYS = st.dictionaries(
    NAMES.filter(lambda name: name != "__metadata__"),
    st.tuples(st.sampled_from("<>"), st.sampled_from(DTYPES)).flatmap(
        lambda code: hnp.arrays("".join(code), hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
    ),
    max_size=4,
)
TEXT = st.text(st.characters())  # lone surrogates too: file names may hold them
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def sample() -> tuple[dict[str, np.ndarray], dict[str, object]]:
    rng = np.random.default_rng(7)
    arrays = {
        "parameter/U": rng.standard_normal((3, 2), dtype=np.float32),
        "optimizer/count": np.array(5, np.int64),
    }
    return arrays, {"step": 3, "best": 1.25}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, *sample())
    return path


@settings(deadline=None)
@given(arrays=ARRAYS, meta=JSON, strides=st.sampled_from(["as is", "transposed", "every second"]))
def test_what_is_loaded_is_what_was_saved(tmp_path_factory, arrays, meta, strides) -> None:
    path = tmp_path_factory.mktemp("law") / "x.safetensors"
    if strides == "transposed":
        arrays = {name: array.T for name, array in arrays.items()}
    elif strides == "every second":
        arrays = {name: array[..., ::2] if array.ndim else array for name, array in arrays.items()}
    save_checkpoint(path, arrays, meta)
    loaded, loaded_meta = load_checkpoint(path)
    assert repr(loaded_meta) == repr(json.loads(json.dumps(meta, sort_keys=True)))
    elsewhere = load_file(path)  # the library of the format is the oracle
    assert loaded.keys() == arrays.keys() == elsewhere.keys()
    for name, array in arrays.items():
        wanted = array.astype(array.dtype.newbyteorder("<"))
        for found in (loaded[name], elsewhere[name]):
            assert found.dtype == wanted.dtype
            assert found.shape == wanted.shape
            assert found.tobytes() == wanted.tobytes()
        assert loaded[name].flags.writeable
        assert loaded[name].flags.c_contiguous
        assert loaded[name].flags.owndata


def test_file_is_the_one_the_library_would_write(file: Path) -> None:
    arrays, _ = sample()
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    assert content == save(arrays, metadata)


def test_bytes_depend_on_nothing_but_the_content(file: Path, tmp_path: Path) -> None:
    script = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from recurra.storage.checkpoints import load_checkpoint, save_checkpoint\n"
        "arrays, meta = load_checkpoint(Path(sys.argv[1]))\n"
        "backwards = lambda d: dict(reversed(d.items()))\n"
        "save_checkpoint(Path(sys.argv[2]), backwards(arrays), backwards(meta))\n"
    )
    for seed in ("0", "1", "2"):
        copy = tmp_path / f"copy{seed}"
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", script, file, copy], check=True, env=environment)
        assert copy.read_bytes() == file.read_bytes()


def test_generator_resumes_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(2024)
    rng.standard_normal(5)
    state = rng.bit_generator.state
    assert state["state"]["state"].bit_length() > 64
    meta = {"rng": state, "loss": 0.1 + 0.2, "tiny": 5e-324, "best": None, "start": float("inf")}
    save_checkpoint(tmp_path / "x", {}, meta)
    _, loaded = load_checkpoint(tmp_path / "x")
    assert loaded == meta
    other = np.random.default_rng()
    other.bit_generator.state = loaded["rng"]
    assert other.standard_normal(9).tobytes() == rng.standard_normal(9).tobytes()


def test_dtype_that_cannot_be_stored(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="complex128"):
        save_checkpoint(tmp_path / "x", {"z": np.zeros(2, complex)}, None)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------- damage


def test_every_flipped_bit_is_refused(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        file.write_bytes(content)
        with pytest.raises(RunError):
            load_checkpoint(file)
        content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    load_checkpoint(file)


def test_every_length_but_its_own_is_refused(file: Path) -> None:
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(RunError, match=r"empty|cut short"):
            load_checkpoint(file)
    file.write_bytes(content + b"\0")
    with pytest.raises(RunError, match="added to"):
        load_checkpoint(file)


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"

    def refused(reason: str) -> None:
        with pytest.raises(RunError, match=reason) as caught:
            load_checkpoint(path)
        assert str(path) in str(caught.value)

    refused("No such file")
    path.mkdir()
    refused("no regular file")
    path.rmdir()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for victim in ({}, [1], {"U": np.zeros(300)}):
            path.write_bytes(pickle.dumps(victim, protocol))
            refused("pickle" if protocol >= 2 else "not a safetensors")
    with zipfile.ZipFile(path, "w") as archive:  # as torch.save and np.savez make them
        archive.writestr("data.pkl", b"x" * 100)
    refused("zip")
    for text in ("To be, or not to be: that is the question.\n" * 9, "短", "{}"):
        path.write_text(text, encoding="utf-8")
        refused("not a safetensors")
    for metadata in (None, {"format": "pt"}, {"recurra": "[]"}, {"recurra": "{}"}):
        save_file({"weight": np.zeros(3)}, path, metadata)
        refused("not a checkpoint of Recurra")


def forge(path: Path, tensors: str, data: bytes, version: int = FORMAT) -> None:
    """A file whose checksum is right, made by another hand; `tensors` is JSON after metadata."""

    def header(digest: str) -> bytes:
        record = f'{{"format":{version},"meta":null,"sha256":"{digest}"}}'
        text = f'{{"__metadata__":{{"recurra":{json.dumps(record)}}}{tensors}}}'.encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text

    digest = hashlib.sha256(header("0" * 64) + data).hexdigest()
    path.write_bytes(header(digest) + data)


def tensor(name: str, start: int, end: int, shape: str = "[1]", dtype: str = "F32") -> str:
    return f',"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}'


def test_forged_but_well_formed_file_is_read(tmp_path: Path) -> None:
    forge(tmp_path / "x", tensor("a", 0, 4), np.float32(2.5).tobytes())
    arrays, meta = load_checkpoint(tmp_path / "x")
    assert arrays == {"a": np.array([2.5], np.float32)}
    assert meta is None


@pytest.mark.parametrize(
    ("tensors", "size"),
    {
        "doubled key": (tensor("a", 0, 4) + tensor("a", 0, 4), 4),
        "overlap": (tensor("a", 0, 4) + tensor("b", 2, 6), 6),
        "hole": (tensor("a", 0, 4) + tensor("b", 8, 12), 12),
        "wrong order": (tensor("b", 0, 4) + tensor("a", 4, 8), 8),
        "size and shape disagree": (tensor("a", 0, 8), 8),
        "negative": (tensor("a", 0, 4, "[-1]"), 4),
        "boolean": (tensor("a", 0, 4, "[true]"), 4),
        "not an integer": (tensor("a", 0, 4, "[1.0]"), 4),
        "not a list": (tensor("a", 0, 4, '"1"'), 4),
        "huge": (tensor("a", 0, 0, "[0,99999999999999999999]"), 0),
        "too many axes": (tensor("a", 0, 4, str([1] * 99)), 4),
        "unknown dtype": (tensor("a", 0, 4, dtype="F31"), 4),
        "unhashable dtype": (tensor("a", 0, 4).replace('"F32"', "[]"), 4),
        "number for a tensor": (',"a":1', 0),
        "space": (tensor("a", 0, 4) + " ", 4),
        "deep nesting": (',"a":' + "[" * 200_000, 0),
        "a number of many digits": (',"a":' + "9" * 5000, 0),
    }.values(),
)
def test_malformed_header_is_refused(tmp_path: Path, tensors: str, size: int) -> None:
    forge(tmp_path / "x", tensors, bytes(size))
    with pytest.raises(RunError, match="not a checkpoint of Recurra, or its header is damaged"):
        load_checkpoint(tmp_path / "x")


def test_newer_format(tmp_path: Path) -> None:
    forge(tmp_path / "x", ',"a":"who knows"', b"", version=FORMAT + 1)
    with pytest.raises(RunError, match=r"newer Recurra.*Upgrade"):
        load_checkpoint(tmp_path / "x")


COUNT: dict[str, tuple[int, ...]] = {"optimizer/count": ()}


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ({**COUNT, "parameter/U": (3, 4)}, r"parameter/U is \(3, 2\).*want \(3, 4\)"),
        ({**COUNT, "parameter/U": (3, 2), "parameter/W": (2, 2)}, r"parameter/W is missing"),
        ({"parameter/U": (3, 2)}, r"optimizer/count is \(\).*want no such array"),
        (COUNT, r"parameter/U is \(3, 2\).*want no such array"),
    ],
)
def test_expected_shapes(file: Path, expected: dict[str, tuple[int, ...]], reason: str) -> None:
    load_checkpoint(file, {**COUNT, "parameter/U": (3, 2)})
    with pytest.raises(RunError, match=reason):
        load_checkpoint(file, expected)


def test_huge_array_that_nobody_expects_is_not_read(tmp_path: Path) -> None:
    size = 2**40
    forge(tmp_path / "x", tensor("a", 0, 4) + tensor("b", 4, 4 + size, f"[{size // 4}]"), b"")
    os.truncate(tmp_path / "x", (tmp_path / "x").stat().st_size + 4 + size)
    with pytest.raises(RunError, match=r"b is .*want no such array"):
        load_checkpoint(tmp_path / "x", {"a": (1,)})


# ------------------------------------------------------------------------------- failing disks


def save_in_child(path: Path, *, limit: int | None = None) -> str:
    """Save half a megabyte in a process of its own; the error's text, or nothing."""
    script = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from recurra.storage.checkpoints import save_checkpoint\n"
        "from recurra.errors import RunError\n"
        "try: save_checkpoint(Path(sys.argv[1]), {'a': np.zeros(65536)}, None)\n"
        "except RunError as error: print(error)\n"
    )

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-c", script, path], preexec_fn=limited, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_file_too_large(file: Path) -> None:
    before = file.read_bytes()
    assert "cannot write" in save_in_child(file, limit=100_000)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    assert save_in_child(file) == ""
    assert load_checkpoint(file)[0]["a"].shape == (65536,)


def test_full_and_read_only_disk(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("only root may mount a small disk")
    try:
        file = tmp_path / "last.safetensors"
        save_checkpoint(file, *sample())
        before = file.read_bytes()
        assert "No space left" in save_in_child(file)
        assert file.read_bytes() == before
        assert list(tmp_path.iterdir()) == [file]
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        assert "Read-only" in save_in_child(file)
        assert file.read_bytes() == before
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file"):
        write_atomic(tmp_path / "nowhere" / "x", b"x")


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_killed_while_writing(tmp_path: Path, sent: signal.Signals) -> None:
    """A reader finds one whole content at every moment, and after the end of the writer too."""
    path = tmp_path / "x"
    script = (
        "import signal, sys; from pathlib import Path\n"
        "from recurra.storage.folder import write_atomic\n"
        # the background job of a shell, as these tests may be, ignores Ctrl-C
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "contents = [bytes([n]) * 4_000_000 for n in range(5)]\n"
        "try:\n"
        "    while True:\n"
        "        for content in contents: write_atomic(Path(sys.argv[1]), content)\n"
        "except KeyboardInterrupt: pass\n"
    )

    def whole() -> bool:
        content = path.read_bytes()
        return len(content) == 4_000_000 == content.count(content[:1])

    for reads in (1, 5, 12, 30):
        path.unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-c", script, path])
        try:
            while not path.exists():
                assert child.poll() is None
                time.sleep(0.001)
            assert all(whole() for _ in range(reads))
        finally:
            child.send_signal(sent)
            child.wait()
        assert whole()
        if sent == signal.SIGINT:
            assert list(tmp_path.iterdir()) == [path]
