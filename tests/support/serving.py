"""A studio on a free port of this machine, in a thread, and a client that has its token."""

import contextlib
import threading

import httpx

from recurra.studio.server import Server


@contextlib.contextmanager
def serving(folder, **options):
    """The address of a server, and a client with its key."""
    server = Server(folder, **options)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    key = {"authorization": f"Bearer {server.token}"}
    try:
        with httpx.Client(base_url=server.origin, headers=key, timeout=60) as client:
            yield server, client
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()
