"""Ways to spoil a file: bits, lengths, JSON at every path, other things than files in its place.

Each takes the file, a random generator and a number that counts up, so that every path of a JSON
document has its turn; it returns a few words on what it did.
"""

import contextlib
import hashlib
import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import RunError
from recurra.storage.checkpoints import load_checkpoint, save_checkpoint

Spoil = Callable[[Path, random.Random, int], str]

SENTINEL = "SENTINEL"  # stands for the path of a file that nobody may touch or read
RAW = "RAW:"  # what follows goes into JSON as it stands
VALUES: list[Any] = [
    None, True, 0, 1, -1, 1.5, 1e308, -1e-320, 2**31, 2**63, 10**30, "", "x", "x" * 100_000, [], {},
    [[]], [None], {"a": {}}, [1, 2], "1", "0x10", "nan", "\x1b[31m\x9b2J\x07", "\ud800", "\0", "\n",
    "../../../..", SENTINEL, "http://127.0.0.1:9/x", "ftp://127.0.0.1/x", "/dev/zero", "/dev/null",
    "shakespeare", ["http://127.0.0.1:9/x"], ["/dev/zero"], [SENTINEL], "999999999", "compiled",
    "1e999999999/0/0", "2026-99-99", "mean", "=1+1", "<script>alert(1)</script>",
    RAW + "1e999", RAW + "-1e999", RAW + "NaN", RAW + "Infinity", RAW + "-Infinity",
    RAW + "9" * 5000, RAW + "-" + "9" * 30, RAW + "1e400000", RAW + "[" * 100_000,
    RAW + "[" * 100_000 + "]" * 100_000, RAW + '{"a":' * 50_000 + "1" + "}" * 50_000,
    RAW + "01", RAW + "tru", RAW + "'x'", RAW + "/* */ 1",
]  # fmt: skip


def flip_bits(path: Path, chance: random.Random, _: int) -> str:
    """One to three bits."""
    content = bytearray(path.read_bytes())
    places = [chance.randrange(8 * len(content)) for _ in range(chance.choice([1, 1, 3]))]
    for place in places:
        content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    return f"bits {places} flipped"


def truncate(path: Path, chance: random.Random, turn: int) -> str:
    """Shorter: by one byte, to nothing, anywhere."""
    size = path.stat().st_size
    left = [0, size - 1, 1][turn % 8] if turn % 8 < 3 else chance.randrange(size)
    os.truncate(path, left)
    return f"{left} of {size} bytes left"


def insert(path: Path, chance: random.Random, _: int) -> str:
    """Bytes in the middle or at the end, a piece twice, a piece gone."""
    content = path.read_bytes()
    start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    middle = chance.choice(
        [b"", b"\n", b"\0", b"\xff\xfe", b"{}\n", b"\x1b[31m", content[start:end] * 2,
         b"[" * 100_000, b" " * 1_000_000, b"\r\n", "\u2028\u009b".encode()]
    )  # fmt: skip
    path.write_bytes(content[:start] + middle + content[end:])
    return f"bytes {start} to {end} replaced by {middle[:12]!r} ({len(middle):,})"


def edit_json(path: Path, chance: random.Random, turn: int) -> str:
    """A value, a key or an item of a JSON document; every path has its turn."""
    document, words = edited(json.loads(path.read_text("utf-8")), chance, turn)
    path.write_bytes(document)
    return words


def edit_line(path: Path, chance: random.Random, turn: int) -> str:
    """The same in one line of a file of JSON lines; or lines that are gone, doubled or swapped."""
    lines = path.read_bytes().split(b"\n")[:-1]
    number = chance.randrange(len(lines))
    match turn % 10:
        case 0:
            words = f"line {number + 1} doubled"
            lines.insert(number, lines[number])
        case 1:
            words = f"line {number + 1} gone"
            del lines[number]
        case 2:
            other = chance.randrange(len(lines))
            words = f"lines {number + 1} and {other + 1} swapped"
            lines[number], lines[other] = lines[other], lines[number]
        case _:
            lines[number], words = edited(json.loads(lines[number]), chance, turn)
            words = f"line {number + 1}: {words}"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return words


def edited(document: Any, chance: random.Random, turn: int) -> tuple[bytes, str]:
    """A JSON document with something else at one of its paths."""
    places = list(_places(document))
    if not places:
        return _encode(chance.choice(VALUES)), "something else"
    parent, key, name = places[turn % len(places)]
    how = chance.choice(["value"] * 12 + ["delete", "delete", "double", "rename", "neighbour"])
    if how == "value":
        value = chance.choice(VALUES)
        parent[key] = value
        shown = ascii(value)
        return _encode(document), f"{name} = {shown if len(shown) < 60 else shown[:57] + '...'}"
    if how == "delete":
        del parent[key]
    elif how == "neighbour":
        parent[key] = chance.choice(places)[0]
        with contextlib.suppress(ValueError, RecursionError):
            return _encode(document), f"{name}: {how}"
        parent[key] = "itself"  # it would have held itself
    elif isinstance(parent, list):
        parent.insert(key, parent[key])
    elif how == "double":
        parent[f"{RAW}twice"] = None
        whole = _encode(document)
        again = json.dumps(key) + ": " + json.dumps(chance.choice(VALUES[:30])).replace(RAW, "")
        return whole.replace(b'"RAW:twice": null', again.encode()), f"{name} twice"
    else:
        parent[f"{key}x"] = parent.pop(key)
    return _encode(document), f"{name}: {how}"


def _places(value: Any, name: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Every path in a document: where it hangs, its key, its name."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key, f"{name}.{key}"
        if isinstance(item, dict | list):
            yield from _places(item, f"{name}.{key}")


def _encode(document: Any) -> bytes:
    text = json.dumps(document, indent=1)
    for value in (value for value in VALUES if isinstance(value, str) and value.startswith(RAW)):
        text = text.replace(json.dumps(value), value.removeprefix(RAW))
    return text.encode()


# ---------------------------------------------------------------------------------- checkpoints


def edit_meta(path: Path, chance: random.Random, turn: int) -> str:
    """What a checkpoint says besides its arrays, its checksum right; numbers that JSON knows."""
    arrays, sealed = load_checkpoint(path)
    document, words = edited(sealed.get("meta", sealed), chance, turn)
    try:
        changed = json.loads(document)
        save_checkpoint(path, arrays, {**sealed, "meta": changed} if "meta" in sealed else changed)
    except (ValueError, RecursionError):
        return flip_bits(path, chance, turn)
    return f"meta{words}, checksum right"


def edit_arrays(path: Path, chance: random.Random, turn: int) -> str:
    """An array of another shape, type or numbers, gone or new; the checksum right."""
    arrays, sealed = load_checkpoint(path)
    name = sorted(arrays)[turn % len(arrays)]
    array = arrays[name]
    how = chance.choice(["nan", "inf", "1e38", "shape", "type", "gone", "new", "empty", "integers"])
    match how:
        case "nan" | "inf" | "1e38":
            arrays[name] = np.full(array.shape, float(how), np.float32)
        case "shape":
            arrays[name] = array.reshape(-1)
        case "type":
            arrays[name] = array.astype(np.float64)
        case "integers":
            arrays[name] = array.astype(np.int64)
        case "gone":
            del arrays[name]
        case "new":
            arrays[chance.choice(["parameter/XX", "\x1b[31m", "x/y", ""])] = array
        case "empty":
            arrays[name] = np.zeros((0, 10**6), np.float32)
    save_checkpoint(path, arrays, sealed)
    return f"array {name}: {how}, checksum right"


def seal_again(run: Path) -> None:
    """Make the checkpoints of a run fit its changed configuration, as its forger would."""
    try:
        config = json.loads((run / "config.json").read_text("utf-8"))
        config.pop("format", None)
        vocabulary = json.loads((run / "vocabulary.json").read_text("utf-8"))["characters"]
        equations = (run / "equations.eq").read_text("utf-8")
        whole = [config, equations, vocabulary]
        definition = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        seal = hashlib.sha256(definition.encode()).hexdigest()
        for path in run.glob("*.safetensors"):
            arrays, sealed = load_checkpoint(path)
            save_checkpoint(path, arrays, {**sealed, "seal": seal})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError, RunError):
        pass  # it cannot be sealed: as well


# ------------------------------------------------------------------------------ other than files


def replace_file(path: Path, chance: random.Random, turn: int) -> str:
    """A FIFO, device, folder, socket, link or endless file in its place; or nothing."""
    kinds = [
        "fifo", "folder", "socket", "link to itself", "gone", "sparse", "link to a sentinel",
        "/dev/zero", "/dev/full", "/dev/null", "/dev/tty", "/proc/self/mem", "linked folder",
    ]  # fmt: skip
    how = kinds[turn % len(kinds)]
    content = path.read_bytes()
    path.unlink()
    match how:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "socket":
            here = os.getcwd()
            os.chdir(path.parent)  # the name of a socket may not be long
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(path.name)
            os.chdir(here)
        case "link to itself":
            path.symlink_to(path.name)
        case "sparse":
            path.write_bytes(content)
            os.truncate(path, 20 * 2**30)
        case "link to a sentinel":
            sentinel = Path(os.environ[SENTINEL]) / path.name
            sentinel.write_bytes(content)
            path.symlink_to(sentinel)
        case "linked folder":
            path.symlink_to(os.environ[SENTINEL])
        case "gone":
            pass
        case device:
            path.symlink_to(device)
    return f"{how} in its place"


# ------------------------------------------------------------------------------------- equations

LINES = [
    "layers = 50", "layers = 10000000", "layers = -1", "layers = 1e9", "layers = layers", "i = 1",
    "h[t] = h[t]", "h[t] = h[t+1]", "h[t] = tanh(" * 500, "(" * 100_000, "x[t] = 1", "\x1b[31m",
    "h[t-1000000000] = 1", "h[t] = tanh(U @ x[t]) ** 1e999", "# \x9b2J", "h[t] = __import__('os')",
    "a[t] = tanh(" + " + ".join(f"A{i} @ x[t]" for i in range(3000)) + ")", "lag = 10**9",
    "U: constant(1e999)", "U: normal(nan)", "h[t] = tanh(U @ h[t-99999999])", "1" * 100_000,
    "o[t] = softmax(V @ h[t])", "f1 = tanh", "ℎ[t] = tanh(U @ x[t])", "\0", "h" * 100_000 + " = 1",
]  # fmt: skip


def edit_equations(path: Path, chance: random.Random, turn: int) -> str:
    """A line more, a line less, a character else."""
    lines = path.read_text("utf-8").splitlines()
    number = chance.randrange(len(lines))
    if turn % 3 == 0:
        del lines[number]
        words = f"line {number + 1} gone"
    elif turn % 3 == 1:
        line = LINES[turn // 3 % len(LINES)]
        lines.insert(number, line)
        words = f"line {number + 1} is new: {ascii(line)[:50]}"
    else:
        line, place = lines[number], chance.randrange(max(1, len(lines[number])))
        character = chance.choice("()[]@*+-=.,:#_t0x\\'\"\t\u00b2\x9b\U0001f600")
        lines[number] = line[:place] + character + line[place + 1 :]
        words = f"line {number + 1}, column {place + 1}: {character!a}"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return words
