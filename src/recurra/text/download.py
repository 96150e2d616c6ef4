"""Texts at an address: downloaded once, within bounds, then read from the cache."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import IO

from recurra.errors import RunError, TextError
from recurra.storage.files import open_regular
from recurra.storage.locks import lock_file

SCHEMES = ("http://", "https://")
MAX_BYTES = 2**31  # of a text
PATIENCE = 30.0  # seconds without a byte, and before the speed is looked at
SLOWEST = 4096  # bytes a second

Progress = Callable[[str], object]
"""Called with how far it is, such as "downloading https://example.org/novel.txt: 65,536 bytes"."""


def download(
    url: str, cache: Path | None = None, *, fetch: bool = True, progress: Progress | None = None
) -> Path:
    """Download a file once; afterwards it comes from the cache.

    Args:
        url: ``https://...``; ``#sha256=`` and 64 hexadecimal digits at its end verify the file.
        cache: folder to keep it in; default: the system's folder for caches.
        fetch: False: read the cache only.
        progress: called several times a second.

    Raises:
        TextError: not in the cache, offline, not found, too large, too slow, or another hash.
    """
    import pooch

    address, _, sha256 = url.partition("#sha256=")
    # By default pooch tells of every download on stderr.
    pooch.get_logger().setLevel("WARNING")
    folder = Path(cache or pooch.os_cache("recurra"))
    try:
        name = pooch.utils.unique_file_name(address)
        if not fetch and not (folder / name).exists():
            raise TextError(
                f"{address} is not here yet, and a folder names it, not you: allow the download "
                "with --fetch, or name the text yourself"
            )
        _remove_pieces(folder)
        pooch.retrieve(
            address,
            f"sha256:{sha256.lower()}" if sha256 else None,
            fname=name,
            path=folder,
            downloader=lambda _, piece, __: _receive(address, Path(piece), progress),
        )
    except OSError as error:
        response = getattr(error, "response", None)
        reason = type(error).__name__ if response is None else f"HTTP {response.status_code}"
        raise TextError(
            f"{address} cannot be fetched ({reason}): check the address and the connection, or "
            "download the file yourself and name it"
        ) from error
    except ValueError as error:
        wrong = (
            f"does not have the SHA-256 {sha256}: check the hash; if it is right, the file there "
            "has changed"
            if sha256
            else f"is no address ({error}): check it"
        )
        raise TextError(f"{address} {wrong}") from error
    return folder / str(name)


def _receive(address: str, piece: Path, progress: Progress | None) -> None:
    """Download into a file. A thread receives, so that no server can hold this one."""
    import requests

    size, left = 0, Event()
    errors: list[Exception] = []

    def receive(file: IO[bytes]) -> None:
        nonlocal size
        try:
            with requests.get(address, timeout=PATIENCE, stream=True) as response:
                response.raise_for_status()
                for received in response.iter_content(2**14):
                    size += len(received)
                    if left.is_set() or size > MAX_BYTES:
                        return
                    file.write(received)
        except Exception as error:  # noqa: BLE001 (raised again by who waits)
            errors.append(error.with_traceback(None))

    with piece.open("wb") as file:
        lock_file(file, piece.parent)
        begun, thread = time.monotonic(), Thread(target=receive, args=[file], daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(0.2)
                late = time.monotonic() - begun - PATIENCE
                if thread.is_alive() and size < SLOWEST * late:
                    raise TextError(
                        f"{address} comes too slowly ({size:,} bytes so far): download the file "
                        "yourself and name it"
                    )
                if progress is not None:
                    progress(f"downloading {address}: {size:,} bytes")
        finally:
            left.set()
    if size > MAX_BYTES:
        raise TextError(f"{address} has more than {MAX_BYTES:,} bytes: give a part of it")
    if errors:
        raise errors[0]


def _remove_pieces(folder: Path) -> None:
    """Remove what killed downloads have left: a process that lives holds its piece."""
    for piece in folder.glob("tmp" + 8 * "[a-z0-9_]"):  # as tempfile, and so pooch, names them
        try:
            with open_regular(piece) as file:
                lock_file(file, folder)
                piece.unlink()
        except (OSError, RunError):
            continue
