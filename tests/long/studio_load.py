"""A studio under load for a minute: memory stays flat, answers stay right.

`python tests/long/studio_load.py [SECONDS]`: 20 open pages, 1,000 requests a minute for writing,
curves and lists, and 50 readers at a time that hang up. Linux only: it reads /proc.
"""

import contextlib
import json
import random
import socket
import sys
import tempfile
import threading
import time
from itertools import count
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "src")]

import httpx  # noqa: E402

import recurra  # noqa: E402
from studio_process import cpu_seconds, memory, studio_process  # noqa: E402

RUN = "runs/rnn"
GROWTH = 48  # MiB that the server may have grown by after the first tenth of the time
SHORT = {"model": RUN, "prompt": "to be", "max_tokens": 40, "seed": 1}


def hang_up(port: int, token: str) -> None:
    """Ask for a long text, read a little of it or nothing, and leave."""
    body = json.dumps({**SHORT, "max_tokens": 500_000, "stream": True}).encode()
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        if random.random() < 0.5:
            connection.recv(1000)


def told() -> set[Path]:
    """The files in which servers tell of faults."""
    return set(Path(tempfile.gettempdir()).glob("recurra-*.log"))


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text.txt").write_text(
            "to be or not to be, that is the question\n" * 300, "utf-8"
        )
        recipe = recurra.MODERN.with_(hidden=32, steps=300)
        recurra.train(folder / "text.txt", "rnn", recipe, out=folder / RUN)
        with studio_process(folder) as (server, client):
            token = client.headers["authorization"].partition(" ")[2]
            known = told()
            load(server.pid, client.base_url.port, token, seconds)
            assert told() == known, "the server has told of a fault"


def load(process: int, port: int, token: str, seconds: float) -> None:
    over, wrong, busy, done, gone = threading.Event(), [], [], [0], [0]
    key = {"authorization": f"Bearer {token}"}
    origin = f"http://127.0.0.1:{port}"

    def open_page() -> None:
        address = f"{origin}/api/train/events"
        with (
            contextlib.suppress(httpx.HTTPError),  # at the end the server leaves first
            httpx.stream("GET", address, headers=key, timeout=60) as response,
        ):
            for _ in response.iter_lines():
                if over.is_set():
                    return

    with httpx.Client(base_url=origin, headers=key, timeout=120) as client:
        expected = client.post("/v1/completions", json=SHORT).json()["choices"]
        pages = [threading.Thread(target=open_page, daemon=True) for _ in range(20)]
        for page in pages:
            page.start()

        def ask() -> None:
            for turn in count(1):
                client.get("/api/train/chart", params={"run": RUN, "y": "loss"}).raise_for_status()
                client.get("/api/folder").raise_for_status()
                answer = client.post("/v1/completions", json=SHORT)
                if answer.status_code == 503:  # a right answer, too, to too many at once
                    busy.append(turn)
                elif answer.json()["choices"] != expected:
                    wrong.append(answer.text)
                done[0] += 3
                if over.wait(max(0.0, begun + 12 * 60 / 1000 * turn - time.monotonic())):
                    return

        def leave() -> None:
            while not over.is_set():
                hang_up(port, token)
                gone[0] += 1
                over.wait(1.0)

        begun, cpu = time.monotonic(), cpu_seconds(process)
        threads = [threading.Thread(target=ask) for _ in range(4)]
        threads += [threading.Thread(target=leave) for _ in range(50)]
        for thread in threads:
            thread.start()
        time.sleep(seconds / 10)
        before = memory(process)
        time.sleep(0.9 * seconds)
        over.set()
        for thread in threads:
            thread.join()
        after, cpu = memory(process), cpu_seconds(process) - cpu
    sys.stdout.write(
        f"{done[0]} requests, {len(busy)} told to come back; {gone[0]} readers that hung up; "
        f"{before:.0f} MiB, then {after:.0f} MiB; seconds of processor: {cpu:.0f} of the server, "
        f"{time.process_time():.0f} of this program\n"
    )
    assert not wrong, wrong[0]
    assert after - before < GROWTH


if __name__ == "__main__":
    main()
