"""A studio on a free port of this machine, in a thread, and a client that has its token."""

import contextlib
import json
import threading
import time

import httpx

from recurra.report.page import fragment
from recurra.studio.app import create_app
from recurra.studio.server import Server, make_token


def server_of(folder, port=None):
    """A server that listens, and does not serve yet."""
    token = make_token()
    return Server(create_app(folder, token, fragment), token, port)


@contextlib.contextmanager
def serving(folder):
    """A server that serves, and a client with its key."""
    server = server_of(folder)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    key = {"authorization": f"Bearer {server.token}"}
    try:
        with httpx.Client(base_url=server.origin, headers=key, timeout=120) as client:
            yield server, client
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


def look(client):
    """All that the page of trainings is told first."""
    with client.stream("GET", "/api/train/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data: "):
                return json.loads(line.removeprefix("data: "))
    raise AssertionError


def until(true, seconds=120.0):
    """Wait for something that comes true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
    return found
