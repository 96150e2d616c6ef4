"""Many readers, and readers that leave: nothing goes on for nobody, and answers stay right.

tests/long/studio_load.py does the same for a minute, and looks at the memory.
"""

import http.client
import json
import socket
import tempfile
import threading

import pytest

from recurra.studio.pool import MOST, Pool
from serving import until

RUN = "runs/rnn"
LONG = {"model": RUN, "prompt": "to be", "max_tokens": 900_000, "stream": True, "seed": 1}
SHORT = {"model": RUN, "prompt": "to be", "max_tokens": 30, "seed": 1}


def post(server, body, *, chunks=None):
    """An open connection that has asked, by hand."""
    content = json.dumps(body).encode()
    length = f"Content-Length: {len(content)}" if chunks is None else "Transfer-Encoding: chunked"
    head = [
        "POST /v1/completions HTTP/1.1", f"Host: 127.0.0.1:{server.port}",
        f"Authorization: Bearer {server.token}", length, "", "",
    ]  # fmt: skip
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=120)
    connection.sendall("\r\n".join(head).encode() + (content if chunks is None else b""))
    return connection


@pytest.fixture
def pools(monkeypatch):
    """The pools whose requests are at work."""
    found = []
    first = Pool.stream

    def stream(pool, *given):
        found.append(pool)
        return first(pool, *given)

    monkeypatch.setattr(Pool, "stream", stream)
    return found


def test_fifty_readers_that_hang_up(studio, pools):
    server, client = studio
    expected = client.post("/v1/completions", json=SHORT).json()["choices"]
    connections = [post(server, LONG) for _ in range(50)]
    for connection in connections[:10]:
        connection.recv(100)  # in the midst of the answer
    for connection in connections:
        connection.close()
    assert client.post("/v1/completions", json=SHORT).json()["choices"] == expected
    until(lambda: all(pool._free == MOST for pool in pools))


def test_a_reader_who_hangs_up_before_a_whole_answer(studio, pools):
    server, client = studio
    with post(server, {**LONG, "stream": False}):
        until(lambda: any(pool._free < MOST for pool in pools))
    until(lambda: all(pool._free == MOST for pool in pools))
    assert client.post("/v1/completions", json=SHORT).status_code == 200


def test_who_hangs_up_before_all_is_said_is_no_fault(studio, monkeypatch, tmp_path):
    server, client = studio
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where faults are told
    head = f"Host: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}"
    for path in ("/v1/completions", "/api/write/read", "/api/texts?name=a.txt"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
            asked = f"POST {path} HTTP/1.1\r\n{head}\r\nContent-Length: 900\r\n\r\nhalf"
            connection.sendall(asked.encode())
    assert client.post("/v1/completions", json=SHORT).status_code == 200
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_slow_reader_holds_nobody_up(studio):
    server, client = studio
    slow = [post(server, LONG) for _ in range(4)]  # more than there are threads; none of them reads
    answers = [client.post("/v1/completions", json=SHORT).json()["choices"] for _ in range(5)]
    assert all(answer == answers[0] for answer in answers)
    for connection in slow:
        connection.close()


def test_too_many_at_once_are_told_to_ask_again(studio, pools):
    server, client = studio
    connections = [post(server, LONG) for _ in range(MOST)]
    try:
        until(lambda: pools and pools[0]._free == 0)
        response = client.post("/v1/completions", json=SHORT)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "busy")
    finally:
        for connection in connections:
            connection.close()
    until(lambda: pools[0]._free == MOST)
    assert client.post("/v1/completions", json=SHORT).status_code == 200


def test_a_body_in_pieces_without_end(studio):
    server, client = studio
    with post(server, {}, chunks=True) as connection:
        piece = b"100000\r\n" + b" " * 2**20 + b"\r\n"
        sent = 0
        try:
            for _ in range(100):
                connection.sendall(piece)
                sent += 1
        except OSError:  # it listens no longer
            pass
        assert sent < 100
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
            assert answer.status == 413
        except ConnectionError:
            pass  # the refusal was lost with what nobody read
    assert client.post("/v1/completions", json=SHORT).status_code == 200


def test_a_request_that_never_ends_holds_nobody_up(studio):
    server, client = studio
    halves = [post(server, {}, chunks=True) for _ in range(30)]
    assert client.post("/v1/completions", json=SHORT).status_code == 200
    for connection in halves:
        connection.close()


def test_many_at_once_get_their_own_answers(studio):
    _, client = studio
    seeds = range(24)
    asked = [{**SHORT, "seed": seed} for seed in seeds]
    expected = [client.post("/v1/completions", json=one).json()["choices"] for one in asked]
    found = [None] * len(asked)

    def ask(number):
        found[number] = client.post("/v1/completions", json=asked[number]).json()["choices"]

    threads = [threading.Thread(target=ask, args=[number]) for number in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected
