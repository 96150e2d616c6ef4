"""Texts by address: fetched once, verified, within bounds; a failure is a sentence."""

import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from files import write
from recurra.errors import TextError
from recurra.text.download import download
from recurra.text.sources import absolute, read_documents

HEAD = b"HTTP/1.0 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_address_is_fetched_once_verified_and_kept(
    server: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = "雨还在下。".encode("gb18030")
    served = write(tmp_path / "served" / "rain.txt", data)
    cache = tmp_path / "cache"
    url = f"{server}/rain.txt#sha256={hashlib.sha256(data).hexdigest().upper()}"
    assert download(url, cache).read_bytes() == data
    served.unlink()
    assert download(url, cache).read_bytes() == data
    assert download(f"{server}/rain.txt", cache).read_bytes() == data
    assert capfd.readouterr() == ("", "")


def test_address_is_a_source(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "served" / "rain.txt", "It rains.")
    monkeypatch.setattr(
        "recurra.text.sources.download", partial(download, cache=tmp_path / "cache")
    )
    [document] = read_documents([f"{server}/rain.txt"])
    assert (document.name, document.text) == (f"{server}/rain.txt", "It rains.")


def test_wrong_hash_missing_file_and_no_connection_are_sentences(
    server: str, tmp_path: Path
) -> None:
    write(tmp_path / "served" / "rain.txt", "It rains.")
    cache = tmp_path / "cache"
    for sha256 in ("0" * 64, "beef"):
        with pytest.raises(TextError, match=f"does not have the SHA-256 {sha256}"):
            download(f"{server}/rain.txt#sha256={sha256}", cache)
    with pytest.raises(TextError, match=r"cannot be fetched \(HTTP 404\)"):
        download(f"{server}/snow.txt", cache)
    assert not [path for path in cache.rglob("*") if path.is_file()]
    # Port 1 is reserved: nobody listens.
    with pytest.raises(TextError, match=r"cannot be fetched \(ConnectionError\).*the connection"):
        download("http://127.0.0.1:1/rain.txt", cache)
    with pytest.raises(TextError, match="is no address"):
        download("http://[::1/rain.txt", cache)


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on which every connection gets what a function sends; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    connection.recv(4096)
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/text.txt"
        finally:
            ended.set()
            socket.create_connection(listening.getsockname()).close()
            thread.join()


def slowly(connection: socket.socket, begin: bytes = b"") -> None:
    connection.sendall(begin)
    for _ in range(25):
        connection.sendall(b"a")
        time.sleep(0.1)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"a" * 65536)


@pytest.mark.parametrize("begin", [b"", HEAD], ids=["head", "body"])
def test_a_slow_server_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: bytes) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("recurra.text.download.PATIENCE", 0.5)
    with answering(partial(slowly, begin=begin)) as url:
        with pytest.raises(TextError, match="comes too slowly"):
            download(url, tmp_path)
        assert not list(tmp_path.iterdir())


def test_an_endless_text_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("recurra.text.download.MAX_BYTES", 10**6)
    seen: list[str] = []
    with answering(endless) as url, pytest.raises(TextError, match="has more than 1,000,000 bytes"):
        download(url, tmp_path, progress=seen.append)
    assert not list(tmp_path.iterdir())
    begin, size, end = seen[-1].rpartition(": ")[0], *seen[-1].rpartition(": ")[2].split()
    assert (begin, end) == (f"downloading {url}", "bytes")
    assert int(size.replace(",", "")) < 1_200_000


def test_what_a_killed_download_left_is_removed(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    script = (
        "import sys; from pathlib import Path; from recurra.text.download import download\n"
        "download(sys.argv[1], Path(sys.argv[2]), progress=lambda *_: print('on', flush=True))\n"
    )
    with answering(partial(slowly, begin=HEAD)) as url:
        child = subprocess.Popen(
            [sys.executable, "-c", script, url, str(cache)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"on\n"
        write(tmp_path / "served" / "rain.txt", "It rains.")
        download(f"{server}/rain.txt", cache)
        assert len(list(cache.glob("tmp*"))) == 1  # it is still being written
        child.kill()
        child.communicate()
    download(f"{server}/rain.txt?again", cache)
    assert not list(cache.glob("tmp*"))


def test_an_address_that_a_folder_names_is_not_asked_for(server: str, tmp_path: Path) -> None:
    write(tmp_path / "served" / "rain.txt", "It rains.")
    url, cache = f"{server}/rain.txt", tmp_path / "cache"
    with pytest.raises(TextError, match="allow the download with --fetch"):
        download(url, cache, fetch=False)
    assert not cache.exists()
    download(url, cache)
    assert download(url, cache, fetch=False).read_text() == "It rains."


@pytest.mark.parametrize("address", ["ftp://example.org/a.txt", "file:///etc/hosts", "gopher://x"])
def test_another_kind_of_address_is_no_missing_file(address: str) -> None:
    with pytest.raises(TextError, match="no address that can be read: use https://"):
        read_documents([address])


def test_an_address_may_be_longer_than_a_file_name():
    address = "https://host/" + "a" * 300
    assert absolute(address) == address
