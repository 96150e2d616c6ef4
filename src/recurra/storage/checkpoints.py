"""Checkpoints: named arrays and their meta data in one safetensors file that is never torn.

The format is public (https://github.com/huggingface/safetensors, "Format"): eight bytes of header
length, a JSON header, the raw arrays; any safetensors library opens a checkpoint. Recurra writes
and reads it here itself, because a run must end in the same bytes every time and no damage may
pass unseen:

- One thing is written in one way only: arrays by falling item size, then by name (so all stay
  aligned), and one metadata key, "recurra", whose value is one sorted, compact JSON text
  ``{"format": 1, "meta": ..., "sha256": ...}``.
- The checksum covers the whole file: it is the SHA-256 of all bytes as they would be with 64 zeros
  in its own place. Nothing need be read back after a save; what was hashed is what was written,
  and every load verifies it.
- A header is accepted only if it is, byte for byte, the header that would be written for what it
  says: a doubled key, a hole, an overlap or a stray space has no second reading.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import RunError
from recurra.storage.files import canonical_json, open_regular
from recurra.storage.folder import write_atomic

FORMAT = 1
"""Format of run folders and checkpoints; raised when an older Recurra could not read them right."""

MAX_HEADER = 100 * 10**6
"""Bytes; safetensors itself allows no more."""

Arrays = dict[str, np.ndarray[Any, Any]]
_Layout = dict[str, tuple[str, list[int]]]  # name -> (kind, shape), in the order of the file

_DTYPES = {
    "BOOL": np.dtype("?"),
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
}
_KINDS = {dtype: kind for kind, dtype in _DTYPES.items()}


def save_checkpoint(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]], meta: Any) -> None:
    """Save arrays and meta as one file, atomically; see `encode_checkpoint`.

    Args:
        path: the file, by custom ``*.safetensors``.
        arrays, meta: what it holds.

    Raises:
        RunError: the file cannot be written; an older file of that name is as it was.
    """
    write_atomic(path, *encode_checkpoint(arrays, meta))


def encode_checkpoint(
    arrays: Mapping[str, np.ndarray[Any, Any]], meta: Any
) -> list[bytes | memoryview]:
    """The bytes of a checkpoint, in parts; equal arrays and meta give equal bytes.

    Args:
        arrays: name -> array of booleans, integers or floats up to 64 bits, of any shape, byte
            order and strides; stored little-endian and C-contiguous.
        meta: any JSON value; floats (also NaN and infinities) and long integers are kept exactly.

    Raises:
        ValueError: an array has another dtype, or a name that is no UTF-8.
    """
    stored: Arrays = {}
    for name, array in arrays.items():
        dtype = array.dtype.newbyteorder("<")
        if dtype not in _KINDS:
            raise ValueError(f"array {name!r}: a checkpoint cannot hold dtype {array.dtype}")
        stored[name] = np.asarray(array, dtype=dtype, order="C")
    layout = _sorted({name: (_KINDS[a.dtype], list(a.shape)) for name, a in stored.items()})
    record = {"format": FORMAT, "meta": meta, "sha256": "0" * 64}
    data = [_raw(stored[name]) for name in layout]
    checksum = hashlib.sha256(_header(layout, record))
    for part in data:
        checksum.update(part)
    return [_header(layout, record | {"sha256": checksum.hexdigest()}), *data]


def load_checkpoint(
    path: Path, expected: Mapping[str, tuple[int, ...]] | None = None
) -> tuple[Arrays, Any]:
    """Load what `save_checkpoint` saved.

    Args:
        path: the file.
        expected: see `read_checkpoint`.

    Raises:
        RunError: see `read_checkpoint`.
    """
    return read_checkpoint(path, lambda: open_regular(path), expected)


def read_checkpoint(
    path: Path,
    opener: Callable[[], BufferedReader],
    expected: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[Arrays, Any]:
    """Read the file that an opener opens.

    Args:
        path: of the file, for messages.
        opener: opens it.
        expected: array name -> shape. Each must be there in that shape, and no other array may be:
            so nothing larger is read than the caller knows of.

    Returns:
        The arrays, new and writable, and the meta data.

    Raises:
        RunError: the file is missing, foreign, a pickle, cut short, damaged in any bit, of a newer
            format, or not of the expected shapes.
    """
    try:
        with opener() as file:
            header, layout, record = _read_header(path, file)
            if expected is not None:
                _check_shapes(path, layout, expected)
            size = len(header) + sum(_bytes(*entry) for entry in layout.values())
            found = os.fstat(file.fileno()).st_size
            if found != size:
                raise RunError(
                    f"{path} has {found:,} bytes where {size:,} were saved: it was cut short or"
                    " added to. Copy it again or restore a backup"
                )
            checksum = hashlib.sha256(_header(layout, record | {"sha256": "0" * 64}))
            arrays = {}
            for name, (kind, shape) in layout.items():
                arrays[name] = np.empty(shape, _DTYPES[kind])
                raw = _raw(arrays[name])
                file.readinto(raw)
                checksum.update(raw)
    except OSError as error:
        raise RunError(f"cannot read the checkpoint {path}: {error.strerror}") from None
    if checksum.hexdigest() != record["sha256"]:
        raise RunError(
            f"{path} is damaged: its bytes do not match its checksum. Restore a backup or train"
            " again"
        )
    return arrays, record["meta"]


def _header(layout: _Layout, record: Mapping[str, Any]) -> bytes:
    """The only header for these arrays and this record: length, JSON, spaces up to 8 bytes."""
    entries: dict[str, Any] = {"__metadata__": {"recurra": canonical_json(record)}}
    start = 0
    for name, (kind, shape) in layout.items():
        end = start + _bytes(kind, shape)
        entries[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
        start = end
    encoded = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded


def _read_header(path: Path, file: BufferedReader) -> tuple[bytes, _Layout, dict[str, Any]]:
    """Read the header strictly: its bytes, its layout and its record."""
    size = os.fstat(file.fileno()).st_size
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if size == 0:
        raise RunError(f"{path} is empty: restore a backup or train again")
    if 8 + length > size or length > MAX_HEADER:
        # A pickle starts with 0x80, its version and an opcode, which is never zero.
        if (prefix[:1] == b"\x80" and prefix[2:3] > b"\0") or prefix[:2] == b"PK":
            raise RunError(
                f"{path} is a pickle or a zip archive, not a safetensors file; Recurra never opens"
                " those, for they can run code"
            )
        raise RunError(
            f"{path} was cut short, or is not a safetensors file at all: copy it again or restore"
            " a backup"
        )
    try:
        encoded = file.read(length)
        entries = json.loads(encoded.decode())
        record = json.loads(entries.pop("__metadata__")["recurra"])
        version = record["format"]
        if type(version) is int and version > FORMAT:
            raise RunError(
                f"{path} has format {version}, from a newer Recurra; this one reads formats up to"
                f" {FORMAT}. Upgrade with: pip install --upgrade recurra"
            )
        layout = _sorted({name: (e["dtype"], e["shape"]) for name, e in entries.items()})
        for kind, shape in layout.values():
            if not all(type(n) is int and 0 <= n <= size for n in shape):
                raise ValueError(shape)
            # A view without memory: as many axes as NumPy has, a product within its limits.
            np.broadcast_to(np.zeros((), _DTYPES[kind]), shape)
        header = prefix + encoded
        if set(record) != {"format", "meta", "sha256"} or _header(layout, record) != header:
            raise ValueError("not as it would be written")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise RunError(
            f"{path} is not a checkpoint of Recurra, or its header is damaged: copy it again,"
            " restore a backup or train again"
        ) from None
    return header, layout, record


def _check_shapes(path: Path, layout: _Layout, expected: Mapping[str, tuple[int, ...]]) -> None:
    found = {name: tuple(shape) for name, (_, shape) in layout.items()}
    for name in sorted({*found, *expected}):
        has, wants = found.get(name, "missing"), expected.get(name, "no such array")
        if has != wants:
            raise RunError(
                f"{path} does not fit its network: {name} is {has}, but the equations and sizes of"
                f" this run want {wants}. Use the checkpoint with the run it was trained in"
            )


def _sorted(layout: _Layout) -> _Layout:
    return dict(sorted(layout.items(), key=lambda item: (-_DTYPES[item[1][0]].itemsize, item[0])))


def _bytes(kind: str, shape: list[int]) -> int:
    return math.prod(shape) * _DTYPES[kind].itemsize


def _raw(array: np.ndarray[Any, Any]) -> memoryview:
    """The bytes of a C-contiguous array, without a copy."""
    return array.reshape(-1).view(np.uint8).data
